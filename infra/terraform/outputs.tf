# `janitor env-file` writes these into the environment's settings. Nothing here is a secret.
output "settings" {
  description = "Settings of Janitor, by variable."
  value = merge(
    {
      JANITOR_DEPLOYMENT            = var.deployment
      JANITOR_REGION                = var.region
      JANITOR_BUCKET                = aws_s3_bucket.janitor.id
      JANITOR_LOG_GROUP             = aws_cloudwatch_log_group.runner.name
      JANITOR_LAUNCH_TEMPLATE       = aws_launch_template.gpu.name
      JANITOR_SUBNET_IDS            = join(",", [for zone in local.zones : aws_subnet.public[zone].id])
      JANITOR_SECRETS_PREFIX        = local.secrets_prefix
      JANITOR_SCHEDULE_GROUP        = aws_scheduler_schedule_group.timers.name
      JANITOR_SCHEDULER_ROLE_ARN    = aws_iam_role.scheduler.arn
      JANITOR_REAPER_FUNCTION       = aws_lambda_function.reaper.function_name
      JANITOR_REAP_INTERVAL_SECONDS = tostring(var.reap_interval_seconds)
      JANITOR_VOLUME_GIB            = tostring(var.volume_gib)
    },
  )
}

output "controller_policy_arn" {
  description = "Attach it to the role that Airflow's components and the command run with."
  value       = aws_iam_policy.controller.arn
}

output "messages_policy_arn" {
  description = "What sending messages needs: attach it beside the controller's."
  value       = aws_iam_policy.messages.arn
}

output "controller_role_arn" {
  description = "The role that Terraform made for them; empty: none was asked for."
  value       = local.has_controller_role ? aws_iam_role.controller[0].arn : ""
}

output "image_repository" {
  description = "Where `make image` pushes."
  value       = aws_ecr_repository.images.repository_url
}

output "ami_parameter" {
  description = "Where `make ami` publishes, and where the launch template looks."
  value       = local.ami_parameter
}

output "cache_volume_id" {
  description = "Keeps Docker's layers between sequential runs; empty: there is none."
  value       = join("", aws_ebs_volume.cache[*].id)
}

output "cache_zone" {
  description = "Zone of the cache volume."
  value       = join("", aws_ebs_volume.cache[*].availability_zone)
}

output "alarm_topic_arn" {
  description = "Subscribe to it what shall be told of alarms."
  value       = aws_sns_topic.alarms.arn
}

output "dashboard" {
  description = "Name of the CloudWatch dashboard."
  value       = aws_cloudwatch_dashboard.janitor.dashboard_name
}

output "database_endpoint" {
  description = "host:port of the database; empty: bring your own."
  value       = join("", aws_db_instance.janitor[*].endpoint)
}

output "github_roles" {
  description = "Roles of the workflows by name."
  value       = { for name, role in aws_iam_role.github : name => role.arn }
}
