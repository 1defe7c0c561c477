# Call the function with HTTP.
resource "fc_trigger" "web" {
  function_name = "web"
  trigger_name  = "http"

  http {
    auth_type = "anonymous"
    methods   = ["GET", "POST"]

    cors {
      allow_origins = ["https://shop.example.com"]
      allow_methods = ["GET", "POST"]
      max_age       = 600
    }
  }
}

output "url" {
  value = fc_trigger.web.url_internet
}

# Any other kind of trigger is given as JSON.
resource "fc_trigger" "nightly" {
  function_name = "report"
  trigger_name  = "nightly"
  trigger_type  = "timer"

  trigger_config = jsonencode({
    cronExpression = "CRON_TZ=Europe/Berlin 0 30 2 * * *"
    enable         = true
    payload        = "full"
  })
}
