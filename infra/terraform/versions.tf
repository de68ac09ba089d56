# One deployment of Janitor in one AWS account and region. `make infra-plan ENV=dev` and `make infra-apply ENV=dev` run
# it; docs/deploy.md tells the whole way. ENV=local applies the same files to the local cloud.

terraform {
  required_version = ">= 1.10" # the first whose S3 backend locks without DynamoDB

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # Bucket, key and region come from the command, one key for each ENV.
  backend "s3" {}
}

provider "aws" {
  region              = var.region
  allowed_account_ids = var.account_id == "" ? null : [var.account_id]
  s3_use_path_style   = var.is_local

  default_tags {
    tags = {
      "janitor:stack" = var.deployment
    }
  }
}

data "aws_caller_identity" "me" {}

locals {
  name    = "janitor-${var.deployment}"
  account = data.aws_caller_identity.me.account_id

  # What the policies in infra/policies put in the place of ${…}. The local stack fills the same files.
  policy_values = {
    account         = local.account
    region          = var.region
    deployment      = var.deployment
    bucket          = local.bucket
    log_group       = var.log_group
    notice_prefix   = "janitor-notices"
    secrets_prefix  = local.secrets_prefix
    alarm_topic     = local.alarm_topic
    schedule_group  = local.name
    reaper_function = local.reaper_function
    ami_parameter   = local.ami_parameter
    instance_role   = "${local.name}-instance"
    scheduler_role  = "${local.name}-scheduler"
  }

  bucket          = "${local.name}-${local.account}"
  alarm_topic     = "${local.name}-alarms"
  secrets_prefix  = "janitor/${var.deployment}/"
  reaper_function = "${local.name}-reaper"
  ami_parameter   = "/janitor/${var.deployment}/ami"
}
