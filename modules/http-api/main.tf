resource "fc_trigger" "this" {
  function_name = var.function_name
  trigger_name  = var.trigger_name
  qualifier     = var.qualifier
  description   = var.description

  http {
    auth_type            = var.auth_type
    methods              = var.methods
    disable_url_internet = !var.public

    dynamic "cors" {
      for_each = var.cors == null ? [] : [var.cors]

      content {
        allow_origins     = cors.value.allow_origins
        allow_methods     = cors.value.allow_methods
        allow_headers     = cors.value.allow_headers
        expose_headers    = cors.value.expose_headers
        allow_credentials = cors.value.allow_credentials
        max_age           = cors.value.max_age
      }
    }
  }
}
