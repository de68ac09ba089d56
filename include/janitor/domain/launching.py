"""What a failed RunInstances means: which class it is of, and what may be done next."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from janitor.domain.states import PlacementResult


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
    reason_code: str
    summary: str

    @property
    def verdict(self) -> LaunchVerdict:
        """What may be done next."""
        return _VERDICTS[self.result]


# Source of the codes: EC2 API, "Error codes for the Amazon EC2 API", and the messages of Spot requests.
_CLASSES: dict[PlacementResult, frozenset[str]] = {
    PlacementResult.CAPACITY: frozenset(
        {
            "InsufficientInstanceCapacity",
            "InsufficientHostCapacity",
            "InsufficientReservedInstanceCapacity",
            "InsufficientCapacity",
            "InsufficientFreeAddressesInSubnet",  # another subnet may have some
            "Unsupported",  # this type isn't offered in this zone
        }
    ),
    PlacementResult.PRICE: frozenset({"SpotMaxPriceTooLow", "InvalidSpotMaxPrice"}),
    PlacementResult.QUOTA: frozenset(
        {"VcpuLimitExceeded", "InstanceLimitExceeded", "MaxSpotInstanceCountExceeded", "VolumeLimitExceeded"}
    ),
    PlacementResult.THROTTLED: frozenset(
        {"RequestLimitExceeded", "Throttling", "ThrottlingException", "RequestThrottled", "EC2ThrottledException"}
    ),
    PlacementResult.PERMISSION: frozenset(
        {
            "UnauthorizedOperation",
            "AuthFailure",
            "AccessDenied",
            "AccessDeniedException",
            "OptInRequired",
            "InvalidClientTokenId",
            "SignatureDoesNotMatch",
            "ExpiredToken",
            "RequestExpired",
            "Blocked",
            "PendingVerification",
        }
    ),
    # The last: the token was used with other parameters, so there may be an instance; only a look by tag can tell.
    PlacementResult.UNKNOWN: frozenset(
        {"InternalError", "InternalFailure", "ServiceUnavailable", "Unavailable", "IdempotentParameterMismatch"}
    ),
}

_QUOTA_NAMES = {
    "VcpuLimitExceeded": 'quota L-DB2E81BA ("Running On-Demand G and VT instances", in vCPUs)',
    "MaxSpotInstanceCountExceeded": 'quota L-3819A6DF ("All G and VT Spot Instance Requests", in vCPUs)',
}


def classify_launch_failure(aws_code: str, message: str, *, answered: bool) -> LaunchFailure:
    """Decide what a failed RunInstances means.

    Args:
        aws_code: AWS's error code, or the exception's name when no answer came.
        message: AWS's text.
        answered: Whether AWS answered at all.
    """
    result = next((each for each, codes in _CLASSES.items() if aws_code in codes), PlacementResult.CONFIG)
    if not answered:
        result = PlacementResult.UNKNOWN
    reason_code, summary = {
        PlacementResult.UNKNOWN: (
            "launch_unanswered",
            f"EC2 did not say whether the instance was launched ({aws_code})",
        ),
        PlacementResult.CAPACITY: ("capacity", f"EC2 has no capacity: {message}"),
        PlacementResult.PRICE: ("price", f"the spot price is above the limit: {message}"),
        PlacementResult.THROTTLED: ("throttled", f"EC2 throttled the launch: {message}"),
        PlacementResult.QUOTA: (
            "quota",
            f"the account's quota is used up: {message}; ask AWS for a higher"
            f" {_QUOTA_NAMES.get(aws_code, 'one')}, or lower max_concurrent_instances",
        ),
        PlacementResult.PERMISSION: ("permission", f"EC2 refused: {message}; check the role's policy"),
        PlacementResult.CONFIG: (
            "launch_config",
            f"EC2 refused the launch ({aws_code}): {message}; check image, subnets and instance types in the settings",
        ),
    }[result]
    return LaunchFailure(
        result=result, aws_code=aws_code, aws_message=message, reason_code=reason_code, summary=summary
    )
