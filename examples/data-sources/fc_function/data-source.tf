data "fc_function" "hello" {
  function_name = "hello"
}

output "checksum" {
  value = data.fc_function.hello.code_checksum
}
