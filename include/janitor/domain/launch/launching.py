"""What a failed RunInstances means: which class it is of, and what may be done next."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from janitor.domain.states import PlacementResult
from janitor.protocol.reason_codes import ReasonCode


class LaunchVerdict(str, Enum):
    """What may be done after a failed launch call."""

    SAME_ATTEMPT = "same_attempt"  # no answer came: there may be an instance, so only the same token is safe
    SAME_CANDIDATE = "same_candidate"  # AWS asked to slow down: the same again, a little later
    NEXT_CANDIDATE = "next_candidate"  # not here and now: elsewhere it may be possible
    STOP = "stop"  # AWS will say no again until somebody changes something


_VERDICTS = {
    PlacementResult.UNKNOWN: LaunchVerdict.SAME_ATTEMPT,
    PlacementResult.THROTTLED: LaunchVerdict.SAME_CANDIDATE,
    PlacementResult.CAPACITY: LaunchVerdict.NEXT_CANDIDATE,
    PlacementResult.PRICE: LaunchVerdict.NEXT_CANDIDATE,
    PlacementResult.QUOTA: LaunchVerdict.STOP,
    PlacementResult.PERMISSION: LaunchVerdict.STOP,
    PlacementResult.CONFIG: LaunchVerdict.STOP,
}


@dataclass(frozen=True, kw_only=True)
class LaunchFailure:
    """A failed launch call: its class, AWS's raw code and text, and words for people with what to do."""

    result: PlacementResult
    aws_code: str
    aws_message: str
    reason_code: ReasonCode
    summary: str

    @property
    def verdict(self) -> LaunchVerdict:
        """What may be done next."""
        return _VERDICTS[self.result]


# Source of the codes: EC2 API, "Error codes for the Amazon EC2 API", and the messages of Spot requests.
_CLASSES: dict[PlacementResult, frozenset[str]] = {
    # Beside these, everything that begins with `_CAPACITY_PREFIX`: instances, hosts, volumes, addresses of a subnet.
    PlacementResult.CAPACITY: frozenset(
        {
            "ReservationCapacityExceeded",
            "Unsupported",  # this type isn't offered in this zone
        }
    ),
    PlacementResult.PRICE: frozenset({"SpotMaxPriceTooLow", "InvalidSpotMaxPrice"}),
    # Beside these, everything that ends in `_QUOTA_SUFFIX` and is no throttling.
    PlacementResult.QUOTA: frozenset({"MaxSpotInstanceCountExceeded"}),
    PlacementResult.THROTTLED: frozenset(
        {
            "RequestLimitExceeded",
            "BandwidthLimitExceeded",
            "Throttling",
            "ThrottlingException",
            "ThrottledException",
            "RequestThrottled",
            "RequestThrottledException",
            "TooManyRequestsException",
            "EC2ThrottledException",
        }
    ),
    PlacementResult.PERMISSION: frozenset(
        {
            "UnauthorizedOperation",
            "AuthFailure",
            "AccessDenied",
            "AccessDeniedException",
        }
    ),
    # The last two: the token was used before, so there may be an instance, or there was one; only a look by tag can
    # tell.
    PlacementResult.UNKNOWN: frozenset(
        {
            "InternalError",
            "InternalFailure",
            "ServiceUnavailable",
            "Unavailable",
            "IdempotentParameterMismatch",
            "IdempotentInstanceTerminated",
        }
    ),
}
_CAPACITY_PREFIX = "Insufficient"
_QUOTA_SUFFIX = "LimitExceeded"

_BAD_CREDENTIALS = frozenset(
    {
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "SignatureDoesNotMatch",
        "IncompleteSignature",
        "MissingAuthenticationToken",
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
    }
)
"""Of the class permission: what helps is other credentials, or a clock that is right, not another policy."""
_OF_THE_ACCOUNT = frozenset({"OptInRequired", "Blocked", "PendingVerification"})
"""Of the class permission as well: no policy of ours changes them."""
_NOT_SENT = {
    "NoCredentialsError": PlacementResult.PERMISSION,
    "PartialCredentialsError": PlacementResult.PERMISSION,
    "ParamValidationError": PlacementResult.CONFIG,
}
"""botocore's own refusals: the request never left, so that there is no instance and never will be."""

