"""What became of what people ordered of the pools."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from janitor.domain.snapshot.pool import short_id
from janitor.services.pool_control.machines import Retried, Spawned, Terminated
from janitor.services.pool_control.orders import Drained
from janitor.views.text.marks import BAD, GOOD, UNKNOWN, WAITING, one_line
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


def spawned_text(spawned: Spawned) -> str:
    """The answer of `pool spawn`."""
    names = ", ".join(short_id(each) for each in spawned.worker_ids)
    counted = f"{len(spawned.worker_ids)} {'worker is' if len(spawned.worker_ids) == 1 else 'workers are'}"
    return f"{WAITING} {counted} asked for in pool {one_line(spawned.pool)} ({names}); the next pass launches them."


def spawned_dict(spawned: Spawned) -> dict[str, Any]:
    """The same for scripts."""
    return {"pool": spawned.pool, "worker_ids": [str(each) for each in spawned.worker_ids]}


def terminated_text(ended: Terminated) -> str:
    """The answer of `pool terminate`."""
    machine = f" ({ended.instance_id})" if ended.instance_id else ""
    name = f"worker {short_id(ended.worker_id)}{machine} of pool {one_line(ended.pool)}"
    back = f"; task {short_id(ended.given_back)} waits again" if ended.given_back is not None else ""
    if ended.is_over:
        return f"{GOOD} {name} has ended{back}"
    return f"{BAD} {name} was told to end and isn't gone yet; a pass goes on{back}"


def terminated_dict(ended: Terminated) -> dict[str, Any]:
    """The same for scripts."""
    return {
        "worker_id": str(ended.worker_id),
        "pool": ended.pool,
        "instance_id": ended.instance_id,
        "ended": ended.is_over,
        "given_back": None if ended.given_back is None else str(ended.given_back),
    }


def retried_text(retried: Retried) -> str:
    """The answer of `pool retry`."""
    name = f"task {short_id(retried.task_id)} of pool {one_line(retried.pool)}"
    if retried.from_worker is None:
        return f"{WAITING} {name} waits no longer than for a worker"
    return f"{WAITING} {name} is {retried.state.value}; worker {short_id(retried.from_worker)}, which had it, ends"


def retried_dict(retried: Retried) -> dict[str, Any]:
    """The same for scripts."""
    return {
        "task_id": str(retried.task_id),
        "pool": retried.pool,
        "state": retried.state.value,
        "from_worker": None if retried.from_worker is None else str(retried.from_worker),
    }
