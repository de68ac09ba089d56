"""How many workers a pool should have, and which of them are too many.

Depth alone says nothing: with a boot of minutes what counts is when a task would begin. So a worker is spawned only
where the wait for those that there are, starting ones included, is longer than a boot. Tasks of one trust domain don't
wait for workers of another one: each domain is counted by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from janitor.domain.pool.capacity import (
    STARTING,
    fits_ever,
    is_fresh,
    is_trusted,
    leaves_waiting,
    life_left,
    takes_again,
)
from janitor.domain.pool.pool import Pool
from janitor.domain.pool.states import WorkerState
from janitor.domain.pool.view import PoolView, Waiting, WorkerSeen


@dataclass(frozen=True, kw_only=True)
class Need:
    """What the tasks of one trust domain lack."""

    group: Waiting
    wanted: int
    """Workers for what waits, by the pool's threshold."""
    spare: int
    """Free or starting ones that may take them."""
    servers: int
    """Those, and the busy ones that may take them later."""
    missing: int
    """Workers that would begin one of these sooner than those that there are."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A pool's size, as it is and as it should be."""

    needs: Sequence[Need]
    wanted: int
    """How many workers there should be, between min and max."""
    further: int
    """How many more of them are worth a boot, before anything that stands in the way."""


def needs_of(staying: Sequence[WorkerSeen], view: PoolView, pool: Pool, now: datetime) -> tuple[Need, ...]:
    """What each trust domain lacks, the longest wait first. A free worker is counted once.

    Args:
        staying: The workers that aren't about to end.
        view: The whole look.
        pool: The pool.
        now: The present.
    """
    fresh = [each for each in staying if each.state in STARTING or (_is_idle(each) and is_fresh(each))]
    needs = []
    for group in sorted(view.waiting, key=lambda each: each.oldest_at):
        if not fits_ever(group, pool):
            continue
        wanted = ceil(group.count / pool.tasks_per_worker)
        own = [each for each in staying if (_is_idle(each) or _is_between(each)) and not is_fresh(each)]
        able = [each for each in own if _serves(each, group, view, pool, now)]
        shared = [each for each in fresh if _serves(each, group, view, pool, now)][: max(0, wanted - len(able))]
        fresh = [each for each in fresh if each not in shared]
        at_work = [each for each in staying if each.state is WorkerState.BUSY and not _is_between(each)]
        busy = [each for each in at_work if takes_again(each, group, pool, now)]
        spare = len(able) + len(shared)
        servers = spare + len(busy)
        missing = _worth_a_boot(group, wanted - spare, servers, view)
        needs.append(Need(group=group, wanted=wanted, spare=spare, servers=servers, missing=missing))
    return tuple(needs)


def _serves(worker: WorkerSeen, group: Waiting, view: PoolView, pool: Pool, now: datetime) -> bool:
    """Whether a free or starting worker will take one of these."""
    if not is_trusted(worker, group.trust_domain) or life_left(worker, pool, now) < group.shortest:
        return False
    return (
        worker.state in STARTING
        or _is_between(worker)
        or not leaves_waiting(worker, group, pool, now, view.watched_since)
    )


def _worth_a_boot(group: Waiting, most: int, servers: int, view: PoolView) -> int:
    """How many more workers shorten the wait, up to where it is no longer than a boot."""
    more = 0
    while more < most and expected_wait(group.count, servers + more, view.task_median) > view.boot_median:
        more += 1
    return more


def expected_wait(count: int, servers: int, task_median: timedelta) -> timedelta:
    """How long the last of so many tasks waits; without anybody who may take them, for ever."""
    return count * task_median / servers if servers else timedelta.max


def scale_of(staying: Sequence[WorkerSeen], view: PoolView, pool: Pool, now: datetime) -> Scale:
    """How many workers there should be; see `needs_of`."""
    needs = needs_of(staying, view, pool, now)
    busy = sum(each.state is WorkerState.BUSY and not _is_between(each) for each in staying)
    for_queue = sum(need.missing for need in needs)
    taken = sum(min(need.wanted, need.spare + need.missing) for need in needs)
    free = len(staying) - busy + for_queue - taken
    buffer = max(0, pool.keep_idle - free) if work_goes_on(view) else 0
    further = max(for_queue + buffer, pool.min_workers - len(staying))
    idle = pool.keep_idle if work_goes_on(view) else 0
    wanted = sum(need.wanted for need in needs) + busy + idle
    return Scale(needs=needs, wanted=max(pool.min_workers, min(wanted, pool.max_workers)), further=further)


