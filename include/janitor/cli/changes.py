"""What happened between two looks at a run: pure, so that every display says the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from janitor.domain.states import ValidationStatus
from janitor.domain.views import RunView, ValidationView


class ChangeKind(str, Enum):
    """What people are told about."""

    LAUNCHED = "launched"  # a new instance is there
    STARTED = "started"  # the validation runs on it
    ENDED = "ended"


@dataclass(frozen=True)
class Change:
    """One piece of news about a repository."""

    kind: ChangeKind
    validation: ValidationView


def changes_between(before: RunView | None, after: RunView) -> Iterator[Change]:
    """News since the last look, in the order of the configuration; before the first look nothing was there."""
    earlier = {each.validation_id: each for each in before.validations} if before else {}
    for now in after.validations:
        then = earlier.get(now.validation_id)
        if now.instance_id is not None and (then is None or then.instance_id != now.instance_id):
            yield Change(ChangeKind.LAUNCHED, now)
        if then is not None and then.status is now.status:
            continue
        if now.status is ValidationStatus.RUNNING:
            yield Change(ChangeKind.STARTED, now)
        elif now.status.is_final:
            yield Change(ChangeKind.ENDED, now)


def all_launched(run: RunView) -> bool:
    """Whether every repository has its instance, or an end without one."""
    waiting = any(each.instance_id is None and not each.status.is_final for each in run.validations)
    return len(run.validations) >= run.total_repositories and not waiting


def is_stalled(run: RunView, now: datetime, unchanged_for: timedelta, margin: timedelta) -> bool:
    """Whether nothing can be expected of a run any more.

    What runs must end at its hard limit; what waits for a place gets one when something that runs ends, which may
    belong to another run and so take a whole timeout.

    Args:
        run: The latest look.
        now: The time of the look, on the clock that hard limits are recorded by.
        unchanged_for: How long nothing has changed, by a clock that nobody sets: hard limits that a clock has jumped
            over are no reason to give up by themselves.
        margin: Grace after the hard limit, and time to record and terminate.
    """
    limits = [each.deadline_at for each in run.validations if each.deadline_at and not each.status.is_final]
    if limits:
        return now > min(limits) + margin and unchanged_for > margin
    return unchanged_for > run.timeout + margin
