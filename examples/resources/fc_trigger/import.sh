# <function name>:<trigger name>
terraform import fc_trigger.web web:http
