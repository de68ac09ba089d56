resource "aws_s3_bucket" "janitor" {
  bucket        = local.bucket
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_public_access_block" "janitor" {
  bucket = aws_s3_bucket.janitor.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

# S3's own keys: with a key of KMS every presigned PUT would need rights on it.
resource "aws_s3_bucket_server_side_encryption_configuration" "janitor" {
  bucket = aws_s3_bucket.janitor.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_versioning" "janitor" {
  bucket = aws_s3_bucket.janitor.id

  versioning_configuration {
    status = "Enabled"
  }
}

# Nothing more than this is demanded of a request: presigned PUTs of instances, from public addresses, must get through.
resource "aws_s3_bucket_policy" "janitor" {
  bucket = aws_s3_bucket.janitor.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "EncryptedConnectionsAlone"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [aws_s3_bucket.janitor.arn, "${aws_s3_bucket.janitor.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })

  depends_on = [aws_s3_bucket_public_access_block.janitor]
}

resource "aws_s3_bucket_lifecycle_configuration" "janitor" {
  bucket = aws_s3_bucket.janitor.id

  # Artefacts and specs are sent anew where they are missing; notices must outlive the longest run.
  dynamic "rule" {
    for_each = {
      "janitor-artefacts/" = 30
      "janitor-specs/"     = 30
      "janitor-notices/"   = 30
      "janitor-reports/"   = var.report_days
    }

    content {
      id     = trimsuffix(rule.key, "/")
      status = "Enabled"

      filter {
        prefix = rule.key
      }

      expiration {
        days = rule.value
      }
    }
  }

  rule {
    id     = "leftovers"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = 30
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  depends_on = [aws_s3_bucket_versioning.janitor]
}

# It holds nothing that can't be made again: `make destroy` takes it along.
resource "aws_ebs_volume" "cache" {
  count = var.cache_volume_gib > 0 ? 1 : 0

  availability_zone = var.cache_zone == "" ? local.zones[0] : var.cache_zone
  size              = var.cache_volume_gib
  type              = "gp3"
  encrypted         = true

  tags = {
    Name            = "${local.name}-cache"
    "janitor:cache" = var.deployment
  }
}
