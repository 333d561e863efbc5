# The provider as people set it up for an endpoint of their own: no account of AWS is asked anything.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

provider "aws" {
  region                     = "us-east-1"
  skip_region_validation     = true
  skip_metadata_api_check    = true
  skip_requesting_account_id = false
  s3_use_path_style          = true
  default_tags {
    tags = { made_by = "terraform" }
  }
}
