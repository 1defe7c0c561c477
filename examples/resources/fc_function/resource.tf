# Code from a directory; .fcignore in it lists what stays out.
resource "fc_function" "hello" {
  function_name = "hello"
  runtime       = "python3.10"
  handler       = "index.handler"
  package_dir   = "${path.module}/functions/hello"
  memory_size   = 512
  timeout       = 30

  environment_variables = {
    GREETING = "Hello"
  }
}

# An HTTP server of one's own, packed by a build.
resource "fc_function" "web" {
  function_name        = "web"
  runtime              = "custom.debian12"
  handler              = "bootstrap"
  package_file         = "${path.module}/build/web.zip"
  cpu                  = 1
  memory_size          = 2048
  instance_concurrency = 100

  custom_runtime_config {
    command = ["./web"]
    port    = 9000

    health_check_config {
      http_get_url   = "/healthz"
      period_seconds = 5
    }
  }

  instance_lifecycle_config {
    initializer {
      handler = "initialize"
      timeout = 30
    }
  }

  tags = {
    team = "shop"
  }
}

# Code that was uploaded to the object store.
resource "fc_function" "report" {
  function_name = "report"
  runtime       = "nodejs20"
  handler       = "index.handler"

  code {
    oss_bucket_name = "releases"
    oss_object_name = "report/1.4.0.zip"
    checksum        = "4270285996107335518"
  }
}
