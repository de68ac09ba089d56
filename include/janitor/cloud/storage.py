"""S3: reports, the validator artefact, and presigned addresses that let an instance reach one object each."""

from __future__ import annotations

from datetime import timedelta

from janitor.cloud.session import CLIENT_ERRORS, CloudAccess, error_code
from janitor.cloud.signing import signing_client
from janitor.domain.errors import CloudError

_MISSING = ("NoSuchKey", "404", "NotFound", "NoSuchBucket")
_REFUSED = ("403", "AccessDenied", "Forbidden")
"""A HEAD's answer has no body, so that botocore knows its status alone."""
_LONGEST_SIGNATURE = timedelta(days=7)
"""Longest life of a SigV4 presigned URL. Source: S3 documentation, "Sharing objects with presigned URLs"."""


class TooLargeError(CloudError):
    """An object has more bytes than its reader allows."""


def exists(access: CloudAccess, bucket: str, key: str) -> bool:
    """Whether an object is there.

    Raises:
        CloudError: S3 can't be asked.
    """
    try:
        access.client("s3").head_object(Bucket=bucket, Key=key)
    except CLIENT_ERRORS as exc:
        if error_code(exc) in _MISSING:
            return False
        raise CloudError(f"HeadObject s3://{bucket}/{key}: {_words_of(exc, bucket)}") from exc
    return True


def list_keys(access: CloudAccess, bucket: str, prefix: str) -> frozenset[str]:
    """The keys of every object below a prefix; a call for each page of 1,000.

    Raises:
        CloudError: S3 can't be asked.
    """
    try:
        pages = access.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return frozenset(entry["Key"] for page in pages for entry in page.get("Contents", []))
    except CLIENT_ERRORS as exc:
        raise CloudError(f"ListObjectsV2 s3://{bucket}/{prefix}: {exc}") from exc


def put(access: CloudAccess, bucket: str, key: str, body: bytes) -> None:
    """Write an object whole.

    Raises:
        CloudError: S3 refused.
    """
    try:
        access.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
    except CLIENT_ERRORS as exc:
        raise CloudError(f"PutObject s3://{bucket}/{key}: {exc}; does the bucket exist?") from exc


def put_public(access: CloudAccess, bucket: str, key: str, body: bytes, *, content_type: str, cache: str) -> None:
    """Write an object that browsers read; who may read it is the bucket's business.

    Args:
        access: Whose bucket it is.
        bucket: Which.
        key: The object's.
        body: All of it.
        content_type: As browsers are told it.
        cache: The `Cache-Control` that they are told.

    Raises:
        CloudError: S3 refused.
    """
    try:
        access.client("s3").put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type, CacheControl=cache)
    except CLIENT_ERRORS as exc:
        raise CloudError(f"PutObject s3://{bucket}/{key}: {exc}") from exc


def get(access: CloudAccess, bucket: str, key: str, *, at_most_bytes: int) -> bytes | None:
    """Read an object, or None when it isn't there.

    Raises:
        TooLargeError: The object is larger than `at_most_bytes`.
        CloudError: S3 can't be asked.
    """
    try:
        answer = access.client("s3").get_object(Bucket=bucket, Key=key)
        if answer["ContentLength"] > at_most_bytes:
            raise TooLargeError(
                f"s3://{bucket}/{key} has {answer['ContentLength']} bytes, over the {at_most_bytes} allowed"
            )
        body: bytes = answer["Body"].read(at_most_bytes + 1)
    except CLIENT_ERRORS as exc:
        if error_code(exc) in _MISSING:
            return None
        raise CloudError(f"GetObject s3://{bucket}/{key}: {_words_of(exc, bucket)}") from exc
    return body


def delete(access: CloudAccess, bucket: str, key: str) -> None:
    """Remove an object; one that isn't there is no trouble.

    Raises:
        CloudError: S3 refused.
    """
    try:
        access.client("s3").delete_object(Bucket=bucket, Key=key)
    except CLIENT_ERRORS as exc:
        raise CloudError(f"DeleteObject s3://{bucket}/{key}: {exc}") from exc


def presigned_get(access: CloudAccess, bucket: str, key: str, *, valid_for: timedelta) -> str:
    """An address from which anyone who holds it may read one object for a while.

    It ends with the signer's credentials: see `janitor.cloud.signing`.

    Raises:
        CloudError: There are no credentials to sign with.
    """
    return _presigned(access, "get_object", bucket, key, valid_for)


def presigned_put(access: CloudAccess, bucket: str, key: str, *, valid_for: timedelta) -> str:
    """An address to which anyone who holds it may write one object for a while; it ends as `presigned_get`'s does.

    Raises:
        CloudError: There are no credentials to sign with.
    """
    return _presigned(access, "put_object", bucket, key, valid_for)


def _words_of(exc: BaseException, bucket: str) -> str:
    """S3's own words, and what they may mean: of a key that is missing it tells only those who may list the bucket."""
    if error_code(exc) not in _REFUSED:
        return str(exc)
    return (
        f"{exc}; either this process may not read it, or it isn't there and this process lacks s3:ListBucket on"
        f" arn:aws:s3:::{bucket} (without a condition on prefixes), without which S3 answers 403 for a key that is"
        " missing"
    )


def _presigned(access: CloudAccess, operation: str, bucket: str, key: str, valid_for: timedelta) -> str:
    try:
        client = signing_client(access, valid_for, f"s3://{bucket}/{key}")
        url: str = client.generate_presigned_url(
            operation,
            Params={"Bucket": bucket, "Key": key},
            ExpiresIn=int(min(valid_for, _LONGEST_SIGNATURE).total_seconds()),
        )
    except CLIENT_ERRORS as exc:
        raise CloudError(f"no address of s3://{bucket}/{key} can be signed: {exc}") from exc
    return url
