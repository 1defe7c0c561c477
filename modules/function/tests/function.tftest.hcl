# Against the platform that FC_ENDPOINT and the access key in the environment name.

variables {
  name    = "tftest-function"
  runtime = "custom"
  package = { dir = "tests/code" }
}

run "a_function_is_deployed" {
  assert {
    condition     = output.name == "tftest-function"
    error_message = "The function is called ${output.name}."
  }

  assert {
    condition     = endswith(output.arn, ":functions/tftest-function")
    error_message = "The ARN is ${output.arn}."
  }

  assert {
    condition     = can(regex("^[0-9]+$", output.code_checksum))
    error_message = "The checksum is ${output.code_checksum}."
  }

  assert {
    condition     = output.memory_size == 512 && output.cpu == 0.35
    error_message = "It has ${output.memory_size} MB and ${output.cpu} vCPU."
  }
}

run "settings_are_changed_in_place" {
  variables {
    memory_size           = 1024
    timeout               = 10
    description           = "changed"
    instance_concurrency  = 20
    command               = ["./bootstrap", "-v"]
    port                  = 9001
    health_check_path     = "/healthz"
    initializer           = { handler = "initialize", timeout = 20 }
    environment_variables = { GREETING = "Hi" }
  }

  assert {
    condition     = output.memory_size == 1024 && output.cpu == 0.7
    error_message = "It has ${output.memory_size} MB and ${output.cpu} vCPU."
  }

  assert {
    condition     = fc_function.this.custom_runtime_config.port == 9001 && fc_function.this.instance_lifecycle_config.initializer.timeout == 20
    error_message = "Port or initializer are other ones."
  }
}

run "and_taken_back" {
  assert {
    condition     = output.memory_size == 512 && fc_function.this.custom_runtime_config == null && fc_function.this.description == null
    error_message = "Something is left of the settings."
  }
}

run "a_bad_name_is_refused" {
  command = plan

  variables {
    name = "1st"
  }

  expect_failures = [var.name]
}

run "two_packages_are_refused" {
  command = plan

  variables {
    package = { dir = "tests/code", file = "code.zip" }
  }

  expect_failures = [var.package]
}

run "memory_between_two_steps_is_refused" {
  command = plan

  variables {
    memory_size = 500
  }

  expect_failures = [var.memory_size]
}

run "concurrency_in_a_builtin_runtime_is_refused" {
  command = plan

  variables {
    runtime              = "go1"
    instance_concurrency = 2
  }

  expect_failures = [var.instance_concurrency]
}

run "a_reserved_variable_is_refused" {
  command = plan

  variables {
    environment_variables = { FC_REGION = "x" }
  }

  expect_failures = [var.environment_variables]
}
