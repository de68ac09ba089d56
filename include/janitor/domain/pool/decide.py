"""What one pass of the pool does: a pure decision on what it sees, which says why, also where it does nothing.

First what single workers need (`health`), then their number (`scaling`). What stands in the way of a machine fails
closed: where the provider, the failures of the past or the money aren't known, none is spawned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from janitor.domain.pool.actions import Action, Decision, PoolAction
from janitor.domain.pool.capacity import STARTING, WORKING, fits_ever
from janitor.domain.pool.durations import seconds_text
from janitor.domain.pool.health import health
from janitor.domain.pool.pool import Pool
from janitor.domain.pool.scaling import Need, Scale, expected_wait, in_the_way, scale_of, surplus, too_many
from janitor.domain.pool.states import WorkerEnd, WorkerState
from janitor.domain.pool.view import PoolView, WorkerSeen

_ENDS = frozenset({PoolAction.DRAIN, PoolAction.TERMINATE, PoolAction.LOSE})


def decide(view: PoolView, pool: Pool, now: datetime) -> Decision:
    """What a pass does. Deciding again on the same view gives the same.

    Args:
        view: What it sees.
        pool: Its configuration.
        now: The present, aware.
    """
    actions = [found for each in view.workers if (found := health(each, view, pool, now)) is not None]
    if view.is_stopped or pool.max_workers == 0:
        closing = tuple(_closed(_staying(view, actions), view, pool))
        return Decision(actions=(*actions, *closing), why=_told(view, _why_closed(view, pool), (*actions, *closing)))
    kept = sum(each.is_kept and each.state.is_live for each in view.workers)
    actions += [_reduced(each, pool) for each in too_many(_staying(view, actions), kept, pool)]
    staying = _staying(view, actions)
    scale = scale_of(staying, view, pool, now)
    count, why = _spawns(view, pool, scale)
    if count:
        actions.append(Action(kind=PoolAction.SPAWN, count=count, why=_why_spawned(view, pool, scale, staying)))
    actions += _made_room(view, pool, scale, actions, now)
    actions += _reduced_idle(view, pool, scale.needs, actions, now)
    said = f"{scale.wanted} wanted, {why}"
    unfit = sum(group.count for group in view.waiting if not fits_ever(group, pool))
    if unfit:
        said += f"; {unfit} may take longer than a worker lives, less its start ({seconds_text(pool.longest_task)})"
    return Decision(actions=tuple(actions), why=_told(view, said, actions), wanted=scale.wanted)


def _staying(view: PoolView, actions: Sequence[Action]) -> list[WorkerSeen]:
    """The workers that start, are ready or busy, and aren't about to end. What a person holds is nobody's capacity.

    One whose task expires is still there: whoever carries that out gives the task its grace first.
    """
    ending = {each.worker_id for each in actions if each.kind in _ENDS}
    return [
        each
        for each in view.workers
        if each.state in STARTING | WORKING
        and not each.is_kept
        and not each.end_wanted
        and each.worker_id not in ending
    ]


def _closed(staying: Sequence[WorkerSeen], view: PoolView, pool: Pool) -> Iterator[Action]:
    """Everything drains; what starts is ended, as it has nothing to finish."""
    end = WorkerEnd.STOPPED if view.is_stopped else WorkerEnd.DRAINED
    for each in staying:
        kind = PoolAction.TERMINATE if each.state in STARTING else PoolAction.DRAIN
        yield Action(kind=kind, worker_id=each.worker_id, end=end, why=_why_closed(view, pool))


def _why_closed(view: PoolView, pool: Pool) -> str:
    if view.is_stopped:
        return "none wanted: the pool was stopped by a person"
    return "none wanted: max is 0" if pool.is_enabled else "none wanted: the pool is switched off"


def _reduced(worker: WorkerSeen, pool: Pool) -> Action:
    kind = PoolAction.TERMINATE if worker.state in STARTING else PoolAction.DRAIN
    why = f"there are more than max, which is {pool.max_workers} now"
    return Action(kind=kind, worker_id=worker.worker_id, end=WorkerEnd.DRAINED, why=why)


def _room(view: PoolView, pool: Pool) -> int:
    """How many more machines there may be. What is about to end counts until it has ended."""
    live = sum(each.state.is_live for each in view.workers)
    return max(0, min(pool.max_workers - live, view.places_left))


def _spawns(view: PoolView, pool: Pool, scale: Scale) -> tuple[int, str]:
    """How many are spawned, and why not more."""
    if scale.further == 0:
        return 0, "none spawned: " + _why_enough(view, scale)
    if (closed := _why_none_may_be(view, pool)) is not None:
        return 0, f"none spawned of {scale.further} that would help: {closed}"
    live = sum(each.state.is_live for each in view.workers)
    limits = [
        (pool.max_workers - live, f"max is {pool.max_workers}, those that end included"),
        (view.places_left, "the deployment has no more places"),
        (pool.max_spawns_per_pass, "so many in a pass at most"),
    ]
    if view.affordable is not None:
        limits.append((view.affordable, "the budget has money for no more"))
    if view.brake.headroom is not None:
        starting = sum(each.state in STARTING for each in view.workers)
        limits.append((view.brake.headroom - starting, "no more start at once than may fail before launches pause"))
    if view.brake.is_trial:
        limits.append((1, f"launches failed, and one is tried first{_because(view)}"))
    most, why = min(limits, key=lambda each: each[0])
    if scale.further <= most:
        return scale.further, f"{scale.further} spawned"
    return max(0, most), f"{max(0, most) or 'none'} spawned of {scale.further} that would help: {why}"


def _why_none_may_be(view: PoolView, pool: Pool) -> str | None:
    """What forbids any machine now; None: nothing does."""
    if not pool.makes_workers:
        return "people start its workers, on our own hosts"
    if not view.is_provider_known:
        return "the provider doesn't answer"
    if not view.brake.is_known:
        return f"it isn't known whether launches fail{_because(view)}"
    if view.brake.refuses:
        return f"launches are paused after failures{_because(view)}"
    if view.brake.is_trial and any(each.state in STARTING for each in view.workers):
        return f"launches failed, and what starts is awaited first{_because(view)}"
    return None


def _because(view: PoolView) -> str:
    return f" ({view.brake.why})" if view.brake.why else ""


def _why_enough(view: PoolView, scale: Scale) -> str:
    if not scale.needs:
        return "nothing waits"
    wait = max(expected_wait(each.group.count, each.servers, view.task_median) for each in scale.needs)
    if any(each.wanted > each.spare for each in scale.needs):
        return f"a wait of {seconds_text(wait)} is no longer than a boot, {seconds_text(view.boot_median)}"
    return "there are enough for what waits"


def _why_spawned(view: PoolView, pool: Pool, scale: Scale, staying: Sequence[WorkerSeen]) -> str:
    lacking = [each for each in scale.needs if each.missing]
    if not lacking:
        if len(staying) < pool.min_workers:
            return f"{len(staying)} workers, and min is {pool.min_workers}"
        return f"keep_idle is {pool.keep_idle}, and work goes on"
    first = lacking[0]
    if not first.servers:
        return f"{first.group.count} wait that no worker may take"
    wait = expected_wait(first.group.count, first.servers, view.task_median)
    return f"{first.group.count} would wait {seconds_text(wait)}, and a boot takes {seconds_text(view.boot_median)}"


def _made_room(view: PoolView, pool: Pool, scale: Scale, actions: Sequence[Action], now: datetime) -> Iterator[Action]:
    """Workers of one trust domain make room for what waits in another one, where room is all that is missing."""
    if _why_none_may_be(view, pool) is not None or view.affordable == 0:
        return
    staying = _staying(view, actions)
    leaving = sum(each.state.is_live and not each.is_kept for each in view.workers) - len(staying)
    for each in in_the_way(staying, scale.needs, _room(view, pool) + leaving, pool, now):
        why = "what waits may not run where another one's code ran, and there is no room for one more worker"
        until = each.task.deadline_at if each.task is not None else None
        yield Action(kind=PoolAction.DRAIN, worker_id=each.worker_id, end=WorkerEnd.OTHER_TRUST, why=why, until=until)


def _reduced_idle(
    view: PoolView, pool: Pool, needs: Sequence[Need], actions: Sequence[Action], now: datetime
) -> Iterator[Action]:
    """What is idle for too long is marked, and ended by a later pass that finds it so still."""
    staying = _staying(view, actions)
    found = surplus(staying, needs, view, pool, now)
    for each in found:
        idle = seconds_text(now - (each.idle_since or each.requested_at))
        if each.surplus_since is None:
            yield Action(kind=PoolAction.MARK_SURPLUS, worker_id=each.worker_id, why=f"idle for {idle}")
        else:
            why = f"idle for {idle}, at the second look too"
            yield Action(kind=PoolAction.DRAIN, worker_id=each.worker_id, end=WorkerEnd.IDLE, why=why)
    for each in staying:
        if each.surplus_since is not None and each.suspect_since is None and each not in found:
            yield Action(kind=PoolAction.CLEAR, worker_id=each.worker_id, why="it is needed again")


def _told(view: PoolView, said: str, actions: Sequence[Action]) -> str:
    """The line that is kept: what was seen, what follows, and how much of what else is done."""
    states = Counter(each.state for each in view.workers)
    counted = ", ".join(f"{states[state]} {state.value}" for state in WorkerState if states[state])
    waiting = sum(group.count for group in view.waiting)
    seen = f"{waiting} wait, {counted or 'no workers'}"
    kinds = Counter(each.kind for each in actions if each.kind is not PoolAction.SPAWN)
    others = ", ".join(f"{kind.value} {count}" for kind, count in kinds.items())
    return f"{seen}: {said}{'; ' if others else ''}{others}"
