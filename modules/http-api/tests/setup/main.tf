# A function for the tests of the module.

module "function" {
  source = "../../../function"

  name    = "tftest-http-api"
  runtime = "custom"
  package = { dir = "${path.module}/code" }
}

output "name" {
  value = module.function.name
}
