# Workflows get sessions by OIDC, one role for each, and only for the ref or environment that it is meant for.

locals {
  has_github      = var.github_repository != ""
  github_provider = "arn:aws:iam::${local.account}:oidc-provider/token.actions.githubusercontent.com"

  github_subjects = {
    image   = "repo:${var.github_repository}:ref:refs/tags/v*"
    nightly = "repo:${var.github_repository}:environment:${var.deployment}"
  }
}

resource "aws_iam_openid_connect_provider" "github" {
  count = local.has_github && var.create_github_provider ? 1 : 0

  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
}

resource "aws_iam_role" "github" {
  for_each = local.has_github ? local.github_subjects : {}

  name        = "${local.name}-github-${each.key}"
  description = "The workflow ${each.key}.yml of ${var.github_repository}"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Federated = local.github_provider }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = { "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com" }
        StringLike   = { "token.actions.githubusercontent.com:sub" = each.value }
      }
    }]
  })
}

resource "aws_iam_role_policy" "github_image" {
  count = local.has_github ? 1 : 0

  name = "janitor"
  role = aws_iam_role.github["image"].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "LogIn", Effect = "Allow", Action = "ecr:GetAuthorizationToken", Resource = "*" },
      {
        Sid    = "PushToOneRepository"
        Effect = "Allow"
        Action = [
          "ecr:BatchCheckLayerAvailability",
          "ecr:BatchGetImage",
          "ecr:CompleteLayerUpload",
          "ecr:GetDownloadUrlForLayer",
          "ecr:InitiateLayerUpload",
          "ecr:PutImage",
          "ecr:UploadLayerPart",
        ]
        Resource = aws_ecr_repository.images.arn
      },
    ]
  })
}

resource "aws_iam_role_policy_attachment" "github_nightly" {
  count = local.has_github ? 1 : 0

  role       = aws_iam_role.github["nightly"].name
  policy_arn = aws_iam_policy.controller.arn
}
