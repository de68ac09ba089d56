locals {
  verdicts = ["success", "failed", "error", "timed_out", "incomplete", "cancelled"]
  launches = ["launched", "capacity", "quota", "price", "throttled", "permission", "config", "unknown"]

  # Each widget by its place: column, row, width, height in CloudWatch's grid of 24 columns.
  widgets = [
    {
      at      = [0, 0, 12, 6], title = "Live instances", stat = "Maximum", period = 60
      metrics = [["Janitor", "InstancesAlive", "Deployment", var.deployment]]
    },
    {
      at      = [12, 0, 12, 6], title = "Overdue instances", stat = "Maximum", period = 60
      metrics = [["Janitor", "OverdueInstances", "Deployment", var.deployment]]
    },
    {
      at      = [0, 6, 12, 6], title = "Launches by result", stat = "Sum", period = 3600
      metrics = [for one in local.launches : ["Janitor", "Launches", "Deployment", var.deployment, "Result", one]]
    },
    {
      at      = [12, 6, 12, 6], title = "Verdicts", stat = "Sum", period = 3600
      metrics = [for one in local.verdicts : ["Janitor", "Verdicts", "Deployment", var.deployment, "Verdict", one]]
    },
    {
      at = [0, 12, 12, 6], title = "Cost to date (USD of instances, over the time that is shown)", stat = "Sum", period = 3600
      metrics = [
        [{ expression = "RUNNING_SUM(FILL(cost, 0))", label = "cost", id = "sum" }],
        ["Janitor", "CostUsd", "Deployment", var.deployment, { id = "cost", visible = false }],
      ]
    },
    {
      at = [12, 12, 12, 6], title = "Passes of the reaper, and failed ones", stat = "Sum", period = 300
      metrics = [
        ["AWS/Lambda", "Invocations", "FunctionName", local.reaper_function],
        ["AWS/Lambda", "Errors", "FunctionName", local.reaper_function],
      ]
    },
  ]

  drawn = [for one in local.widgets : {
    type   = "metric"
    x      = one.at[0]
    y      = one.at[1]
    width  = one.at[2]
    height = one.at[3]
    properties = {
      title   = one.title
      view    = "timeSeries"
      region  = var.region
      stat    = one.stat
      period  = one.period
      metrics = one.metrics
    }
  }]

  error_lines = {
    type   = "log"
    x      = 0
    y      = 18
    width  = 24
    height = 8
    properties = {
      title  = "Errors of all streams"
      view   = "table"
      region = var.region
      query  = "SOURCE '${var.log_group}' | fields @timestamp, @logStream, @message | filter @message like /ERROR/ | sort @timestamp desc | limit 100"
    }
  }
}

resource "aws_cloudwatch_dashboard" "janitor" {
  dashboard_name = local.name
  dashboard_body = jsonencode({ widgets = concat(local.drawn, [local.error_lines]) })
}
