"""The launch breaker as text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from janitor.domain.launch.breaker import EVERYTHING, BreakerState
from janitor.views.text.marks import BAD, GOOD, UNKNOWN, WAITING, one_line
from janitor.views.text.times import instant, roughly


def breaker_text(states: Sequence[BreakerState], now: datetime) -> str:
    """The answer of `breaker`: one line for each scope with failures, then what is paused."""
    lines = [_line(each, now) for each in states]
    if any(each.paused_until is not None for each in states):
        lines.append("Once the cause is gone: janitor breaker --close")
    else:
        lines.append(f"{GOOD} Launches are not paused.")
    return "\n".join(lines)


def _line(state: BreakerState, now: datetime) -> str:
    name = "all repositories" if state.scope == EVERYTHING else one_line(state.scope)
    failed = f"{state.failures_in_a_row} {'launch' if state.failures_in_a_row == 1 else 'launches'} in a row failed"
    last = f"; last: {one_line(state.last_failure)}" if state.last_failure else ""
    if state.paused_until is None:
        return f"{UNKNOWN} {name}: not paused, {failed}{last}"
    if state.refuses(now):
        until = f"until {instant(state.paused_until)} ({roughly(state.paused_until - now)} remaining)"
        return f"{BAD} {name}: launches are paused {until}, {failed}{last}"
    trial = "one launch is under way as a trial" if state.trial_under_way else "the next launch is a trial"
    return f"{WAITING} {name}: {trial}, {failed}{last}"


def breaker_dicts(states: Sequence[BreakerState], now: datetime) -> list[dict[str, Any]]:
    """The same for scripts."""
    return [
        {
            "scope": each.scope,
            "paused": each.refuses(now),
            "paused_until": None if each.paused_until is None else each.paused_until.isoformat(),
            "trial_under_way": each.trial_under_way,
            "failures_in_a_row": each.failures_in_a_row,
            "last_failure": each.last_failure,
        }
        for each in states
    ]
