"""What a pass of the pool decides, for each situation that it can meet."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from janitor.domain.launch.breaker import BreakerRule, LaunchOutcome, state_of
from janitor.domain.pool.actions import Action, Decision, PoolAction
from janitor.domain.pool.brake import brake_of, strictest
from janitor.domain.pool.capacity import may_take, refusal
from janitor.domain.pool.decide import decide
from janitor.domain.pool.pool import Pool, Provider
from janitor.domain.pool.states import WorkerEnd, WorkerState
from janitor.domain.pool.view import Brake, PoolView, WorkerSeen
from janitor.domain.states import PlacementResult, TerminationReason
from tests.unit.pool.samples import (
    ACME,
    HOUR,
    MINUTE,
    NOW,
    OTHER,
    POOL,
    SECOND,
    number,
    task,
    view,
    waiting,
    worker,
)

READY, BUSY, SPAWNING, DRAINING = WorkerState.READY, WorkerState.BUSY, WorkerState.SPAWNING, WorkerState.DRAINING


def decided(seen: PoolView, pool: Pool = POOL, now: datetime = NOW) -> Decision:
    """A decision; deciding again gives the same, and its reasons are lines."""
    decision = decide(seen, pool, now)
    assert decide(seen, pool, now) == decision
    assert decision.why
    for said in (decision.why, *(action.why for action in decision.actions)):
        assert said.strip()
        assert "\n" not in said
    return decision


def spawned(seen: PoolView, pool: Pool = POOL) -> int:
    return sum(action.count for action in decided(seen, pool).actions if action.kind is PoolAction.SPAWN)


def shown(seen: PoolView, pool: Pool = POOL) -> list[tuple[str, int | None, str | None]]:
    """The actions: kind, number of the worker, why it ends."""
    return [
        (
            action.kind.value,
            None if action.worker_id is None else action.worker_id.int,
            None if action.end is None else action.end.value,
        )
        for action in decided(seen, pool).actions
    ]


def pool(**changes: Any) -> Pool:
    return replace(POOL, **changes)


# How many


@pytest.mark.parametrize(
    ("seen", "count", "why"),
    [
        (view(), 0, "nothing waits"),
        (view(waiting=[waiting(1)]), 1, "1 spawned"),
        (view(waiting=[waiting(3)]), 1, "1 spawned"),
        (view(waiting=[waiting(4)]), 2, "2 spawned"),
        # Never more in a pass than the pool says, however deep the queue is.
        (view(waiting=[waiting(40)]), 2, "2 spawned of 14 that would help: so many in a pass at most"),
        # What starts is there for it.
        (view(worker(1, SPAWNING), waiting=[waiting(3)]), 0, "there are enough for what waits"),
        (view(worker(1, SPAWNING), waiting=[waiting(4)]), 1, "1 spawned"),
        (view(worker(1, WorkerState.REQUESTED), worker(2, SPAWNING), waiting=[waiting(6)]), 0, "there are enough"),
        # A free one too, fresh or of the same domain.
        (view(worker(1, ready_at=NOW), waiting=[waiting(3)]), 0, "there are enough"),
        (view(worker(1, ready_at=NOW, trust_domain=ACME), waiting=[waiting(3)]), 0, "there are enough"),
        # A busy one is waited for only where that is no longer than a boot.
        (view(worker(1, BUSY, trust_domain=ACME), waiting=[waiting(1)]), 1, "1 spawned"),
        (view(worker(1, BUSY, trust_domain=ACME), waiting=[waiting(1)], task_median=MINUTE), 0, "a wait of 60 s is no"),
        (view(worker(1, BUSY, trust_domain=ACME), waiting=[waiting(1)], boot_median=HOUR), 0, "300 s is no longer"),
        # But one that may not take it is not waited for.
        (view(worker(1, BUSY, trust_domain=OTHER), waiting=[waiting(1)], task_median=SECOND), 1, "1 spawned"),
        (view(worker(1, BUSY, is_single_use=True), waiting=[waiting(1)], task_median=SECOND), 1, "1 spawned"),
        (
            view(worker(1, BUSY, trust_domain=ACME, tasks_done=19), waiting=[waiting(1)], task_median=SECOND),
            1,
            "1 spawned",
        ),
        # As many more as shorten the wait to a boot, and not one more.
        (view(waiting=[waiting(12)], task_median=30 * SECOND, boot_median=3 * MINUTE), 2, "2 spawned"),
        # A fresh one is counted once, for the tasks that have waited longest.
        (view(worker(1, ready_at=NOW), waiting=[waiting(1), waiting(1, OTHER)]), 1, "1 spawned"),
        (view(worker(1, SPAWNING), waiting=[waiting(1), waiting(1, OTHER), waiting(1, None)]), 2, "2 spawned"),
        (view(worker(1, trust_domain=OTHER), waiting=[waiting(1)]), 1, "1 spawned"),
    ],
)
def test_as_many_are_spawned_as_the_queue_is_worth(seen: PoolView, count: int, why: str) -> None:
    decision = decided(seen)
    assert sum(action.count for action in decision.actions if action.kind is PoolAction.SPAWN) == count
    assert why in decision.why


@pytest.mark.parametrize(
    ("changes", "configured", "count", "why"),
    [
        ({"is_provider_known": False}, {}, 0, "none spawned of 4 that would help: the provider doesn't answer"),
        ({"brake": Brake(is_known=False, why="no database")}, {}, 0, "whether launches fail (no database)"),
        ({"brake": Brake(refuses=True, why="3 in a row")}, {}, 0, "launches are paused after failures (3 in a row)"),
        (
            {"brake": Brake(is_trial=True)},
            {},
            1,
            "1 spawned of 4 that would help: launches failed, and one is tried first",
        ),
        ({"brake": Brake(headroom=1)}, {}, 1, "1 spawned of 4 that would help: no more start at once"),
        ({"brake": Brake(headroom=0)}, {}, 0, "none spawned of 4 that would help: no more start at once"),
        ({"places_left": 0}, {}, 0, "none spawned of 4 that would help: the deployment has no more places"),
        ({"places_left": 1}, {}, 1, "1 spawned of 4 that would help: the deployment has no more places"),
        ({"affordable": 0}, {}, 0, "none spawned of 4 that would help: the budget has money for no more"),
        ({"affordable": 1}, {}, 1, "1 spawned of 4 that would help: the budget"),
        ({"affordable": 9}, {}, 2, "so many in a pass at most"),
        ({}, {"max_workers": 1}, 1, "1 spawned of 4 that would help: max is 1"),
        ({}, {"max_spawns_per_pass": 4}, 4, "4 spawned"),
    ],
)
def test_nothing_is_spawned_against_what_stands_in_the_way(
    changes: dict[str, Any], configured: dict[str, Any], count: int, why: str
) -> None:
    decision = decided(view(waiting=[waiting(12)], **changes), pool(**configured))
    assert sum(action.count for action in decision.actions if action.kind is PoolAction.SPAWN) == count
    assert why in decision.why


def test_a_trial_is_one_and_is_awaited() -> None:
    trial = Brake(is_trial=True)
    decision = decided(view(worker(1, SPAWNING), waiting=[waiting(12)], brake=trial))
    assert not decision.actions
    assert "what starts is awaited first" in decision.why
    # Also where it is not for the queue.
    assert spawned(view(brake=trial), pool(min_workers=3)) == 1
    assert spawned(view(worker(1, SPAWNING), brake=trial), pool(min_workers=3)) == 0


def test_what_is_about_to_end_counts_against_max_until_it_has_ended() -> None:
    ending = [
        worker(1, DRAINING, task=task()),
        worker(2, WorkerState.TERMINATING),
        worker(3, WorkerState.LOST, is_kept=True),
    ]
    assert spawned(view(*ending, waiting=[waiting(12)])) == 1
    decision = decided(view(*ending, worker(4, BUSY), waiting=[waiting(12)]))
    assert "max is 4, those that end included" in decision.why


def test_min_is_filled_though_nothing_waits_and_only_up_to_min() -> None:
    assert spawned(view(), pool(min_workers=1)) == 1
    assert spawned(view(worker(1, SPAWNING)), pool(min_workers=1)) == 0
    assert spawned(view(worker(1, BUSY)), pool(min_workers=2)) == 1
    # What drains, is kept by a person or was told to end is not there for anybody.
    for gone in (worker(1, DRAINING, task=task()), worker(1, is_kept=True), worker(1, end_wanted=True)):
        assert spawned(view(gone), pool(min_workers=1)) == 1
    assert decided(view(), pool(min_workers=1)).wanted == 1


def test_idle_ones_are_kept_ready_while_work_goes_on() -> None:
    buffered = pool(keep_idle=1)
    assert spawned(view(worker(1, BUSY)), buffered) == 1
    assert spawned(view(worker(1, BUSY), worker(2)), buffered) == 0
    assert spawned(view(worker(1, BUSY), worker(2, SPAWNING)), buffered) == 0
    # One is for the task, one is kept ready.
    assert spawned(view(waiting=[waiting(1)]), buffered) == 2
    assert spawned(view(runs_under_way=0), buffered) == 0
    assert "keep_idle is 1" in decided(view(worker(1, BUSY)), buffered).actions[0].why


def test_what_fits_into_no_worker_s_life_gets_none_and_is_told() -> None:
    decision = decided(view(waiting=[waiting(2, shortest=4 * HOUR)]))
    assert not decision.actions
    assert "2 may take longer than a worker lives" in decision.why


def test_a_worker_that_leaves_a_task_waiting_is_no_capacity_for_it() -> None:
    """Such as one that had the task before and may not have it again: the two would wait for each other."""
    old = NOW - 2 * MINUTE
    left = view(worker(1, trust_domain=ACME, ready_at=old), waiting=[waiting(1, oldest_at=old)])
    assert spawned(left) == 1
    assert spawned(replace(left, watched_since=NOW - MINUTE)) == 0
    assert spawned(view(worker(1, trust_domain=ACME, ready_at=old), waiting=[waiting(1)])) == 0


def test_workers_of_our_own_hosts_are_started_by_people_and_stay() -> None:
    own = pool(provider=Provider.LOCAL, instance_types=(), min_workers=1)
    decision = decided(view(waiting=[waiting(3, shortest=9 * HOUR)]), own)
    assert not decision.actions
    assert "people start its workers, on our own hosts" in decision.why
    old = worker(1, tasks_done=99, requested_at=NOW - 99 * HOUR, ready_at=NOW - 9 * HOUR, surplus_since=NOW - HOUR)
    assert shown(view(old, runs_under_way=0), own) == [("clear", 1, None)]
    assert refusal(old, own, NOW, trust_domain=ACME, limit=9 * HOUR) is None
    used = replace(old, is_single_use=True, surplus_since=None)
    assert shown(view(used), own) == [("drain", 1, "recycled")]
    assert shown(view(old), replace(own, max_workers=0, min_workers=0)) == [("drain", 1, "drained")]


# Stopped, and less than before


@pytest.mark.parametrize(
    ("seen", "configured", "end", "why"),
    [
        ({"is_stopped": True}, {}, "stopped", "stopped by a person"),
        ({}, {"max_workers": 0}, "drained", "max is 0"),
        ({}, {"max_workers": 0, "is_enabled": False}, "drained", "switched off"),
        # A person's word wins over a min.
        ({"is_stopped": True}, {"min_workers": 2}, "stopped", "stopped by a person"),
    ],
)
def test_a_pool_that_is_stopped_drains_and_what_starts_is_ended(
    seen: dict[str, Any], configured: dict[str, Any], end: str, why: str
) -> None:
    workers = (
        worker(1),
        worker(2, BUSY),
        worker(3, SPAWNING),
        worker(4, WorkerState.REQUESTED),
        worker(5, is_kept=True),
    )
    looked = view(*workers, waiting=[waiting(9)], **seen)
    assert shown(looked, pool(**configured)) == [
        ("drain", 1, end),
        ("drain", 2, end),
        ("terminate", 3, end),
        ("terminate", 4, end),
    ]
    assert why in decided(looked, pool(**configured)).why


def test_above_a_lower_max_the_idle_go_first_and_the_busy_finish() -> None:
    seen = view(worker(1, BUSY), worker(2, BUSY), worker(3, SPAWNING), worker(4), waiting=[waiting(9)])
    assert shown(seen, pool(max_workers=3)) == [("drain", 4, "drained")]
    assert shown(seen, pool(max_workers=1)) == [
        ("drain", 4, "drained"),
        ("terminate", 3, "drained"),
        ("drain", 1, "drained"),
    ]


# Too many


def idle(value: int, since: timedelta, **changes: Any) -> WorkerSeen:
    return worker(value, ready_at=NOW - since, requested_at=NOW - HOUR + value * SECOND, **changes)


LONG = 6 * MINUTE
MARKED = {"surplus_since": NOW - MINUTE}


def test_one_that_was_idle_for_long_is_marked_first_and_drained_by_a_later_pass() -> None:
    assert shown(view(idle(1, LONG))) == [("mark_surplus", 1, None)]
    assert shown(view(idle(1, LONG, **MARKED))) == [("drain", 1, "idle")]
    assert shown(view(idle(1, 4 * MINUTE))) == []
    # Signs of life aren't work.
    assert shown(view(idle(1, LONG, last_alive_at=NOW))) == [("mark_surplus", 1, None)]
    assert shown(view(idle(1, LONG, last_task_ended_at=NOW - MINUTE, tasks_done=1))) == []


def test_where_nothing_is_to_be_done_nobody_waits_for_the_timeout() -> None:
    assert shown(view(idle(1, SECOND), runs_under_way=0)) == [("mark_surplus", 1, None)]
    assert shown(view(idle(1, MINUTE, **MARKED), runs_under_way=0)) == [("drain", 1, "idle")]
    assert shown(view(idle(1, SECOND), runs_under_way=0), pool(min_workers=1)) == []
    assert shown(view(idle(1, SECOND), worker(2, BUSY), runs_under_way=0)) == [("mark_surplus", 1, None)]


def test_min_is_never_idle_for_too_long_and_the_oldest_go_first() -> None:
    three = [idle(value, LONG, **MARKED) for value in (3, 1, 2)]
    assert shown(view(*three), pool(min_workers=3)) == [("clear", value, None) for value in (3, 1, 2)]
    ends = shown(view(*three), pool(min_workers=1))
    assert [each for each in ends if each[0] == "drain"] == [("drain", 1, "idle"), ("drain", 2, "idle")]
    # Busy and starting ones are part of min.
    assert shown(view(idle(1, LONG, **MARKED), worker(2, BUSY)), pool(min_workers=1)) == [("drain", 1, "idle")]


def test_the_idle_that_are_kept_ready_stay_while_work_goes_on() -> None:
    two = (idle(1, LONG, **MARKED), idle(2, LONG, **MARKED))
    assert shown(view(*two), pool(keep_idle=1)) == [("drain", 1, "idle"), ("clear", 2, None)]
    assert len(shown(view(*two, runs_under_way=0), pool(keep_idle=1))) == 2


def test_one_that_is_about_to_get_a_task_stays() -> None:
    seen = view(idle(1, LONG, trust_domain=ACME, **MARKED), waiting=[waiting(1)])
    assert shown(seen) == [("clear", 1, None)]
    assert shown(replace(seen, waiting=[waiting(1, OTHER)])) == [("spawn", None, None), ("drain", 1, "idle")]


# Trust


def test_an_idle_worker_of_another_domain_makes_room_the_longest_idle_first() -> None:
    full = [
        idle(1, MINUTE, trust_domain=OTHER),
        idle(2, 2 * MINUTE, trust_domain=OTHER),
        worker(3, BUSY),
        worker(4, BUSY),
    ]
    seen = view(*full, waiting=[waiting(1)])
    assert shown(seen) == [("drain", 2, "other_trust")]
    # One that ends already is room enough.
    assert shown(view(*full[:3], worker(4, DRAINING, task=task()), waiting=[waiting(1)])) == []
    # Room is all that may be missing.
    assert shown(replace(seen, brake=Brake(refuses=True))) == []
    assert shown(replace(seen, is_provider_known=False)) == []
    assert shown(replace(seen, affordable=0)) == []
    assert shown(replace(seen, waiting=[waiting(1), waiting(1, None)])) == [
        ("drain", 2, "other_trust"),
        ("drain", 1, "other_trust"),
    ]


def test_a_full_deployment_is_no_reason_to_starve_either() -> None:
    seen = view(idle(1, MINUTE, trust_domain=OTHER), waiting=[waiting(1)], places_left=0)
    assert shown(seen) == [("drain", 1, "other_trust")]


def test_a_busy_domain_gives_way_only_to_tasks_that_have_waited_longer_and_for_long() -> None:
    busy = worker(1, BUSY, trust_domain=OTHER)
    one = pool(max_workers=1)

    def seen(ours: timedelta, theirs: timedelta) -> PoolView:
        lines = [waiting(1, oldest_at=NOW - ours), waiting(5, OTHER, oldest_at=NOW - theirs)]
        return view(busy, waiting=lines)

    assert shown(seen(4 * MINUTE, MINUTE), one) == []
    assert shown(seen(LONG, 7 * MINUTE), one) == []
    (found,) = decided(seen(LONG, MINUTE), one).actions
    assert (found.kind, found.worker_id, found.end) == (PoolAction.DRAIN, number(1), WorkerEnd.OTHER_TRUST)
    # It may finish what it has, however long that takes.
    assert busy.task is not None
    assert found.until == busy.task.deadline_at


# Life, progress, limits


def test_silence_is_suspect_at_the_first_look_and_lost_at_the_second() -> None:
    silent = worker(1, last_alive_at=NOW - 2 * MINUTE, ready_at=NOW - HOUR, requested_at=NOW - HOUR)
    busy = worker(2, BUSY, last_alive_at=NOW - 2 * MINUTE, ready_at=NOW - HOUR, requested_at=NOW - HOUR)
    assert shown(view(silent, busy, waiting=[waiting(1)])) == [("suspect", 1, None), ("suspect", 2, None)]

    def again(since: timedelta, **changes: Any) -> list[tuple[str, int | None, str | None]]:
        marked = replace(busy, suspect_since=NOW - since)
        return shown(replace(view(marked), **changes))

    assert again(MINUTE) == []
    assert again(90 * SECOND) == [("lose", 2, "lost")]
    # What isn't shown while nobody answers is no evidence.
    assert again(HOUR, is_provider_known=False) == []
    assert shown(view(replace(busy, suspect_since=None), is_provider_known=False)) == []


def test_a_machine_that_has_ended_is_the_other_kind_of_evidence() -> None:
    gone = worker(1, BUSY, is_machine_gone=True)
    assert shown(view(gone)) == [("suspect", 1, None)]
    assert shown(view(replace(gone, suspect_since=NOW - MINUTE))) == [("lose", 1, "lost")]
    silent = replace(gone, last_alive_at=NOW - 2 * MINUTE, ready_at=NOW - HOUR)
    assert shown(view(silent)) == [("lose", 1, "lost")]
    starting = worker(1, SPAWNING, is_machine_gone=True)
    assert shown(view(starting)) == [("suspect", 1, None)]
    assert shown(view(replace(starting, suspect_since=NOW - MINUTE))) == [("lose", 1, "lost")]
    for unknown in (view(silent, is_provider_known=False), view(replace(gone, is_machine_gone=None))):
        assert shown(unknown) == []


def test_one_that_shows_life_again_is_suspect_no_more() -> None:
    assert shown(view(worker(1, BUSY, suspect_since=NOW - MINUTE))) == [("clear", 1, None)]
    # Also while its provider doesn't answer: a sign is a sign.
    seen = view(worker(1, BUSY, suspect_since=NOW - MINUTE, is_machine_gone=None), is_provider_known=False)
    assert shown(seen) == [("clear", 1, None)]


def test_a_start_ends_with_the_first_order_and_not_sooner() -> None:
    late = worker(1, SPAWNING, requested_at=NOW - 11 * MINUTE, last_alive_at=NOW)
    assert shown(view(late)) == [("terminate", 1, "spawn_timeout")]
    assert shown(view(replace(late, requested_at=NOW - 9 * MINUTE))) == []
    assert shown(view(replace(late, state=WorkerState.REQUESTED))) == [("terminate", 1, "spawn_timeout")]
    # Nobody asked it anything while the provider, or the pool itself, was away.
    assert shown(view(late, is_provider_known=False)) == []
    assert shown(view(late, watched_since=NOW - MINUTE)) == []
    assert shown(view(late, watched_since=NOW - 11 * MINUTE)) == [("terminate", 1, "spawn_timeout")]


def test_a_hard_limit_ends_the_task_and_what_hangs_on_its_worker() -> None:
    over = worker(1, BUSY, task=task(deadline_at=NOW))
    assert shown(view(over)) == [("expire", 1, "recycled")]
    assert shown(view(replace(over, is_kept=True))) == [("expire", 1, None)]
    assert shown(view(replace(over, state=DRAINING, end_wanted=True))) == [("expire", 1, "recycled")]
    assert shown(view(worker(1, BUSY))) == []
    assert shown(view(worker(1, BUSY)), pool(stuck_timeout=MINUTE)) == [("expire", 1, "recycled")]
    assert shown(view(worker(1, BUSY)), pool(stuck_timeout=2 * MINUTE)) == []
    # It is replaced when it has ended, and not while its task may have a grace.
    assert shown(view(over), pool(min_workers=1)) == [("expire", 1, "recycled")]


def test_a_task_without_progress_is_told_and_nothing_more() -> None:
    quiet = task(claimed_at=NOW - HOUR, last_progress_at=NOW - 16 * MINUTE)
    assert shown(view(worker(1, BUSY, task=quiet))) == [("warn", 1, None)]
    never = replace(quiet, last_progress_at=None)
    assert shown(view(worker(1, BUSY, task=never))) == [("warn", 1, None)]
    assert shown(view(worker(1, BUSY, task=task(claimed_at=NOW - HOUR)))) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"tasks_done": 20, "trust_domain": ACME},
        {"requested_at": NOW - 4 * HOUR},
        {"is_single_use": True, "tasks_done": 1},
    ],
)
def test_one_that_has_had_its_time_drains_when_it_has_no_task(changes: dict[str, Any]) -> None:
    assert shown(view(worker(1, **changes))) == [("drain", 1, "recycled")]
    # Also at min: then another one takes its place.
    assert shown(view(worker(1, **changes)), pool(min_workers=1)) == [("drain", 1, "recycled"), ("spawn", None, None)]
    assert shown(view(worker(1, BUSY, **changes))) == []


def test_one_that_is_too_old_for_what_waits_is_replaced() -> None:
    old = worker(1, trust_domain=ACME, requested_at=NOW - 4 * HOUR + 20 * MINUTE)
    assert shown(view(old, waiting=[waiting(1)])) == [("drain", 1, "recycled"), ("spawn", None, None)]
    assert shown(view(old, waiting=[waiting(1, shortest=10 * MINUTE)])) == []
    assert shown(view(old)) == []


def test_one_that_drains_ends_when_it_has_nothing_or_when_its_time_is_up() -> None:
    assert shown(view(worker(1, DRAINING, end=WorkerEnd.IDLE))) == [("terminate", 1, "idle")]
    assert shown(view(worker(1, DRAINING, task=task()))) == []
    late = worker(1, DRAINING, task=task(), drain_deadline_at=NOW, end=WorkerEnd.OPERATOR)
    assert shown(view(late)) == [("terminate", 1, "operator")]


def test_what_was_decided_before_is_carried_on() -> None:
    assert shown(view(worker(1, WorkerState.LOST))) == [("terminate", 1, "lost")]
    assert shown(view(worker(1, WorkerState.QUARANTINED))) == [("terminate", 1, "quarantined")]
    assert shown(view(worker(1, BUSY, end_wanted=True, end=WorkerEnd.OPERATOR))) == [("terminate", 1, "operator")]
    assert shown(view(worker(1, SPAWNING, end_wanted=True))) == [("terminate", 1, "drained")]
    assert shown(view(worker(1, WorkerState.TERMINATING, end_wanted=True))) == []


def test_one_whose_machine_is_looked_at_is_free_in_a_moment() -> None:
    between = worker(1, BUSY, task=None, trust_domain=ACME, last_task_ended_at=NOW - SECOND)
    assert spawned(view(between, waiting=(waiting(1),))) == 0
    assert spawned(view(between, waiting=(waiting(1, OTHER),))) == 1
    assert spawned(view(replace(between, task=task()), waiting=(waiting(1),))) == 1


def test_one_that_never_gets_clean_is_ended() -> None:
    dirty = worker(1, BUSY, task=None, last_task_ended_at=NOW - 9 * MINUTE)
    assert shown(view(dirty)) == []
    assert shown(view(replace(dirty, last_task_ended_at=NOW - 11 * MINUTE))) == [("terminate", 1, "recycled")]


@pytest.mark.parametrize(
    "held",
    [
        worker(1, tasks_done=20, trust_domain=ACME),
        worker(1, requested_at=NOW - 5 * HOUR),
        worker(1, DRAINING),
        worker(1, DRAINING, task=task(), drain_deadline_at=NOW),
        worker(1, WorkerState.LOST),
        worker(1, WorkerState.QUARANTINED),
        worker(1, end_wanted=True),
        worker(1, SPAWNING, requested_at=NOW - HOUR),
        worker(1, ready_at=NOW - HOUR, surplus_since=NOW - HOUR),
        worker(1, last_alive_at=NOW - HOUR, ready_at=NOW - HOUR, suspect_since=NOW - HOUR),
    ],
)
def test_what_a_person_holds_is_not_ended(held: WorkerSeen) -> None:
    ends = {PoolAction.DRAIN, PoolAction.TERMINATE, PoolAction.LOSE}
    assert ends & {action.kind for action in decided(view(held)).actions} or held.suspect_since is not None
    for seen in (view(replace(held, is_kept=True)), view(replace(held, is_kept=True), is_stopped=True)):
        assert not ends & {action.kind for action in decided(seen).actions}


def test_every_state_is_judged() -> None:
    for state in WorkerState:
        assert isinstance(decided(view(worker(1, state))), Decision)


# The brake, and who may take what

RULE = BreakerRule(failures=3, pause=15 * MINUTE)


def failed(ago: timedelta, *, is_live: bool = False) -> LaunchOutcome:
    return LaunchOutcome(
        result=PlacementResult.PENDING if is_live else PlacementResult.LAUNCHED,
        reason=None if is_live else TerminationReason.NO_SIGN_OF_LIFE,
        detail="no key",
        took_command=False,
        is_live=is_live,
        at=NOW - ago,
    )


def brake(*outcomes: LaunchOutcome) -> Brake:
    return brake_of(state_of("pool:gpu", outcomes, RULE), RULE, NOW)


def test_the_brake_is_the_breaker() -> None:
    assert brake() == Brake(headroom=3)
    assert brake(failed(MINUTE), failed(2 * MINUTE)).headroom == 1
    paused = brake(*(failed(minutes * MINUTE) for minutes in (1, 2, 3)))
    assert (paused.refuses, paused.is_trial, paused.why) == (True, False, "3 in a row, the last one: no key")
    due = brake(*(failed(minutes * MINUTE) for minutes in (20, 21, 22)))
    assert (due.refuses, due.is_trial) == (False, True)
    tried = brake(failed(MINUTE, is_live=True), *(failed(minutes * MINUTE) for minutes in (20, 21, 22)))
    assert (tried.refuses, tried.is_trial) == (True, True)


def test_the_strictest_of_several_brakes_counts() -> None:
    assert strictest([]) == Brake()
    assert strictest([Brake(headroom=3), Brake(headroom=10)]) == Brake(headroom=3)
    assert strictest([Brake(), Brake(refuses=True, why="a")]) == Brake(refuses=True, why="a")
    assert strictest([Brake(is_known=False), Brake(is_trial=True, why="b")]) == Brake(is_known=False, is_trial=True)


@pytest.mark.parametrize(
    ("seen", "trust_domain", "limit", "said"),
    [
        (worker(1), ACME, HOUR, None),
        (worker(1), None, HOUR, None),
        (worker(1, trust_domain=ACME), ACME, HOUR, None),
        (worker(1, trust_domain=ACME), OTHER, HOUR, "another one's code"),
        (worker(1, trust_domain=ACME), None, HOUR, "another one's code"),
        (worker(1, is_single_use=True), None, HOUR, "all that a worker may have"),
        (worker(1, tasks_done=20), ACME, HOUR, "all that a worker may have"),
        (worker(1), ACME, 4 * HOUR, "s that it has left are too few"),
        (worker(1), ACME, 4 * HOUR - 10 * MINUTE, None),
        (worker(1, suspect_since=NOW), ACME, HOUR, "shows no life"),
        (worker(1, is_kept=True), ACME, HOUR, "debug lease"),
        (worker(1, end_wanted=True), ACME, HOUR, "is to end"),
        (worker(1, BUSY), ACME, HOUR, "it is busy"),
        (worker(1, SPAWNING), ACME, HOUR, "it is spawning"),
    ],
)
def test_a_task_is_given_to_a_worker_that_may_have_it(
    seen: WorkerSeen, trust_domain: str | None, limit: timedelta, said: str | None
) -> None:
    told = refusal(seen, POOL, NOW, trust_domain=trust_domain, limit=limit)
    assert may_take(seen, POOL, NOW, trust_domain=trust_domain, limit=limit) is (said is None)
    assert told is None if said is None else said in str(told)


def test_an_action_says_whom_it_is_about() -> None:
    seen = view(worker(1), worker(2, SPAWNING, requested_at=NOW - HOUR), waiting=[waiting(20)])
    for action in decided(seen).actions:
        assert isinstance(action, Action)
        assert (action.worker_id is None) is (action.kind is PoolAction.SPAWN)
    said = "20 wait, 1 spawning, 1 ready: 4 wanted, 2 spawned of 6 that would help: max is 4, those that end included"
    assert decided(seen).why == f"{said}; terminate 1"
