terraform {
  required_version = ">= 1.6"

  required_providers {
    fc = {
      source = "fcstack/fc"
    }
  }
}
