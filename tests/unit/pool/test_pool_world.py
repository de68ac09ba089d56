"""The decision over thousands of passes, in a world with faults: what must hold whatever happens."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from janitor.domain.pool.actions import Decision, PoolAction
from janitor.domain.pool.pool import Pool, Reuse
from janitor.domain.pool.states import WorkerEnd, WorkerState
from tests.unit.pool.samples import HOUR, MINUTE, SECOND
from tests.unit.pool.world import LIMIT, RULE, Faults, World, pool_of

DOMAINS = ("organization:a", "organization:b", "organization:c", None)
STARTING = (WorkerState.REQUESTED, WorkerState.SPAWNING)
WORLDS, PASSES = 60, 150
"""Worlds, and passes of each with faults; with those until all is done they are over ten thousand."""
CALM_WEATHER = Faults()


@dataclass(frozen=True)
class Weather:
    """A world's pool, what goes wrong in it, and how much there is to do."""

    pool: Pool
    faults: Faults
    seed: int
    arrivals: float
    domains: int


@st.composite
def weathers(draw: st.DrawFn) -> Weather:
    """Pools from one worker to eight, with anything from no fault to one in every few minutes."""
    most = draw(st.integers(1, 8))
    pool = pool_of(
        min_workers=draw(st.integers(0, min(2, most))),
        max_workers=most,
        tasks_per_worker=draw(st.integers(1, 4)),
        keep_idle=draw(st.integers(0, min(2, most))),
        max_spawns_per_pass=draw(st.integers(1, 4)),
        max_tasks=draw(st.integers(2, 20)),
        idle_timeout=draw(st.integers(1, 6)) * MINUTE,
    )
    rare = st.sampled_from([0.0, 0.003, 0.02])
    faults = Faults(
        spawn_fails=draw(st.sampled_from([0.0, 0.1, 0.5])),
        machine_dies=draw(rare),
        machine_goes_silent=draw(rare),
        task_hangs=draw(st.sampled_from([0.0, 0.05])),
        api_goes_away=draw(rare),
        pass_is_cut_off=draw(st.sampled_from([0.0, 0.2])),
    )
    arrivals = draw(st.floats(0.02, 0.05 * most))
    return Weather(pool, faults, draw(st.integers(0, 2**32)), arrivals, draw(st.integers(1, 4)))


def one_pass(world: World) -> Decision:
    """A pass, with what must hold of every single one."""
    ended = len(world.ended)
    decision = world.advance()
    spawned = spawns(decision)
    starting = sum(each.state in STARTING for each in world.live)
    assert len(world.live) <= min(world.pool.max_workers, world.places)
    if spawned:
        need = sum(ceil(group.count / world.pool.tasks_per_worker) for group in world.seen.waiting)
        assert starting <= max(need + world.pool.keep_idle, world.pool.min_workers)
        assert world.seen.is_provider_known
        assert not world.seen.brake.refuses
    if not world.is_api_up:
        assert len(world.ended) == ended
        assert not {PoolAction.SUSPECT, PoolAction.LOSE} & {action.kind for action in decision.actions}
    return decision


def spawns(decision: Decision) -> int:
    return sum(action.count for action in decision.actions if action.kind is PoolAction.SPAWN)


def settle(world: World) -> int:
    """Let a world without faults come to rest; how many passes that took."""
    world.runs_under_way = 0
    # One worker alone would be done by then, with a boot for each task.
    most = 300 + int(len(world.waits) * (2 * world.boot_takes + 2 * world.task_takes + 3 * world.step) / world.step)
    for number in range(most):
        if world.is_quiet and len(world.live) == world.pool.min_workers:
            return number
        one_pass(world)
    raise AssertionError(f"no rest after {most} passes: {world.seen}")


@given(weathers())
@settings(max_examples=WORLDS, deadline=None, derandomize=True, database=None)
def test_whatever_goes_wrong_the_bounds_hold_and_all_is_done_when_it_ends(weather: Weather) -> None:
    world = World(weather.pool, weather.faults, weather.seed)
    for _ in range(PASSES):
        if world.random.random() < weather.arrivals:
            world.arrive(DOMAINS[world.random.randrange(weather.domains)], world.random.randint(1, 3))
        one_pass(world)
    world.faults = CALM_WEATHER
    for machine in world.machines.values():
        machine.is_silent = False
    settle(world)
    assert {each.ended_as for each in world.tasks} <= {"done", "expired"}
    assert all(each.ended_as == "done" for each in world.tasks if not each.hangs)
    ends = [end for _, end in world.ended]
    assert len(ends) == len(world.workers) - len(world.live) - sum(
        each.state is WorkerState.FAILED for each in world.workers.values()
    )


@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(4, 8))
@settings(max_examples=12, deadline=None, derandomize=True, database=None)
def test_a_pool_does_not_swing(seed: int, threshold: int, minutes: int) -> None:
    """Between an end for idleness and the next start there is no other such pair within an `idle_timeout`."""
    pool = pool_of(Reuse.ANY, tasks_per_worker=threshold, idle_timeout=minutes * MINUTE, max_workers=6)
    world = World(pool, CALM_WEATHER, seed, task_takes=MINUTE, boot_takes=30 * SECOND)
    events = []
    for _ in range(300):
        if world.random.random() < 0.06:
            world.arrive("any", world.random.randint(1, 6))
        decision = one_pass(world)
        if any(action.end is WorkerEnd.IDLE and action.kind is PoolAction.DRAIN for action in decision.actions):
            events.append((world.now, "down"))
        if spawns(decision):
            events.append((world.now, "up"))
    assert {kind for _, kind in events} == {"up", "down"}
    turns = [later[0] for earlier, later in pairwise(events) if (earlier[1], later[1]) == ("down", "up")]
    assert all(later - earlier >= pool.idle_timeout for earlier, later in pairwise(turns))


