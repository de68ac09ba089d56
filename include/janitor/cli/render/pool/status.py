"""Pools, workers, tasks and decisions as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from janitor.cli.render.instances.breaker import breaker_dicts
from janitor.domain.pool.pool import Pool
from janitor.domain.snapshot.pool import PoolFinding, PoolGlance, TaskGlance, WorkerGlance, short_id
from janitor.services.pool_control.looking import Configured, PoolsStatus
from janitor.stores.pool.records import KeptDecision
from janitor.views.pools import finding_dict, glance_dict, pool_plain, queue_dict, task_dict
from janitor.views.text.marks import BAD, GOOD, UNKNOWN, WAITING, one_line
from janitor.views.text.pools import domain_of, pool_line, task_line, worker_line
from janitor.views.text.times import compactly, instant, roughly

_MOST_TASKS = 20
"""Of a pool's queue, in a status; `pool queue` has them all."""


def status_text(status: PoolsStatus) -> str:
    """The answer of `pool status`: one part for each pool, then what is wrong and what ended lately."""
    parts = [[f"{status.deployment}, {instant(status.at)}"]]
    parts += [_pool_part(pool, status.configured, status.at) for pool in status.pools]
    if not status.pools:
        parts.append(["There is no pool: `pools:` of the configuration makes one."])
    if status.configured.problem is not None:
        parts.append([f"{BAD} The configuration can't be used: {one_line(status.configured.problem)}"])
    if status.breakers:
        parts.append([_paused_line(each.scope, each.paused_until, status.at) for each in status.breakers])
    if status.findings:
        parts.append(["Alerts:", *(line for each in status.findings for line in _finding_lines(each))])
    if status.ended:
        parts.append(["Ended last:", *(f"  {_ended_line(each, status.at)}" for each in status.ended)])
    return "\n\n".join("\n".join(part) for part in parts)


def status_dict(status: PoolsStatus) -> dict[str, Any]:
    """The same for scripts."""
    return {
        "deployment": status.deployment,
        "at": status.at.isoformat(),
        "pools": [{**glance_dict(each), "config": _config(each, status.configured)} for each in status.pools],
        "config_problem": status.configured.problem,
        "alerts": [finding_dict(each) for each in status.findings],
        "breakers": breaker_dicts(status.breakers, status.at),
        "ended": [task_dict(each) for each in status.ended],
    }


def workers_text(workers: Sequence[WorkerGlance], now: datetime) -> str:
    """The answer of `pool list`: a line each with its pool, then the count."""
    lines = [f"{worker_line(each, now)}  {one_line(each.pool)}" for each in workers]
    live = sum(each.ended_at is None for each in workers)
    return "\n".join([*lines, f"{_counted(live, 'worker')} live."])


def queues_text(pools: Sequence[PoolGlance], now: datetime) -> str:
    """The answer of `pool queue`."""
    lines: list[str] = []
    for pool in pools:
        plain = queue_dict(pool)
        stopped = ", stopped" if pool.stopped_at is not None else ""
        lines.append(f"pool {one_line(pool.name)}{stopped}: {len(pool.waiting)} waiting, {len(pool.held)} held")
        for group in plain["waiting"]:
            waited = compactly(now - datetime.fromisoformat(group["oldest_at"]))
            lines.append(f"  {group['count']} of {domain_of(group['trust_domain'])}, the oldest for {waited}")
        lines += [f"  {task_line(each, now)}" for each in pool.tasks]
    return "\n".join(lines) or "Nothing waits, and nobody has anything."


def decisions_text(decisions: Sequence[KeptDecision]) -> str:
    """The answer of `pool decisions`: a line each, with what was done below."""
    lines: list[str] = []
    for each in decisions:
        lines.append(f"{instant(each.decided_at)}  pool {one_line(each.pool)}: {one_line(each.why)}")
        lines += [f"  {_action_text(action)}" for action in each.actions]
    return "\n".join(lines) or "No decision is kept; `janitor pool run --once` makes one."


def _action_text(action: Mapping[str, Any]) -> str:
    count = action.get("count")
    kind = str(action.get("kind", "?")).replace("_", " ")
    counted = f" {count}" if kind == "spawn" and count else ""
    worker = f" {str(action['worker_id'])[:8]}" if action.get("worker_id") else ""
    return one_line(f"{kind}{counted}{worker}: {action.get('why', '')}")


def _pool_part(pool: PoolGlance, configured: Configured, now: datetime) -> list[str]:
    lines = [pool_line(pool, now)]
    if (config := configured.pools.get(pool.name)) is not None:
        lines.append(f"  {config_line(config)}")
    elif configured.problem is None:
        lines.append("  it is in no configuration any more: what is left of it drains")
    if pool.why is not None and pool.decided_at is not None:
        lines.append(f"  last decision, {compactly(now - pool.decided_at)} ago: {one_line(pool.why)}")
    lines += [f"  {worker_line(each, now)}" for each in pool.workers]
    lines += [f"  {task_line(each, now)}" for each in pool.waiting[:_MOST_TASKS]]
    left = len(pool.waiting) - _MOST_TASKS
    return [*lines, f"  {left} more wait: `janitor pool queue`"] if left > 0 else lines


def config_line(pool: Pool) -> str:
    """A pool's configuration in a line."""
    machines = ", ".join((*pool.instance_types, *pool.gpu_ids)) or "hosts of your own"
    if not pool.is_enabled:
        return f"switched off; {pool.provider.value} {one_line(machines)}"
    return (
        f"{pool.provider.value} {one_line(machines)}, {pool.market.value}; {pool.min_workers} to {pool.max_workers}"
        f" workers, one more for {pool.tasks_per_worker} that wait; idle for {roughly(pool.idle_timeout)} at most;"
        f" shared by {pool.reuse.value}"
    )


def _config(pool: PoolGlance, configured: Configured) -> dict[str, Any] | None:
    config = configured.pools.get(pool.name)
    return None if config is None else pool_plain(config)


def _finding_lines(finding: PoolFinding) -> list[str]:
    mark = BAD if finding.is_critical else UNKNOWN
    return [f"{mark} {one_line(finding.message)}", f"  → {one_line(finding.next_step)}"]


def _paused_line(scope: str, until: datetime | None, now: datetime) -> str:
    of = "everything" if scope == "*" else one_line(scope)
    if until is None or until <= now:
        return f"{WAITING} launches of {of}: one is tried; `make breaker`"
    return f"{BAD} launches of {of} are paused for {roughly(until - now)}; `make breaker`"


def _ended_line(task: TaskGlance, now: datetime) -> str:
    mark = GOOD if task.state.value == "done" else BAD
    ago = "" if task.ended_at is None else f"  {compactly(now - task.ended_at)} ago"
    why = f"  {one_line(task.reason_code)}" if task.reason_code else ""
    return f"{mark} {short_id(task.task_id)}  {task.state.value:<9}  {one_line(task.name)}{why}{ago}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun} is" if number == 1 else f"{number or 'No'} {noun}{'s are' if number else ' is'}"
