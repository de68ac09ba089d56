"""What a failed RunInstances means: try again with the same token, with a new one, or stop."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class LaunchVerdict(str, Enum):
    """What may be done after a failed launch call."""

    UNKNOWN = "unknown"  # no answer came: there may be an instance; the same token must be used again
    TRY_AGAIN = "try_again"  # AWS said no for now: a new attempt, with a new token, may succeed
    STOP = "stop"  # AWS will say no again until somebody changes something


@dataclass(frozen=True, kw_only=True)
class LaunchFailure:
    """A failed launch call in words for people, with AWS's raw code."""

    verdict: LaunchVerdict
    aws_code: str
    reason_code: str
    summary: str


_CAPACITY = frozenset(
    {"InsufficientInstanceCapacity", "InsufficientHostCapacity", "InsufficientReservedInstanceCapacity", "Unsupported"}
)
_QUOTA = frozenset({"VcpuLimitExceeded", "InstanceLimitExceeded", "MaxSpotInstanceCountExceeded"})
_THROTTLED = frozenset({"RequestLimitExceeded", "Throttling", "ThrottlingException", "RequestThrottled"})
_PERMISSION = frozenset(
    {"UnauthorizedOperation", "AuthFailure", "AccessDenied", "OptInRequired", "InvalidClientTokenId"}
)
_NO_ANSWER = frozenset({"InternalError", "InternalFailure", "ServiceUnavailable", "Unavailable"})


def classify_launch_failure(aws_code: str, message: str, *, answered: bool) -> LaunchFailure:
    """Decide what a failed RunInstances means.

    Args:
        aws_code: AWS's error code, or the exception's name when no answer came.
        message: AWS's text.
        answered: Whether AWS answered at all.
    """
    if not answered or aws_code in _NO_ANSWER:
        return LaunchFailure(
            verdict=LaunchVerdict.UNKNOWN,
            aws_code=aws_code,
            reason_code="launch_unanswered",
            summary=f"EC2 did not say whether the instance was launched ({aws_code})",
        )
    if aws_code in _CAPACITY:
        return _failure(LaunchVerdict.TRY_AGAIN, aws_code, "capacity", f"EC2 has no capacity: {message}")
    if aws_code in _THROTTLED:
        return _failure(LaunchVerdict.TRY_AGAIN, aws_code, "throttled", f"EC2 throttled the launch: {message}")
    if aws_code in _QUOTA:
        return _failure(
            LaunchVerdict.STOP,
            aws_code,
            "quota",
            f"the account's quota is used up: {message}; ask AWS for a higher one",
        )
    if aws_code in _PERMISSION:
        return _failure(LaunchVerdict.STOP, aws_code, "permission", f"EC2 refused: {message}; check the role's policy")
    return _failure(
        LaunchVerdict.STOP, aws_code, "launch_config", f"EC2 refused the launch ({aws_code}): {message}; check settings"
    )


def _failure(verdict: LaunchVerdict, aws_code: str, reason_code: str, summary: str) -> LaunchFailure:
    return LaunchFailure(verdict=verdict, aws_code=aws_code, reason_code=reason_code, summary=summary)
