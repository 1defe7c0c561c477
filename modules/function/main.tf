locals {
  custom_runtime = var.command != null || var.port != null || var.health_check_path != null
}

resource "fc_function" "this" {
  function_name = var.name
  runtime       = var.runtime
  handler       = var.handler
  description   = var.description

  package_dir  = var.package.dir
  package_file = var.package.file

  dynamic "code" {
    for_each = var.package.object == null ? [] : [var.package.object]

    content {
      oss_bucket_name = code.value.bucket
      oss_object_name = code.value.name
      checksum        = code.value.checksum
    }
  }

  dynamic "custom_runtime_config" {
    for_each = local.custom_runtime ? [true] : []

    content {
      command = var.command
      port    = var.port

      dynamic "health_check_config" {
        for_each = var.health_check_path == null ? [] : [var.health_check_path]

        content {
          http_get_url = health_check_config.value
        }
      }
    }
  }

  dynamic "instance_lifecycle_config" {
    for_each = var.initializer == null ? [] : [var.initializer]

    content {
      initializer {
        handler = instance_lifecycle_config.value.handler
        timeout = instance_lifecycle_config.value.timeout
      }
    }
  }

  memory_size           = var.memory_size
  cpu                   = var.cpu
  timeout               = var.timeout
  instance_concurrency  = var.instance_concurrency
  internet_access       = var.internet_access
  environment_variables = length(var.environment_variables) == 0 ? null : var.environment_variables
  layers                = length(var.layers) == 0 ? null : var.layers
  role                  = var.role
  tags                  = length(var.tags) == 0 ? null : var.tags
}
