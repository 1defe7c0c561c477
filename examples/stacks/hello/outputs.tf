output "function_names" {
  description = "Name of each function, by language."
  value       = { for language, f in module.function : language => f.name }
}

output "urls" {
  description = "URL of each function that has one, by language."
  value       = { for language, api in module.api : language => api.url }
}
