# What must hold before anything is applied: a plan with a provider that calls nothing.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_availability_zones" {
    defaults = { names = ["us-east-1a", "us-east-1b", "us-east-1c", "us-east-1e"] }
  }

  mock_data "aws_ec2_instance_type_offerings" {
    defaults = { locations = ["us-east-1c", "us-east-1a", "us-east-1a"] }
  }
}

variables {
  deployment            = "check"
  region                = "us-east-1"
  log_group             = "/janitor-runner/check"
  volume_gib            = 120
  reap_interval_seconds = 600
}

run "template" {
  command = plan

  assert {
    condition     = length(aws_launch_template.gpu.network_interfaces) == 0
    error_message = "RunInstances sends a subnet, which can't stand beside network interfaces of a template"
  }

  assert {
    condition     = aws_launch_template.gpu.user_data == null
    error_message = "RunInstances' own user data overrides the template's: it would never run"
  }

  assert {
    condition = (
      aws_launch_template.gpu.metadata_options[0].http_tokens == "required"
      && aws_launch_template.gpu.metadata_options[0].http_put_response_hop_limit == 1
    )
    error_message = "a container could take on the instance's role"
  }

  assert {
    condition     = aws_launch_template.gpu.instance_initiated_shutdown_behavior == "terminate"
    error_message = "the guest's timer would stop the instance, which goes on costing its volume"
  }

  assert {
    condition     = aws_launch_template.gpu.update_default_version
    error_message = "a change of the template would never be launched"
  }

  assert {
    condition     = aws_launch_template.gpu.image_id == "resolve:ssm:/janitor/check/ami"
    error_message = "a new AMI would need an apply"
  }

  assert {
    condition = (
      aws_launch_template.gpu.block_device_mappings[0].ebs[0].volume_size == 120
      && output.settings.JANITOR_VOLUME_GIB == "120"
    )
    error_message = "the cost of a volume is computed from another size than it has"
  }

  assert {
    condition     = alltrue([for one in aws_launch_template.gpu.tag_specifications : one.tags["janitor:deployment"] == "check"])
    error_message = "the killers would not see an instance that is launched from the template by hand"
  }
}

run "network" {
  command = plan

  assert {
    condition     = length(aws_security_group.instances.ingress) == 0
    error_message = "an instance can be reached from outside"
  }

  assert {
    condition     = join(" ", keys(aws_subnet.public)) == "us-east-1a us-east-1c"
    error_message = "subnets are not in exactly the zones that offer an instance type"
  }

  assert {
    condition     = aws_subnet.public["us-east-1c"].cidr_block == "10.77.32.0/20"
    error_message = "a zone's addresses depend on which other zones there are"
  }

  assert {
    condition     = alltrue([for one in aws_subnet.public : one.map_public_ip_on_launch])
    error_message = "without a public address and without NAT an instance reaches nothing"
  }

  assert {
    condition     = aws_vpc_endpoint.s3.vpc_endpoint_type == "Gateway"
    error_message = "an interface endpoint costs by the hour"
  }
}

run "killers" {
  command = plan

  assert {
    condition = (
      aws_cloudwatch_event_rule.reaper["pass"].schedule_expression == "rate(10 minutes)"
      && output.settings.JANITOR_REAP_INTERVAL_SECONDS == "600"
    )
    error_message = "the function's passes and the settings' interval differ"
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.janitor["silent"].treat_missing_data == "breaching"
      && aws_cloudwatch_metric_alarm.janitor["silent"].metric_name == "Invocations"
      && aws_cloudwatch_metric_alarm.janitor["silent"].comparison_operator == "LessThanThreshold"
      && aws_cloudwatch_metric_alarm.janitor["silent"].period == 1800
    )
    error_message = "nobody notices a reaper that does not run"
  }

  assert {
    condition     = aws_lambda_function.reaper.environment[0].variables.DEPLOYMENT == "check"
    error_message = "the function would look after another deployment"
  }

  assert {
    condition     = aws_cloudwatch_log_group.reaper.retention_in_days == 30
    error_message = "the function's log is kept for ever"
  }

  assert {
    condition     = !strcontains(aws_iam_role_policy.scheduler.policy, "lambda:")
    error_message = "the timers' role may call the function, and nothing uses it"
  }
}

run "budget" {
  command = plan

  assert {
    condition     = one(aws_budgets_budget.monthly[0].cost_filter).values[0] == "user:janitor:deployment$check"
    error_message = "the budget counts nothing, or another deployment's instances"
  }
}

run "wrong_interval" {
  command = plan

  variables {
    reap_interval_seconds = 90
  }

  expect_failures = [var.reap_interval_seconds]
}

run "wrong_name" {
  command = plan

  variables {
    deployment = "Dev_1\", \"Action\": \"*"
  }

  expect_failures = [var.deployment]
}

run "options" {
  command = plan

  variables {
    database              = true
    github_repository     = "owner/name"
    controller_principals = ["arn:aws:iam::123456789012:root"]
    bedrock_models        = ["arn:aws:bedrock:us-east-1::foundation-model/one"]
    alarm_email           = "somebody@example.com"
    cache_volume_gib      = 0
  }

  assert {
    condition     = aws_db_instance.janitor[0].manage_master_user_password && !aws_db_instance.janitor[0].publicly_accessible
    error_message = "the database's password would be in the state, or the database in the open"
  }

  assert {
    condition     = length(aws_ebs_volume.cache) == 0
    error_message = "a deployment without a cache volume has one"
  }

  assert {
    condition     = strcontains(aws_iam_role.github["image"].assume_role_policy, "repo:owner/name:ref:refs/tags/v*")
    error_message = "another branch or repository could push images"
  }
}
