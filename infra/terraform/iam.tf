# The texts are in infra/policies: one definition for AWS and for the local stack.

locals {
  # EventBridge calls the function here, by its rule: the timers' role needs to terminate and nothing else.
  scheduler_policy = jsondecode(templatefile("${var.policies}/scheduler.json", local.policy_values))

  # The policy of instances has statements that only some deployments need.
  instance_policy = jsondecode(templatefile("${var.policies}/instance.json", local.policy_values))
  instance_statements = concat(
    local.instance_policy.Statement,
    length(var.bedrock_models) == 0 ? [] : [{
      Sid      = "AskModels"
      Effect   = "Allow"
      Action   = ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"]
      Resource = var.bedrock_models
    }],
    length(var.image_repositories) == 0 ? [] : [
      {
        Sid      = "PullImages"
        Effect   = "Allow"
        Action   = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        Resource = var.image_repositories
      },
      {
        Sid      = "LogInToTheRegistry"
        Effect   = "Allow"
        Action   = ["ecr:GetAuthorizationToken"]
        Resource = ["*"]
      },
    ],
  )
}

resource "aws_iam_role" "instance" {
  name               = "${local.name}-instance"
  description        = "Instances: take commands, write their log, read their secrets"
  assume_role_policy = file("${var.policies}/instance-trust.json")
}

resource "aws_iam_role_policy" "instance" {
  name   = "janitor"
  role   = aws_iam_role.instance.id
  policy = jsonencode(merge(local.instance_policy, { Statement = local.instance_statements }))
}

resource "aws_iam_instance_profile" "instance" {
  name = "${local.name}-instance"
  role = aws_iam_role.instance.name
}

resource "aws_iam_role" "scheduler" {
  name               = "${local.name}-scheduler"
  description        = "External timers: terminate instances of this deployment"
  assume_role_policy = templatefile("${var.policies}/scheduler-trust.json", local.policy_values)
}

resource "aws_iam_role_policy" "scheduler" {
  name = "janitor"
  role = aws_iam_role.scheduler.id
  policy = jsonencode(merge(local.scheduler_policy, {
    Statement = [for one in local.scheduler_policy.Statement : one if one.Sid != "CallTheReaper"]
  }))
}

resource "aws_iam_role" "reaper" {
  name               = "${local.name}-reaper"
  description        = "The reaper's function: terminate instances of this deployment, leave word"
  assume_role_policy = file("${var.policies}/reaper-trust.json")
}

resource "aws_iam_role_policy" "reaper" {
  name   = "janitor"
  role   = aws_iam_role.reaper.id
  policy = templatefile("${var.policies}/reaper.json", local.policy_values)
}

# The controller: Airflow's components and the command. Attach the policy to the role that they run with, or let
# Terraform make that role.

resource "aws_iam_policy" "controller" {
  name        = "${local.name}-controller"
  description = "Janitor's controller: Airflow's components and the command"
  policy = templatefile("${var.policies}/controller.json", merge(local.policy_values, {
    launch_template = aws_launch_template.gpu.id
  }))
}

# Beside it, as one policy has no room for both: what sending messages and publishing badges need.
resource "aws_iam_policy" "messages" {
  name        = "${local.name}-messages"
  description = "Janitor's controller: secrets and topics of messages, and badges"
  policy      = templatefile("${var.policies}/messages.json", local.policy_values)
}

locals {
  controller_trusts = concat(
    length(var.controller_principals) == 0 ? [] : [{ AWS = var.controller_principals }],
    var.controller_on_ec2 ? [{ Service = ["ec2.amazonaws.com"] }] : [],
  )
  has_controller_role = length(local.controller_trusts) > 0
}

resource "aws_iam_role" "controller" {
  count = local.has_controller_role ? 1 : 0

  name        = "${local.name}-controller"
  description = "Janitor's controller"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [for who in local.controller_trusts : {
      Effect = "Allow", Principal = who, Action = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy_attachment" "controller" {
  count = local.has_controller_role ? 1 : 0

  role       = aws_iam_role.controller[0].name
  policy_arn = aws_iam_policy.controller.arn
}

resource "aws_iam_role_policy_attachment" "messages" {
  count = local.has_controller_role ? 1 : 0

  role       = aws_iam_role.controller[0].name
  policy_arn = aws_iam_policy.messages.arn
}

resource "aws_iam_instance_profile" "controller" {
  count = var.controller_on_ec2 ? 1 : 0

  name = "${local.name}-controller"
  role = aws_iam_role.controller[0].name
}

# Without it an account's first spot launch is refused. It fails where the account has it.
resource "aws_iam_service_linked_role" "spot" {
  count = var.create_spot_role ? 1 : 0

  aws_service_name = "spot.amazonaws.com"
}
