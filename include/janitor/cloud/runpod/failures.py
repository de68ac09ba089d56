"""What a failed create means, in the domain's terms.

RunPod has no codes, only statuses. 400 stands for a broken rule as well as for a lack of capacity; a rule is broken
for every candidate alike, so whoever was refused everywhere with 400 has a request that is wrong.

Source: docs.runpod.io, API v2 reference, "Create a pod", "Which failures are worth retrying".
"""

from __future__ import annotations

from collections.abc import Sequence

from janitor.cloud.runpod.client import RunPodError
from janitor.domain.launch.launching import LaunchFailure
from janitor.domain.launch.provider import Refusal
from janitor.domain.states import PlacementResult
from janitor.protocol.terms.reason_codes import ReasonCode

RULE_OR_CAPACITY = "400"
POOL_CLOSED = "403"
_NO_ANSWER = "no answer"
_LONGEST_DETAIL = 250

_R, _C = PlacementResult, ReasonCode
_MEANINGS: dict[int, tuple[PlacementResult, ReasonCode, str, str]] = {
    400: (_R.CAPACITY, _C.CAPACITY, "RunPod can't place it, or it breaks a rule", "add more gpu_ids to the pool"),
    401: (_R.PERMISSION, _C.PERMISSION, "RunPod doesn't know the key", "check JANITOR_RUNPOD_API_KEY or its secret"),
    402: (_R.QUOTA, _C.QUOTA, "RunPod's balance doesn't reach for an hour of it", "add credit to the account"),
    # Another GPU's pool may be open to this account.
    403: (_R.CAPACITY, _C.PERMISSION, "the account may not use this GPU's pool", "ask RunPod for it, or drop the GPU"),
    429: (_R.THROTTLED, _C.THROTTLED, "RunPod throttles this key", "lower max_spawns_per_cycle if it comes back"),
}
_REFUSED = (_R.CONFIG, _C.LAUNCH_CONFIG, "RunPod refuses the request", "check the pool's gpu_ids and JANITOR_RUNPOD_…")
_UNKNOWN = (_R.UNKNOWN, _C.LAUNCH_UNANSWERED, "RunPod did not say whether it made a pod", "")


def launch_failure_of(exc: BaseException) -> LaunchFailure | None:
    """What a failed create means; None where the failure isn't RunPod's."""
    if not isinstance(exc, RunPodError):
        return None
    status = exc.status
    if status is None or exc.is_open:
        result, reason_code, what, step = _UNKNOWN
    else:
        result, reason_code, what, step = _MEANINGS.get(status, _REFUSED)
    said = _NO_ANSWER if status is None else str(status)
    summary = f"{what} ({said})"
    if result is not _R.UNKNOWN:
        again = f", again in {exc.retry_after.total_seconds():.0f} s" if exc.retry_after is not None else ""
        summary += f": {_short(exc.detail)}{again}; {step}"
    return LaunchFailure(result=result, aws_code=said, aws_message=exc.detail, reason_code=reason_code, summary=summary)


def refused_everywhere(refusals: Sequence[Refusal]) -> LaunchFailure | None:
    """What it means that every candidate was refused like this, in their order; None: no more than the last one says.

    Args:
        refusals: One for each candidate.
    """
    codes = {refusal.code for refusal in refusals}
    if codes == {RULE_OR_CAPACITY}:
        result, reason_code, _, step = _REFUSED
        what = "RunPod refuses the request for every GPU alike, so a rule is broken"
    elif codes == {POOL_CLOSED}:
        result, reason_code, what, step = (
            *(_R.PERMISSION, _C.PERMISSION, "the account may use none of these GPUs' pools"),
            "check what the key may do",
        )
    else:
        return None
    last = refusals[-1]
    return LaunchFailure(
        result=result,
        aws_code=last.code,
        aws_message=last.message,
        reason_code=reason_code,
        summary=f"{what} ({last.code}): {_short(last.message)}; {step}",
    )


def _short(detail: str) -> str:
    return detail if len(detail) <= _LONGEST_DETAIL else f"{detail[:_LONGEST_DETAIL]}…"
