"""What a failed RunInstances means: which class it is of, and what may be done next."""

from __future__ import annotations

import re
from dataclasses import dataclass

from janitor.domain.launch.launch_codes import (
    QUOTA_ON_DEMAND,
    VERDICTS,
    LaunchCode,
    LaunchVerdict,
    known_code,
)
from janitor.domain.states import PlacementResult
from janitor.protocol.terms.reason_codes import ReasonCode


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
        return VERDICTS[self.result]


_NOT_SENT = {
    "NoCredentialsError": (PlacementResult.PERMISSION, "give this process AWS credentials"),
    "PartialCredentialsError": (PlacementResult.PERMISSION, "give this process AWS credentials"),
    "CredentialRetrievalError": (PlacementResult.PERMISSION, "give this process AWS credentials"),
    "ParamValidationError": (PlacementResult.CONFIG, "check image, subnets and instance types in the settings"),
}
"""botocore's own refusals: the request never left, so that there is no instance and never will be."""

_REFUSED = (PlacementResult.CAPACITY, PlacementResult.THROTTLED)
"""What says that no instance was made even where it comes with a 5xx."""
_VCPU_QUOTA = "VcpuLimitExceeded"
_G_TYPE = re.compile(r"(?:gr?\d|vt\d)[a-z0-9-]*\.")

_LONGEST_MESSAGE = 250
"""Of AWS's own words in a summary: an encoded authorization message would push out what helps. All of it is kept with
the attempt."""

_WORDS = {
    PlacementResult.UNKNOWN: (ReasonCode.LAUNCH_UNANSWERED, "EC2 did not say whether the instance was launched"),
    PlacementResult.CAPACITY: (ReasonCode.CAPACITY, "EC2 has no capacity"),
    PlacementResult.PRICE: (ReasonCode.PRICE, "the spot price is above the limit"),
    PlacementResult.THROTTLED: (ReasonCode.THROTTLED, "EC2 throttled the launch"),
    PlacementResult.QUOTA: (ReasonCode.QUOTA, "the account's quota is used up"),
    PlacementResult.PERMISSION: (ReasonCode.PERMISSION, "EC2 refused"),
    PlacementResult.CONFIG: (ReasonCode.LAUNCH_CONFIG, "EC2 refused the launch"),
}


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
    if answered:
        row = known_code(aws_code)
        result, step = row.result, _step_for(row, instance_type)
    else:
        result, step = _NOT_SENT.get(aws_code, (PlacementResult.UNKNOWN, ""))
    reason_code, what = _WORDS[result]
    if not answered and step:
        what = "RunInstances was not sent"
    summary = f"{what} ({aws_code})"
    if result is not PlacementResult.UNKNOWN:  # what EC2 says of its own trouble helps nobody
        said = message if len(message) <= _LONGEST_MESSAGE else f"{message[:_LONGEST_MESSAGE]}…"
        summary += f": {said}; {step}"
    return LaunchFailure(
        result=result, aws_code=aws_code, aws_message=message, reason_code=reason_code, summary=summary
    )


def is_refusal(aws_code: str) -> bool:
    """Whether a code says that nothing was launched even where it comes with a 5xx."""
    return known_code(aws_code).result in _REFUSED


def _step_for(row: LaunchCode, instance_type: str | None) -> str:
    """What helps; a quota is named by AWS's own code only where it is known for sure."""
    if row.code != _VCPU_QUOTA or instance_type is None or _G_TYPE.match(instance_type):
        return row.step
    other = f"quota of on-demand vCPUs for {instance_type} (Service Quotas, Amazon EC2, by the type's family)"
    return row.step.replace(QUOTA_ON_DEMAND, other)
