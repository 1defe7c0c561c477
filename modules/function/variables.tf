variable "name" {
  description = "Name of the function."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z_][A-Za-z0-9_-]{0,127}$", var.name))
    error_message = "A name has 1 to 128 letters, digits, underscores and hyphens and begins with a letter or underscore."
  }
}

variable "runtime" {
  description = "What executes the code, such as python3.10, nodejs20, go1 or custom.debian12."
  type        = string
  nullable    = false
}

variable "handler" {
  description = "Entry point of the code. Custom runtimes do not use it."
  type        = string
  default     = "bootstrap"
  nullable    = false
}

variable "description" {
  description = "Free text."
  type        = string
  default     = null
}

variable "package" {
  description = "Where the code is: dir (a directory, packed here), file (a ZIP) or object (a ZIP in the object store). Exactly one."
  type = object({
    dir  = optional(string)
    file = optional(string)
    object = optional(object({
      bucket   = string
      name     = string
      checksum = optional(string)
    }))
  })
  nullable = false

  validation {
    condition     = length([for source in values(var.package) : source if source != null]) == 1
    error_message = "Give exactly one of dir, file and object."
  }
}

variable "command" {
  description = "Start command of a custom runtime; /code/bootstrap unless given."
  type        = list(string)
  default     = null
}

variable "port" {
  description = "Port that a custom runtime listens on; 9000 unless given."
  type        = number
  default     = null

  validation {
    condition     = var.port == null ? true : var.port >= 1 && var.port <= 65535
    error_message = "A port is 1 to 65535."
  }
}

variable "health_check_path" {
  description = "Path that a custom runtime is probed at; null probes nothing."
  type        = string
  default     = null

  validation {
    condition     = var.health_check_path == null ? true : startswith(var.health_check_path, "/")
    error_message = "A path begins with a slash."
  }
}

variable "memory_size" {
  description = "Memory of an instance in MB."
  type        = number
  default     = 512
  nullable    = false

  validation {
    condition     = var.memory_size >= 128 && var.memory_size <= 32768 && var.memory_size % 64 == 0
    error_message = "The memory is a multiple of 64 between 128 and 32768."
  }
}

variable "cpu" {
  description = "vCPUs of an instance; they follow the memory unless given."
  type        = number
  default     = null

  validation {
    condition     = var.cpu == null ? true : var.cpu >= 0.05 && var.cpu <= 16
    error_message = "There are 0.05 to 16 vCPUs."
  }
}

variable "timeout" {
  description = "Longest time of one invocation in seconds."
  type        = number
  default     = 60
  nullable    = false

  validation {
    condition     = var.timeout >= 1 && var.timeout <= 86400
    error_message = "The timeout is 1 to 86400 seconds."
  }
}

variable "instance_concurrency" {
  description = "How many invocations one instance handles at once. More than 1 needs a custom runtime."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.instance_concurrency >= 1 && var.instance_concurrency <= 200
    error_message = "The concurrency is 1 to 200."
  }

  validation {
    condition     = var.instance_concurrency == 1 || startswith(var.runtime, "custom")
    error_message = "Only a custom runtime handles more than one invocation at a time."
  }
}

variable "internet_access" {
  description = "Whether the function may reach public networks."
  type        = bool
  default     = true
  nullable    = false
}

variable "initializer" {
  description = "Handler that runs once in every instance before the first invocation, and how long it may take."
  type = object({
    handler = string
    timeout = optional(number, 3)
  })
  default = null

  validation {
    condition     = var.initializer == null ? true : var.initializer.timeout >= 1 && var.initializer.timeout <= 300
    error_message = "The timeout of the initializer is 1 to 300 seconds."
  }
}

variable "environment_variables" {
  description = "Environment of the function."
  type        = map(string)
  default     = {}
  nullable    = false
  sensitive   = true

  validation {
    condition     = alltrue([for name in keys(var.environment_variables) : can(regex("^[A-Za-z][A-Za-z0-9_]*$", name)) && !startswith(name, "FC_")])
    error_message = "A name begins with a letter and has letters, digits and underscores; those that begin with FC_ belong to the platform."
  }
}

variable "layers" {
  description = "ARNs of layer versions."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "role" {
  description = "ARN of the role whose credentials the function gets."
  type        = string
  default     = null
}

variable "tags" {
  description = "Labels of the function."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = length(var.tags) <= 20
    error_message = "There are at most 20 tags."
  }
}
