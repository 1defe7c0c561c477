# Against the platform that FC_ENDPOINT and the access key in the environment name.

run "setup" {
  module {
    source = "./tests/setup"
  }
}

run "a_function_gets_a_url" {
  variables {
    function_name = run.setup.name
    methods       = ["GET"]
    auth_type     = "anonymous"
  }

  assert {
    condition     = can(regex("^https?://", output.url)) && can(regex("^https?://", output.internal_url))
    error_message = "The URLs are ${output.url} and ${output.internal_url}."
  }
}

run "settings_are_changed_in_place" {
  variables {
    function_name = run.setup.name
    methods       = ["GET", "POST"]
    public        = false
    cors = {
      allow_origins = ["https://shop.example.com"]
      allow_methods = ["GET"]
      max_age       = 600
    }
  }

  assert {
    condition     = fc_trigger.this.http.auth_type == "function" && fc_trigger.this.http.cors.max_age == 600
    error_message = "The settings are ${jsonencode(fc_trigger.this.http)}."
  }
}

run "another_name_makes_another_trigger" {
  variables {
    function_name = run.setup.name
    trigger_name  = "web"
  }

  assert {
    condition     = fc_trigger.this.id == "tftest-http-api:web" && output.trigger_id != ""
    error_message = "The trigger is ${fc_trigger.this.id}."
  }
}

run "an_unknown_method_is_refused" {
  command = plan

  variables {
    function_name = "x"
    methods       = ["FETCH"]
  }

  expect_failures = [var.methods]
}

run "credentials_to_every_origin_are_refused" {
  command = plan

  variables {
    function_name = "x"
    cors          = { allow_origins = ["*"], allow_credentials = true }
  }

  expect_failures = [var.cors]
}
