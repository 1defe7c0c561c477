variable "function_name" {
  description = "Function that answers."
  type        = string
  nullable    = false
}

variable "trigger_name" {
  description = "Name of the trigger."
  type        = string
  default     = "http"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z_][A-Za-z0-9_-]{0,127}$", var.trigger_name))
    error_message = "A name has 1 to 128 letters, digits, underscores and hyphens and begins with a letter or underscore."
  }
}

variable "auth_type" {
  description = "Who may call: function (signed requests) or anonymous (everyone)."
  type        = string
  default     = "function"
  nullable    = false

  validation {
    condition     = contains(["function", "anonymous"], var.auth_type)
    error_message = "The type is function or anonymous."
  }
}

variable "methods" {
  description = "Methods that are let through."
  type        = set(string)
  default     = ["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"]
  nullable    = false

  validation {
    condition     = length(var.methods) > 0 && length(setsubtract(var.methods, ["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"])) == 0
    error_message = "The methods are some of GET, POST, PUT, DELETE, HEAD, PATCH and OPTIONS."
  }
}

variable "public" {
  description = "Whether the public URL answers; the internal one always does."
  type        = bool
  default     = true
  nullable    = false
}

variable "cors" {
  description = "What browsers on other origins may do; null leaves it to the function."
  type = object({
    allow_origins     = set(string)
    allow_methods     = optional(set(string))
    allow_headers     = optional(set(string))
    expose_headers    = optional(set(string))
    allow_credentials = optional(bool)
    max_age           = optional(number)
  })
  default = null

  validation {
    condition     = var.cors == null ? true : length(var.cors.allow_origins) > 0
    error_message = "Name at least one origin."
  }

  validation {
    condition     = var.cors == null ? true : !(coalesce(var.cors.allow_credentials, false) && contains(var.cors.allow_origins, "*"))
    error_message = "Credentials are not allowed to every origin: name the origins."
  }
}

variable "qualifier" {
  description = "Version or alias of the function that is called."
  type        = string
  default     = "LATEST"
  nullable    = false
}

variable "description" {
  description = "Free text."
  type        = string
  default     = null
}
