import {
  to = fc_trigger.web
  id = "web:http"
}
