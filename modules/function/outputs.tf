output "name" {
  description = "Name of the function."
  value       = fc_function.this.function_name
}

output "arn" {
  description = "ARN of the function."
  value       = fc_function.this.function_arn
}

output "code_checksum" {
  description = "Checksum of the code that the server has."
  value       = fc_function.this.code_checksum
}

output "memory_size" {
  description = "Memory of an instance in MB."
  value       = fc_function.this.memory_size
}

output "cpu" {
  description = "vCPUs of an instance."
  value       = fc_function.this.cpu
}
