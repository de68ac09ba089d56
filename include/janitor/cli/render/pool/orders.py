"""What became of what people ordered of the pools."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from janitor.domain.snapshot.pool import short_id
from janitor.services.pool_control.orders import Drained
from janitor.views.text.marks import GOOD, UNKNOWN, WAITING, one_line
from janitor.views.text.times import roughly


def drained_text(drained: Sequence[Drained]) -> str:
    """The answer of `pool drain`."""
    return "\n".join(_drained_line(each) for each in drained) or f"{UNKNOWN} No worker is live."


def drained_dict(drained: Sequence[Drained]) -> dict[str, Any]:
    """The same for scripts."""
    return {
        "drained": [
            {
                "worker_id": str(each.worker_id),
                "pool": each.pool,
                "new": each.is_new,
                "has_task": each.has_task,
                "within_seconds": each.within.total_seconds(),
            }
            for each in drained
        ]
    }


def _drained_line(drained: Drained) -> str:
    name = f"worker {short_id(drained.worker_id)} of pool {one_line(drained.pool)}"
    if not drained.is_new:
        return f"{UNKNOWN} {name}: drains or ends already"
    if drained.has_task:
        return f"{WAITING} {name}: finishes what it has, within {roughly(drained.within)}, and is ended then"
    return f"{GOOD} {name}: gets nothing more; the next pass ends it"


def stopped_text(pool: str, *, is_new: bool) -> str:
    """The answer of `pool stop`."""
    if not is_new:
        return f"{UNKNOWN} Pool {one_line(pool)} was stopped before; `janitor pool status` says by whom."
    return (
        f"{GOOD} Pool {one_line(pool)} is stopped: nothing is spawned or given out, and what it has drains."
        f" `janitor pool resume {one_line(pool)}` lets it go on."
    )


def resumed_text(pool: str, *, was_stopped: bool) -> str:
    """The answer of `pool resume`."""
    if not was_stopped:
        return f"{UNKNOWN} Pool {one_line(pool)} wasn't stopped."
    return f"{GOOD} Pool {one_line(pool)} goes on with the next pass."
