"""What must be there before the first launch: the bucket and the log group; and the cache volume of sequential runs.

On AWS Terraform makes them, with policies and retention; here they are made only where they are missing.
"""

from __future__ import annotations

from janitor.cloud.ec2 import volumes
from janitor.cloud.session import CLIENT_ERRORS, CloudAccess, error_code
from janitor.domain.errors import CloudError
from janitor.domain.identity import TAG_CACHE
from janitor.settings import Settings

_DEFAULT_REGION = "us-east-1"
"""The one region that CreateBucket refuses as a LocationConstraint. Source: S3 API, CreateBucket."""
_CACHE_GIB = 50


def ensure_foundation(settings: Settings) -> None:
    """Make the bucket, the log group and the cache volume if they are missing.

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
    _ensure_cache(access, settings.deployment)


def _ensure_cache(access: CloudAccess, deployment: str) -> None:
    if volumes.find_cache(access, deployment) is not None:
        return
    tags = {"Name": f"janitor-{deployment}-cache", TAG_CACHE: deployment}
    specification = {"ResourceType": "volume", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
    # The zone in which EC2 launches where no subnet is named.
    zone = f"{access.region}a"
    try:
        access.client("ec2").create_volume(
            AvailabilityZone=zone, Size=_CACHE_GIB, VolumeType="gp3", TagSpecifications=[specification]
        )
    except CLIENT_ERRORS as exc:
        raise CloudError(f"the cache volume of {deployment} can't be made: {exc}") from exc
