"""The pool's brake: what the launch breaker says of its scope.

Where its history can't be read it is `Brake(is_known=False)`: then nothing is spawned.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from janitor.domain.launch.breaker import BreakerRule, BreakerState
from janitor.domain.pool.view import Brake


def brake_of(state: BreakerState, rule: BreakerRule, now: datetime) -> Brake:
    """Whether machines may be spawned, after what became of those before.

    Args:
        state: Of the pool's scope, or the deployment's where that is the stricter one.
        rule: Of the same scope.
        now: The present.
    """
    if state.paused_until is None:
        headroom = max(0, rule.failures - state.failures_in_a_row)
        return Brake(headroom=headroom, why=state.last_failure)
    return Brake(
        refuses=state.refuses(now) or state.holds_back(now),
        is_trial=not state.refuses(now),
        why=f"{state.failures_in_a_row} in a row, the last one: {state.last_failure or 'no reason told'}",
    )


def strictest(brakes: Sequence[Brake]) -> Brake:
    """Several scopes' brakes as one: each of them can stop a launch. None at all: nothing stops it."""
    headrooms = [each.headroom for each in brakes if each.headroom is not None]
    return Brake(
        is_known=all(each.is_known for each in brakes),
        refuses=any(each.refuses for each in brakes),
        is_trial=any(each.is_trial for each in brakes),
        headroom=min(headrooms, default=None),
        why=next((each.why for each in brakes if each.refuses or each.is_trial or not each.is_known), None),
    )