@pytest.mark.parametrize("most", [1, 8])
def test_launches_that_all_fail_are_few(most: int) -> None:
    world = World(pool_of(max_workers=most, max_spawns_per_pass=4), Faults(spawn_fails=1), seed=1)
    world.arrive("organization:a", 60)
    for _ in range(6 * 120):
        one_pass(world)
    launches = [each.at for each in world.launches]
    trials_an_hour = HOUR // RULE.pause
    for first in launches:
        assert sum(first <= each < first + HOUR for each in launches) <= RULE.failures + trials_an_hour
    # It goes on trying, and one that works is enough.
    assert launches[-1] > world.now - HOUR
    assert len(launches) > RULE.failures
    world.faults = CALM_WEATHER
    settle(world)
    assert all(each.ended_as == "done" for each in world.tasks)


def test_what_is_kept_at_min_is_not_made_anew() -> None:
    pool = pool_of(min_workers=1)
    world = World(pool, CALM_WEATHER, seed=1, runs_under_way=0)
    for _ in range(int(3 * pool.idle_timeout / world.step) + 20):
        one_pass(world)
    assert len(world.workers) == 1
    assert [each.state for each in world.workers.values()] == [WorkerState.READY]


def test_a_provider_that_is_away_for_ten_minutes_ends_and_starts_nothing() -> None:
    world = World(pool_of(min_workers=1, keep_idle=1), CALM_WEATHER, seed=1)
    world.arrive("organization:a", 4)
    for _ in range(8):
        one_pass(world)
    world.arrive("organization:b", 9)
    one_pass(world)
    states = {each.worker_id: each.state for each in world.live}
    assert set(states.values()) >= {WorkerState.SPAWNING, WorkerState.BUSY}
    world.api_back_at = world.now + 10 * MINUTE
    for each in world.machines.values():
        each.is_silent = True
    while world.now + world.step < world.api_back_at:
        decision = one_pass(world)
        assert {action.kind for action in decision.actions} <= {PoolAction.WARN}
        assert {each.worker_id: each.state for each in world.live} == states
    for each in world.machines.values():
        each.is_silent = False
    settle(world)
    assert all(each.ended_as == "done" for each in world.tasks)
    # Not one was given up for what couldn't be seen.
    assert {end for _, end in world.ended} <= {WorkerEnd.IDLE, WorkerEnd.OTHER_TRUST}


@pytest.mark.parametrize("reuse_of_b", ["organization:b", None])
def test_no_trust_domain_starves_beside_one_that_is_always_busy(reuse_of_b: str | None) -> None:
    pool = pool_of(max_workers=2)
    world = World(pool, CALM_WEATHER, seed=3)
    world.arrive("organization:a", 5)
    for _ in range(12):
        one_pass(world)
    world.arrive(reuse_of_b)
    theirs = world.tasks[-1]
    while theirs.ended_as is None and world.now - theirs.queued_at < 4 * HOUR:
        if len(world.waits) < 6:
            world.arrive("organization:a", 6)
        one_pass(world)
    longest = pool.idle_timeout + 2 * world.boot_takes + 2 * 1.5 * world.task_takes + 5 * world.step
    assert world.now - theirs.queued_at <= longest


def test_a_pool_that_is_stopped_while_one_starts_ends_it() -> None:
    world = World(pool_of(min_workers=1), CALM_WEATHER, seed=1)
    world.arrive("organization:a", 2)
    one_pass(world)
    assert [each.state for each in world.live] == [WorkerState.SPAWNING]
    world.is_stopped = True
    for _ in range(20):
        one_pass(world)
    assert not world.live
    assert [end for _, end in world.ended] == [WorkerEnd.STOPPED]
    assert len(world.waits) == 2
    world.is_stopped = False
    settle(world)
    assert all(each.ended_as == "done" for each in world.tasks)


def test_a_boot_that_is_longer_than_the_work_is_not_worth_it() -> None:
    """Fifty short tasks that come one after another: the one worker that there is does them all."""
    world = World(pool_of(max_tasks=100), CALM_WEATHER, seed=1, task_takes=20 * SECOND, step=10 * SECOND)
    for _ in range(50):
        world.arrive("organization:a")
        for _ in range(12):
            one_pass(world)
    settle(world)
    assert len(world.workers) == 1
    # The same work in one heap is worth more of them.
    heap = replace(world.pool, idle_timeout=MINUTE)
    world = World(heap, CALM_WEATHER, seed=1, task_takes=20 * SECOND, step=10 * SECOND)
    world.arrive("organization:a", 50)
    settle(world)
    assert len(world.workers) == heap.max_workers


def test_a_task_that_hangs_ends_at_its_limit_with_its_worker() -> None:
    world = World(pool_of(), Faults(task_hangs=1), seed=1)
    world.arrive("organization:a")
    settle(world)
    (task,) = world.tasks
    assert task.ended_as == "expired"
    assert world.now - task.queued_at < LIMIT + 10 * MINUTE
    assert [end for _, end in world.ended] == [WorkerEnd.RECYCLED]
