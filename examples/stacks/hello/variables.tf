variable "prefix" {
  description = "What the names of the functions begin with."
  type        = string
  default     = "hello"
  nullable    = false
}

variable "greeting" {
  description = "What the functions say."
  type        = string
  default     = "Hello"
  nullable    = false
}

variable "languages" {
  description = "What to deploy besides the Go function, as far as the platform has an interpreter: go1, python, node."
  type        = set(string)
  default     = ["go", "go1"]
  nullable    = false

  validation {
    condition     = length(setsubtract(var.languages, ["go", "go1", "python", "node"])) == 0
    error_message = "The languages are go, go1, python and node."
  }
}

variable "go_package_dir" {
  description = "Directory with the built Go function, as bootstrap; its place in examples/functions unless given."
  type        = string
  default     = null
}

variable "go1_package_dir" {
  description = "The same for the function with the go1 runtime."
  type        = string
  default     = null
}

variable "python_runtime" {
  description = "Runtime of the Python function."
  type        = string
  default     = "python3.10"
  nullable    = false

  validation {
    condition     = startswith(var.python_runtime, "python3")
    error_message = "The runtime is a python3 one."
  }
}

variable "node_runtime" {
  description = "Runtime of the Node.js function."
  type        = string
  default     = "nodejs18"
  nullable    = false

  validation {
    condition     = startswith(var.node_runtime, "nodejs")
    error_message = "The runtime is a nodejs one."
  }
}
