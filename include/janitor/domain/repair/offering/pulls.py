"""What is to be done about a repair's pull request, by those that there are already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

BRANCHES = "janitor/repair-"
"""With which each of our branches begins."""


@dataclass(frozen=True, kw_only=True)
class Pull:
    """A pull request of a branch of ours."""

    number: int
    url: str
    branch: str
    is_open: bool
    merged_at: datetime | None


class PullStep(str, Enum):
    """What comes next."""

    OPEN = "open"  # a new one
    UPDATE = "update"  # the one that is open
    REJECTED = "rejected"  # nothing, ever: a person closed it
    MERGED = "merged"  # nothing: people have it
    WAIT = "wait"  # nothing for now: another one of this repository is open


def next_step(
    pulls: Sequence[Pull], *, branch: str, red_at: datetime, rejected_before: bool
) -> tuple[PullStep, Pull | None]:
    """What is to be done, and which pull request it is about.

    Args:
        pulls: Those of our branches in this repository.
        branch: Of this cause.
        red_at: When the failure was seen that is repaired.
        rejected_before: Whether a person is known to have closed one for this cause.
    """
    own = sorted((each for each in pulls if each.branch == branch), key=lambda each: -each.number)
    closed = next((each for each in own if not each.is_open and each.merged_at is None), None)
    found = next((each for each in own if each.is_open), None)
    # Who opens it again takes the no back.
    if closed is not None or (rejected_before and found is None):
        return PullStep.REJECTED, closed
    if found is not None:
        return PullStep.UPDATE, found
    # One that was merged before it was red again didn't keep it from breaking: that is another occasion.
    merged = next((each for each in own if each.merged_at is not None and each.merged_at >= red_at), None)
    if merged is not None:
        return PullStep.MERGED, merged
    other = next((each for each in pulls if each.is_open and each.branch.startswith(BRANCHES)), None)
    return (PullStep.WAIT, other) if other is not None else (PullStep.OPEN, None)
