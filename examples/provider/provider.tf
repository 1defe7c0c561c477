terraform {
  required_providers {
    fc = {
      source = "fcstack/fc"
    }
  }
}

# The access key comes from ALIBABA_CLOUD_ACCESS_KEY_ID and
# ALIBABA_CLOUD_ACCESS_KEY_SECRET: it belongs into no file.
provider "fc" {
  endpoint = "https://fc.example.com"
}
