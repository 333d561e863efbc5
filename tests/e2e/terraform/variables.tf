# What the second apply changes. `round` is 1, then 2.

variable "round" {
  type    = number
  default = 1
}

variable "runtime" {
  type = string
}

variable "code" {
  description = "Directory of the handler's source"
  type        = string
}

locals {
  later   = var.round == 2
  account = data.aws_caller_identity.me.account_id
}
