terraform {
  required_version = ">= 1.6"

  required_providers {
    fc = {
      source = "fcstack/fc"
    }
  }
}

# Endpoint and access key come from the environment.
provider "fc" {}

locals {
  functions_dir = "${path.module}/../../functions"

  # The same greeter in every language. Go is always there.
  all = {
    go = {
      runtime     = "custom"
      handler     = "bootstrap"
      dir         = coalesce(var.go_package_dir, "${local.functions_dir}/go")
      concurrency = 20
    }
    go1 = {
      runtime     = "go1"
      handler     = "bootstrap"
      dir         = coalesce(var.go1_package_dir, "${local.functions_dir}/go1")
      concurrency = 1
    }
    python = {
      runtime     = var.python_runtime
      handler     = "index.handler"
      dir         = "${local.functions_dir}/python"
      concurrency = 1
    }
    node = {
      runtime     = var.node_runtime
      handler     = "index.handler"
      dir         = "${local.functions_dir}/nodejs"
      concurrency = 1
    }
  }

  functions = { for language, f in local.all : language => f if contains(setunion(["go"], var.languages), language) }
}

module "function" {
  source   = "../../../modules/function"
  for_each = local.functions

  name                  = "${var.prefix}-${each.key}"
  description           = "Greets, written for ${each.value.runtime}"
  runtime               = each.value.runtime
  handler               = each.value.handler
  package               = { dir = each.value.dir }
  instance_concurrency  = each.value.concurrency
  timeout               = 30
  environment_variables = { GREETING = var.greeting }
}

# go1 answers events alone: an HTTP call would reach it as the JSON of a request.
module "api" {
  source   = "../../../modules/http-api"
  for_each = { for language, f in module.function : language => f if language != "go1" }

  function_name = each.value.name
  auth_type     = "anonymous"
  methods       = ["GET", "POST"]
}
