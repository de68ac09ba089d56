"""What tries of a pool's parts and probes came to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from janitor.domain.pool.states import TaskState
from janitor.domain.snapshot.pool import short_id
from janitor.services.pool_control.connection import Tried
from janitor.services.pool_control.probes import ProbeEnd, Probes
from janitor.views.text.marks import BAD, GOOD, WAITING, one_line
from janitor.views.text.times import compactly


def tried_line(tried: Tried) -> str:
    """One part."""
    mark = GOOD if tried.is_well else BAD
    return f"{mark} {tried.part}: {one_line(tried.said, limit=1_000)} ({tried.took.total_seconds():.1f} s)"


def tried_dict(tried: Sequence[Tried]) -> dict[str, Any]:
    """All of them for scripts."""
    return {
        "well": all(each.is_well for each in tried),
        "parts": [
            {"part": each.part, "well": each.is_well, "said": each.said, "took_seconds": each.took.total_seconds()}
            for each in tried
        ],
    }


def probes_text(probes: Probes, ends: Sequence[ProbeEnd]) -> str:
    """The answer of `pool test-task`."""
    lines = [_end_line(each) for each in ends]
    counted = f"{len(probes.task_ids)} {'probe' if len(probes.task_ids) == 1 else 'probes'}"
    done = sum(each.state is TaskState.DONE for each in ends)
    return "\n".join([*lines, f"{counted} queued in pool {one_line(probes.pool)}, {done} done."])


def _end_line(end: ProbeEnd) -> str:
    mark = GOOD if end.state is TaskState.DONE else BAD if end.state.is_final else WAITING
    by = "" if end.worker_id is None else f" by worker {short_id(end.worker_id)}"
    waited = "" if end.waited is None else f", taken after {compactly(end.waited)}"
    return f"{mark} probe {short_id(end.task_id)}: {end.state.value}{by}{waited}"


def probes_dict(probes: Probes, ends: Sequence[ProbeEnd]) -> dict[str, Any]:
    """The same for scripts."""
    return {
        "pool": probes.pool,
        "probes": [
            {
                "task_id": str(each.task_id),
                "state": each.state.value,
                "worker_id": None if each.worker_id is None else str(each.worker_id),
                "waited_seconds": None if each.waited is None else each.waited.total_seconds(),
            }
            for each in ends
        ],
    }