def work_goes_on(view: PoolView) -> bool:
    """Whether there is, or may soon be, something to do."""
    is_busy = any(each.state is WorkerState.BUSY for each in view.workers)
    return bool(view.waiting) or is_busy or view.runs_under_way > 0


def surplus(
    staying: Sequence[WorkerSeen], needs: Sequence[Need], view: PoolView, pool: Pool, now: datetime
) -> tuple[WorkerSeen, ...]:
    """The idle workers that are too many, the oldest first; never so many that fewer than min would be left.

    One that waits for longer than `idle_timeout` is; at once, where nothing waits, no run is under way and min is 0.
    Those of our own hosts never are: they cost nothing, and nobody would start them again.
    """
    if not pool.makes_workers:
        return ()
    is_over = not view.waiting and view.runs_under_way == 0 and pool.min_workers == 0
    idle = [each for each in staying if _is_idle(each)]
    groups = [need.group for need in needs]
    unused = [
        each
        for each in idle
        if each.suspect_since is None
        and (is_over or now - (each.idle_since or each.requested_at) > pool.idle_timeout)
        and not any(_serves(each, group, view, pool, now) for group in groups)
    ]
    kept = pool.keep_idle if work_goes_on(view) else 0
    most = max(0, min(len(staying) - pool.min_workers, len(idle) - kept))
    return tuple(sorted(unused, key=lambda each: (each.requested_at, str(each.worker_id)))[:most])


def too_many(staying: Sequence[WorkerSeen], kept: int, pool: Pool) -> tuple[WorkerSeen, ...]:
    """The workers above max, as it is now: idle ones first, then those that start, then busy ones.

    Args:
        staying: The workers that aren't about to end.
        kept: How many more are held by a person.
        pool: The pool.
    """
    order = {WorkerState.READY: 0, WorkerState.REQUESTED: 1, WorkerState.SPAWNING: 1, WorkerState.BUSY: 2}
    ranked = sorted(staying, key=lambda each: (order[each.state], each.requested_at, str(each.worker_id)))
    return tuple(ranked[: max(0, len(staying) + kept - pool.max_workers)])


def in_the_way(
    staying: Sequence[WorkerSeen], needs: Sequence[Need], room: int, pool: Pool, now: datetime
) -> tuple[WorkerSeen, ...]:
    """Workers of other trust domains that end so that nobody starves, where there is no room for one more.

    Idle ones with nothing to do go first, the longest idle first. One with something to do goes only for tasks that
    have waited as long as its own domain's, and longer than `idle_timeout`: else two domains would take turns with a
    boot for each task.

    Args:
        staying: The workers that aren't about to end.
        needs: What each trust domain lacks.
        room: How many more workers there may be when those have ended that are about to.
        pool: The pool.
        now: The present.
    """
    starved = [need.group for need in needs if need.missing and not need.servers]
    oldest = {need.group.trust_domain: need.group.oldest_at for need in needs}
    others = [each for each in staying if each.trust_domain is not None and each.state not in STARTING]
    chosen: list[WorkerSeen] = []
    for group in starved[max(0, room) :]:
        able = [each for each in others if each not in chosen and each.trust_domain != group.trust_domain]
        unused = [each for each in able if _is_idle(each) and each.trust_domain not in oldest]
        if not unused and now - group.oldest_at > pool.idle_timeout:
            unused = [each for each in able if oldest.get(each.trust_domain, now) >= group.oldest_at]
        chosen += sorted(unused, key=_idle_order)[:1]
    return tuple(chosen)


def _is_idle(worker: WorkerSeen) -> bool:
    return worker.state is WorkerState.READY


def _is_between(worker: WorkerSeen) -> bool:
    """Whether its last task is over and its machine is looked at: seconds, and then it is free."""
    return worker.state is WorkerState.BUSY and worker.task is None


def _idle_order(worker: WorkerSeen) -> tuple[bool, datetime, str]:
    return (not _is_idle(worker), worker.idle_since or worker.requested_at, str(worker.worker_id))
