"""Pools as JSON answers have them: how they are configured, what lives and waits, and why.

Instants are ISO 8601 in UTC, durations seconds. What was measured in money is a decimal in text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from janitor.domain.pool.pool import Pool
from janitor.domain.snapshot.pool import PoolFinding, PoolGlance, TaskGlance, WorkerGlance
from janitor.stores.pool.records import KeptDecision


def pool_plain(pool: Pool) -> dict[str, Any]:
    """The JSON form of a pool's configuration; durations are under `<name>_seconds`."""
    plain: dict[str, Any] = {}
    for each in fields(pool):
        value = getattr(pool, each.name)
        if isinstance(value, timedelta) or each.name == "stuck_timeout":
            plain[f"{each.name}_seconds"] = None if value is None else value.total_seconds()
        elif isinstance(value, Decimal):
            plain[each.name] = float(value)
        else:
            plain[each.name] = value.value if isinstance(value, Enum) else value
    return plain


def task_dict(task: TaskGlance) -> dict[str, Any]:
    """A task."""
    return {each.name: _plain(getattr(task, each.name)) for each in fields(task)}


def worker_dict(worker: WorkerGlance) -> dict[str, Any]:
    """A worker, with the task that it has."""
    plain = {each.name: _plain(getattr(worker, each.name)) for each in fields(worker) if each.name != "task"}
    task = None if worker.task is None else task_dict(worker.task)
    return {**plain, "idle_since": _plain(worker.idle_since), "task": task}


def glance_dict(pool: PoolGlance) -> dict[str, Any]:
    """One pool: its workers with what they have, how much waits, and what was decided last."""
    return {
        "name": pool.name,
        "stopped_at": _plain(pool.stopped_at),
        "stopped_by": pool.stopped_by,
        "decided_at": _plain(pool.decided_at),
        "why": pool.why,
        "cost_usd": _plain(pool.cost_usd),
        "workers": [worker_dict(each) for each in pool.workers],
        "by_state": dict(Counter(each.state.value for each in pool.workers)),
        "waiting": len(pool.waiting),
        "held": len(pool.held),
        "oldest_waiting_at": _plain(min((each.queued_at for each in pool.waiting), default=None)),
    }


def queue_dict(pool: PoolGlance) -> dict[str, Any]:
    """A pool's queue: what waits by trust domain, the longest wait first, and every task without an end."""
    domains: dict[str | None, list[TaskGlance]] = {}
    for task in pool.waiting:
        domains.setdefault(task.trust_domain, []).append(task)
    waiting = [
        {"trust_domain": domain, "count": len(tasks), "oldest_at": min(each.queued_at for each in tasks)}
        for domain, tasks in domains.items()
    ]
    return {
        "name": pool.name,
        "stopped_at": _plain(pool.stopped_at),
        "waiting": [{**one, "oldest_at": _plain(one["oldest_at"])} for one in sorted(waiting, key=_oldest)],
        "tasks": [task_dict(each) for each in pool.tasks],
    }


def _oldest(group: dict[str, Any]) -> datetime:
    at: datetime = group["oldest_at"]
    return at


def finding_dict(finding: PoolFinding) -> dict[str, Any]:
    """What is wrong."""
    return {each.name: _plain(getattr(finding, each.name)) for each in fields(finding)}


def decision_dict(decision: KeptDecision) -> dict[str, Any]:
    """A decision with everything that it saw."""
    return {
        "decision_id": decision.decision_id,
        "decided_at": _plain(decision.decided_at),
        "pool": decision.pool,
        "why": decision.why,
        "actions": [dict(each) for each in decision.actions],
        "inputs": dict(decision.inputs),
    }


def decisions_dict(decisions: Sequence[KeptDecision]) -> dict[str, Any]:
    """The answer of `pool decisions`."""
    return {"decisions": [decision_dict(each) for each in decisions]}


def _plain(value: object) -> object:
    match value:
        case Enum():
            return value.value
        case datetime():
            return value.isoformat()
        case Decimal() | UUID():
            return str(value)
    return value
