data "fc_functions" "shop" {
  prefix = "shop-"
}

output "memory" {
  value = { for f in data.fc_functions.shop.functions : f.function_name => f.memory_size }
}
