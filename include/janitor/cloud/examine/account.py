"""Who asks, by whose clock, and what the account allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any

import boto3

from janitor.cloud.asking import asking, is_missing, said_by_aws
from janitor.cloud.session import CloudAccess
from janitor.domain.errors import CloudError


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who this process is for AWS."""

    account: str
    arn: str
    clock_ahead: timedelta | None
    """By how much this machine's clock is ahead of AWS's; negative: behind. None: AWS didn't say."""


def caller(access: CloudAccess) -> Caller:
    """Ask STS who this is. Raises NoLoginError, CloudError."""
    with asking("GetCallerIdentity"):
        answer = access.client("sts").get_caller_identity()
    return Caller(account=answer["Account"], arn=answer["Arn"], clock_ahead=_clock_ahead(answer))


def clock_ahead_of_refusal(error: CloudError) -> timedelta | None:
    """The same of a call that AWS has refused: a wrong clock is a cause of that."""
    return _clock_ahead(said_by_aws(error))


def known_regions() -> frozenset[str]:
    """The regions of EC2 that this version of boto3 knows, in every partition."""
    session = boto3.session.Session()
    partitions = session.get_available_partitions()
    return frozenset(region for each in partitions for region in session.get_available_regions("ec2", each))


def quota(access: CloudAccess, code: str) -> float | None:
    """The value of one of EC2's quotas in force; None where there is no such one.

    Raises:
        NotAllowedError, CloudError: It can't be asked for.
    """
    try:
        with asking(f"GetServiceQuota {code}"):
            answer = access.client("service-quotas").get_service_quota(ServiceCode="ec2", QuotaCode=code)
    except CloudError as exc:
        if is_missing(exc, "NoSuchResourceException"):
            return None
        raise
    return float(answer["Quota"]["Value"])


def has_role(access: CloudAccess, name: str) -> bool:
    """Whether IAM has a role of this name.

    Raises:
        NotAllowedError, CloudError: It can't be asked for.
    """
    try:
        with asking(f"GetRole {name}"):
            access.client("iam").get_role(RoleName=name)
    except CloudError as exc:
        if is_missing(exc, "NoSuchEntity"):
            return False
        raise
    return True


def _clock_ahead(answer: Mapping[str, Any]) -> timedelta | None:
    said = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    if not said:
        return None
    try:
        theirs = parsedate_to_datetime(said)
    except ValueError:
        return None
    if theirs.tzinfo is None:
        theirs = theirs.replace(tzinfo=timezone.utc)
    return datetime.now(timezone.utc) - theirs
