"""The bucket of Terraform's state: versioned, private, encrypted. It isn't part of what Terraform makes."""

from __future__ import annotations

from janitor.cloud.place import place_of
from janitor.cloud.session import CLIENT_ERRORS, CloudAccess, error_code
from janitor.domain.errors import CloudError

_DEFAULT_REGION = "us-east-1"
"""The one region that CreateBucket refuses as a LocationConstraint. Source: S3 API, CreateBucket."""
_MISSING = ("404", "NoSuchBucket", "NotFound")


def default_state_bucket(access: CloudAccess) -> str:
    """Its name in an account and region, where the settings give none.

    Raises:
        CloudError: STS can't be asked.
    """
    place = place_of(access)
    return f"janitor-terraform-{place.account}-{access.region}"


def ensure_state_bucket(access: CloudAccess, bucket: str) -> None:
    """Make the bucket where it is missing; one that is there stays as it is.

    Raises:
        CloudError: It can't be made, or belongs to somebody else.
    """
    s3 = access.client("s3")
    try:
        try:
            s3.head_bucket(Bucket=bucket)
            return
        except CLIENT_ERRORS as exc:
            if error_code(exc) not in _MISSING:
                raise
        location = (
            {}
            if access.region == _DEFAULT_REGION
            else {"CreateBucketConfiguration": {"LocationConstraint": access.region}}
        )
        s3.create_bucket(Bucket=bucket, **location)
        # A state that was overwritten by mistake can be had back.
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        s3.put_public_access_block(
            Bucket=bucket,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
        )
    except CLIENT_ERRORS as exc:
        raise CloudError(
            f"the bucket of Terraform's state, {bucket}, can't be had: {exc}; check your credentials, or name another"
            " one in JANITOR_TERRAFORM_STATE_BUCKET"
        ) from exc
