# What ends instances though Airflow and Postgres are dead, and what is loud when one of these doesn't act itself.

resource "aws_scheduler_schedule_group" "timers" {
  name = local.name # what is left in it goes with it
}

resource "aws_cloudwatch_log_group" "reaper" {
  name              = "/aws/lambda/${local.reaper_function}" # else Lambda would make it, to be kept for ever
  retention_in_days = var.log_days
}

resource "aws_lambda_function" "reaper" {
  function_name    = local.reaper_function
  description      = "Terminates instances of ${var.deployment} that are past their time"
  role             = aws_iam_role.reaper.arn
  handler          = "reaper.handler"
  runtime          = "python3.12"
  memory_size      = 256
  timeout          = 60
  filename         = var.reaper_package
  source_code_hash = filebase64sha256(var.reaper_package)

  environment {
    variables = {
      DEPLOYMENT = var.deployment
      BUCKET     = aws_s3_bucket.janitor.id
    }
  }

  depends_on = [aws_cloudwatch_log_group.reaper, aws_iam_role_policy.reaper]
}

locals {
  reap_minutes = var.reap_interval_seconds / 60

  rules = {
    pass         = { rate = local.reap_minutes == 1 ? "rate(1 minute)" : "rate(${local.reap_minutes} minutes)", pattern = null }
    spot-warning = { rate = null, pattern = { source = ["aws.ec2"], detail-type = ["EC2 Spot Instance Interruption Warning"] } }
  }
}

resource "aws_cloudwatch_event_rule" "reaper" {
  for_each = local.rules

  name                = "${local.reaper_function}-${each.key}"
  description         = "Calls the reaper of ${var.deployment}"
  schedule_expression = each.value.rate
  event_pattern       = each.value.pattern == null ? null : jsonencode(each.value.pattern)
}

resource "aws_cloudwatch_event_target" "reaper" {
  for_each = local.rules

  rule      = aws_cloudwatch_event_rule.reaper[each.key].name
  target_id = local.reaper_function
  arn       = aws_lambda_function.reaper.arn
}

resource "aws_lambda_permission" "rules" {
  for_each = local.rules

  statement_id  = "${local.reaper_function}-${each.key}"
  function_name = aws_lambda_function.reaper.function_name
  action        = "lambda:InvokeFunction"
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.reaper[each.key].arn
}

resource "aws_lambda_permission" "alarm" {
  statement_id  = "${local.reaper_function}-overdue"
  function_name = aws_lambda_function.reaper.function_name
  action        = "lambda:InvokeFunction"
  principal     = "lambda.alarms.cloudwatch.amazonaws.com"
  source_arn    = "arn:aws:cloudwatch:${var.region}:${local.account}:alarm:${local.reaper_function}-overdue"
}

# The alarms

locals {
  of_deployment = { Deployment = var.deployment }
  of_reaper     = { FunctionName = local.reaper_function }
  of_timers     = { ScheduleGroup = local.name }

  # `missing` says what it means that there is no figure. Only silence of the reaper itself is an alarm: the others'
  # figures come from a reaper that runs, or from something that goes wrong.
  alarms = {
    overdue = {
      text      = "Instances are alive past their time"
      runbook   = "Overdue alarm"
      namespace = "Janitor", metric = "OverdueInstances", dimensions = local.of_deployment
      statistic = "Maximum", period = 60, comparison = "GreaterThanThreshold", threshold = 0
      missing   = "notBreaching", calls_reaper = true
    }
    silent = {
      text       = "The reaper's function does not run"
      runbook    = "Reaper does not run"
      namespace  = "AWS/Lambda", metric = "Invocations", dimensions = local.of_reaper
      statistic  = "Sum", period = max(3 * var.reap_interval_seconds, 300)
      comparison = "LessThanThreshold", threshold = 1
      missing    = "breaching", calls_reaper = false
    }
    errors = {
      text      = "A pass of the reaper's function failed"
      runbook   = "Reaper's function fails"
      namespace = "AWS/Lambda", metric = "Errors", dimensions = local.of_reaper
      statistic = "Sum", period = 300, comparison = "GreaterThanThreshold", threshold = 0
      missing   = "notBreaching", calls_reaper = false
    }
    timers = {
      text      = "An external timer could not terminate its instance"
      runbook   = "Timer could not terminate"
      namespace = "AWS/Scheduler", metric = "TargetErrorCount", dimensions = local.of_timers
      statistic = "Sum", period = 300, comparison = "GreaterThanThreshold", threshold = 0
      missing   = "notBreaching", calls_reaper = false
    }
    many = {
      text      = "More instances are alive than max_instances"
      runbook   = "Many instances"
      namespace = "Janitor", metric = "InstancesAlive", dimensions = local.of_deployment
      statistic = "Maximum", period = 300, comparison = "GreaterThanThreshold", threshold = var.max_instances
      missing   = "notBreaching", calls_reaper = false
    }
    log-errors = {
      text      = "ERROR lines in the instances' logs"
      runbook   = "Errors in the logs"
      namespace = local.log_namespace, metric = "ErrorLines", dimensions = {}
      statistic = "Sum", period = 300, comparison = "GreaterThanThreshold", threshold = 0
      missing   = "notBreaching", calls_reaper = false
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "janitor" {
  for_each = local.alarms

  alarm_name          = "${local.reaper_function}-${each.key}"
  alarm_description   = "${each.value.text}; see \"${each.value.runbook}\" in runbook.md"
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = each.value.period
  evaluation_periods  = 1
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  treat_missing_data  = each.value.missing
  alarm_actions       = concat([aws_sns_topic.alarms.arn], each.value.calls_reaper ? [aws_lambda_function.reaper.arn] : [])
}
