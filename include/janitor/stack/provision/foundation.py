"""What must be there before the first launch: the bucket and the log group.

On AWS Terraform makes them, with policies and retention; here they are made only where they are missing.
"""

from __future__ import annotations

from janitor.cloud.session import CLIENT_ERRORS, CloudAccess, error_code
from janitor.domain.errors import CloudError
from janitor.settings import Settings

_DEFAULT_REGION = "us-east-1"
"""The one region that CreateBucket refuses as a LocationConstraint. Source: S3 API, CreateBucket."""


def ensure_foundation(settings: Settings) -> None:
    """Make the bucket and the log group if they are missing.

    Raises:
        CloudError: AWS refused.
    """
    access, bucket, log_group = CloudAccess.of(settings), settings.bucket, settings.log_group
    try:
        s3 = access.client("s3")
        try:
            s3.head_bucket(Bucket=bucket)
        except CLIENT_ERRORS as exc:
            if error_code(exc) not in ("404", "NoSuchBucket", "NotFound"):
                raise
            location = (
                {}
                if access.region == _DEFAULT_REGION
                else {"CreateBucketConfiguration": {"LocationConstraint": access.region}}
            )
            s3.create_bucket(Bucket=bucket, **location)
        try:
            access.client("logs").create_log_group(logGroupName=log_group)
        except CLIENT_ERRORS as exc:
            if error_code(exc) != "ResourceAlreadyExistsException":
                raise
    except CLIENT_ERRORS as exc:
        raise CloudError(f"bucket {bucket} or log group {log_group} can't be made: {exc}") from exc
