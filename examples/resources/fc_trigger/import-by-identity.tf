import {
  to = fc_trigger.web
  identity = {
    function_name = "web"
    trigger_name  = "http"
  }
}
