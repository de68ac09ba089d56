"""Workers, tasks and pools in a line each, the same for every face."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from janitor.domain.pool.states import WorkerState
from janitor.domain.snapshot.pool import PoolGlance, TaskGlance, WorkerGlance, short_id
from janitor.views.text.marks import BAD, GOOD, UNKNOWN, WAITING, one_line
from janitor.views.text.money import dollars
from janitor.views.text.times import compactly, instant

_MARKS = {
    WorkerState.READY: GOOD,
    WorkerState.LOST: BAD,
    WorkerState.QUARANTINED: BAD,
    WorkerState.FAILED: BAD,
    WorkerState.TERMINATED: UNKNOWN,
}


def pool_line(pool: PoolGlance, now: datetime) -> str:
    """A pool: how many workers in which state, what waits for how long, what it costs."""
    states = Counter(each.state for each in pool.workers)
    counted = [f"{states[state]} {state.value}" for state in WorkerState if states[state]]
    waiting = f"{len(pool.waiting)} waiting"
    if pool.waiting:
        waiting += f" (the oldest for {compactly(now - min(each.queued_at for each in pool.waiting))})"
    parts = [", ".join(counted) or "no workers", waiting, f"{dollars(pool.cost_usd)} today"]
    mark = GOOD if not pool.waiting else WAITING
    if pool.stopped_at is not None:
        mark = UNKNOWN
        parts.append(f"stopped by {one_line(pool.stopped_by or 'somebody')} at {instant(pool.stopped_at)}")
    return f"{mark} pool {one_line(pool.name)}: {'; '.join(parts)}"


def worker_line(worker: WorkerGlance, now: datetime) -> str:
    """A worker: its machine, what it does and for how long, its age and cost, when it is ended at the latest."""
    parts = [f"{_MARKS.get(worker.state, WAITING)} {short_id(worker.worker_id)}  {worker.state.value:<11}"]
    parts.append(machine_of(worker))
    parts.append(doing_of(worker, now))
    parts.append(f"{worker.tasks_done} done")
    parts.append(f"age {compactly((worker.ended_at or now) - worker.requested_at)}")
    if worker.cost_usd is not None:
        parts.append(dollars(worker.cost_usd))
    if worker.last_sign_at is not None:
        parts.append(f"alive {compactly(now - worker.last_sign_at)} ago")
    if worker.ended_at is None and worker.expires_at is not None:
        parts.append(f"ends in {compactly(worker.expires_at - now)}")
    return "  ".join(parts)


def machine_of(worker: WorkerGlance) -> str:
    """Its machine, or where it has none."""
    if worker.instance_id is not None:
        return " ".join(one_line(each) for each in (worker.instance_id, worker.instance_type, worker.market) if each)
    return "no machine yet" if worker.over_since is None and worker.ready_at is None else worker.provider.value


def doing_of(worker: WorkerGlance, now: datetime) -> str:
    """What it does, and since when."""
    if worker.task is not None:
        since = "" if worker.task.claimed_at is None else f" for {compactly(now - worker.task.claimed_at)}"
        draining = ", its last" if worker.state is WorkerState.DRAINING else ""
        return f"{one_line(worker.task.name)}{since}{draining}"
    if worker.idle_since is not None:
        return f"idle for {compactly(now - worker.idle_since)}"
    if worker.end_reason is not None or worker.end_wanted is not None:
        why = (worker.end_reason or worker.end_wanted or worker.state).value.replace("_", " ")
        return one_line(f"{why}: {worker.drain_reason}" if worker.drain_reason else why)
    return f"since {compactly(now - (worker.ready_at or worker.requested_at))}"


def task_line(task: TaskGlance, now: datetime) -> str:
    """A task: what it is about, who has it, how often it was tried."""
    parts = [f"{WAITING} {short_id(task.task_id)}  {task.state.value:<9}", one_line(task.name)]
    if task.worker_id is not None:
        since = "" if task.claimed_at is None else f" for {compactly(now - task.claimed_at)}"
        parts.append(f"on worker {short_id(task.worker_id)}{since}, fence {task.fence}")
        if task.last_progress_at is not None:
            parts.append(f"progress {compactly(now - task.last_progress_at)} ago")
        if task.deadline_at is not None:
            parts.append(f"limit in {compactly(task.deadline_at - now)}")
    else:
        parts.append(f"waits for {compactly(now - task.queued_at)}")
        if task.not_before is not None and task.not_before > now:
            parts.append(f"not before {instant(task.not_before)}")
    if task.attempts:
        parts.append(f"attempt {task.attempts} of {task.max_attempts}")
    parts.append(domain_of(task.trust_domain))
    return "  ".join(parts)


def domain_of(trust_domain: str | None) -> str:
    """With whose tasks it may share a worker."""
    return "alone on a worker" if trust_domain is None else one_line(trust_domain)