_QUOTA_NAMES = {
    "MaxSpotInstanceCountExceeded": 'quota L-3819A6DF ("All G and VT Spot Instance Requests", in vCPUs)',
}
_VCPU_QUOTA = "VcpuLimitExceeded"
_G_TYPE = re.compile(r"(?:gr?\d|vt\d)[a-z0-9-]*\.")


def classify_launch_failure(
    aws_code: str, message: str, *, answered: bool, instance_type: str | None = None
) -> LaunchFailure:
    """Decide what a failed RunInstances means.

    Args:
        aws_code: AWS's error code, or the exception's name when no answer came.
        message: AWS's text.
        answered: Whether AWS answered at all.
        instance_type: What was to be launched, for the name of its quota; None: not known.
    """
    result = _class_of(aws_code) if answered else _NOT_SENT.get(aws_code, PlacementResult.UNKNOWN)
    reason_code, summary = {
        PlacementResult.UNKNOWN: (
            ReasonCode.LAUNCH_UNANSWERED,
            f"EC2 did not say whether the instance was launched ({aws_code})",
        ),
        PlacementResult.CAPACITY: (ReasonCode.CAPACITY, f"EC2 has no capacity: {message}"),
        PlacementResult.PRICE: (ReasonCode.PRICE, f"the spot price is above the limit: {message}"),
        PlacementResult.THROTTLED: (ReasonCode.THROTTLED, f"EC2 throttled the launch: {message}"),
        PlacementResult.QUOTA: (
            ReasonCode.QUOTA,
            f"the account's quota is used up: {message}; ask AWS for a higher"
            f" {_quota_name(aws_code, instance_type)}, or lower max_concurrent_instances",
        ),
        PlacementResult.PERMISSION: (ReasonCode.PERMISSION, _permission_words(aws_code, message, answered)),
        PlacementResult.CONFIG: (
            ReasonCode.LAUNCH_CONFIG,
            f"EC2 refused the launch ({aws_code}): {message}; check image, subnets and instance types in the settings",
        ),
    }[result]
    return LaunchFailure(
        result=result, aws_code=aws_code, aws_message=message, reason_code=reason_code, summary=summary
    )


def is_refusal(aws_code: str) -> bool:
    """Whether a code says that nothing was launched even where it comes with a 5xx."""
    return _class_of(aws_code) in (PlacementResult.CAPACITY, PlacementResult.THROTTLED)


def _class_of(aws_code: str) -> PlacementResult:
    for result, codes in _CLASSES.items():
        if aws_code in codes:
            return result
    if aws_code in _BAD_CREDENTIALS | _OF_THE_ACCOUNT:
        return PlacementResult.PERMISSION
    if aws_code.startswith(_CAPACITY_PREFIX):
        return PlacementResult.CAPACITY
    if aws_code.endswith(_QUOTA_SUFFIX):
        return PlacementResult.QUOTA
    return PlacementResult.CONFIG


def _permission_words(aws_code: str, message: str, answered: bool) -> str:
    if not answered:
        return f"RunInstances was not sent ({aws_code}): {message}; give this process AWS credentials"
    if aws_code in _BAD_CREDENTIALS:
        return f"EC2 refused ({aws_code}): {message}; check the AWS credentials of this process, and its clock"
    if aws_code in _OF_THE_ACCOUNT:
        return f"EC2 refused ({aws_code}): {message}; the AWS account itself is in the way: ask AWS Support"
    return f"EC2 refused: {message}; check the role's policy"


def _quota_name(aws_code: str, instance_type: str | None) -> str:
    """The quota by AWS's own code, where it is known for sure."""
    if aws_code != _VCPU_QUOTA:
        return _QUOTA_NAMES.get(aws_code, f"one ({aws_code})")
    if instance_type is None or _G_TYPE.match(instance_type):
        return 'quota L-DB2E81BA ("Running On-Demand G and VT instances", in vCPUs)'
    return f"quota of on-demand vCPUs for {instance_type} (Service Quotas, Amazon EC2, by the type's family)"
