output "url" {
  description = "URL to call the function at."
  value       = fc_trigger.this.url_internet
}

output "internal_url" {
  description = "URL to call the function at from inside."
  value       = fc_trigger.this.url_intranet
}

output "trigger_id" {
  description = "ID of the trigger."
  value       = fc_trigger.this.trigger_id
}
