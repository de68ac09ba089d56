"""Each alert: what raises it, what just doesn't, and that its words name the value, the limit and the next step."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from janitor.cli.screens.rows import LIVE, rows_of
from janitor.domain.launch.breaker import BreakerState
from janitor.domain.pool.pool import Provider
from janitor.domain.pool.states import TaskKind, TaskState, WorkerState
from janitor.domain.snapshot.alerts import AlertCode, Severity, alerts_of
from janitor.domain.snapshot.maintenance import MaintenanceGlance
from janitor.domain.snapshot.pool import PoolGlance, TaskGlance, WorkerGlance
from janitor.domain.snapshot.snapshot import (
    DeadChannel,
    DeploymentSnapshot,
    InstanceGlance,
    MissedSchedule,
    Money,
    News,
    ReaperPass,
    RunGlance,
    StaleRepository,
)
from janitor.domain.states import InstanceOrigin, InstanceState, RunStatus
from janitor.views.snapshot import dashboard_schema
from janitor.views.text.snapshot import instance_line

NOW = datetime(2026, 5, 4, 7, 30, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)
RUN = UUID("550e8400-e29b-41d4-a716-446655440000")


def money(**changes: Any) -> Money:
    """A quiet day."""
    quiet = Money(
        day=NOW.date(),
        used_usd=Decimal("1.20"),
        reserved_usd=Decimal(0),
        open_reservations=0,
        daily_budget_usd=Decimal(20),
        usual_usd=Decimal("4.00"),
        launched_usd=Decimal("1.20"),
        lived=timedelta(hours=5),
        unexplained=timedelta(),
        refused_runs=0,
    )
    return replace(quiet, **changes)


def instance(**changes: Any) -> InstanceGlance:
    """One in the middle of its life."""
    living = InstanceGlance(
        instance_id="i-0123456789abcdef0",
        instance_type="g5.xlarge",
        market="spot",
        origin=InstanceOrigin.LAUNCHED,
        state=InstanceState.RUNNING,
        repository_name="worker-a",
        run_id=RUN,
        intent_at=NOW - 20 * MINUTE,
        launched_at=NOW - 20 * MINUTE,
        cost_usd=Decimal("0.33"),
        usd_hour=Decimal("1.006"),
        deadline_at=NOW + 10 * MINUTE,
        expires_at=NOW + 12 * MINUTE,
        keep_until=None,
        external_timer_at=NOW + 13 * MINUTE,
        guest_timer_at=NOW + 14 * MINUTE,
        asked_to_end_at=None,
    )
    return replace(living, **changes)


def run(**changes: Any) -> RunGlance:
    """One that goes on."""
    going = RunGlance(
        run_id=RUN,
        airflow_run_id="scheduled__1",
        trigger="schedule",
        status=RunStatus.RUNNING,
        status_reason=None,
        started_at=NOW - 20 * MINUTE,
        completed_at=None,
        total_repositories=5,
        finished=3,
        successful=3,
        cost_usd=Decimal("0.90"),
        last_end_at=NOW + 12 * MINUTE,
    )
    return replace(going, **changes)


def snapshot(**changes: Any) -> DeploymentSnapshot:
    """A deployment that is well."""
    well = DeploymentSnapshot(
        deployment="prod",
        at=NOW,
        reap_interval=5 * MINUTE,
        live_runs=(run(),),
        last_run=None,
        news=News(),
        repositories=5,
        failing=0,
        untold=0,
        instances=(instance(),),
        adopted=0,
        money=money(),
        last_pass=ReaperPass(at=NOW - 4 * MINUTE, in_ec2=1, unknown_to_ledger=0, missing_in_ec2=0),
        breakers=(),
        airflow_problems=(),
    )
    return replace(well, **changes)


def passed(**changes: Any) -> ReaperPass:
    """A pass a minute ago."""
    return replace(ReaperPass(at=NOW - MINUTE, in_ec2=1, unknown_to_ledger=0, missing_in_ec2=0), **changes)


def maintenance(**changes: Any) -> MaintenanceGlance:
    """A quiet night."""
    quiet = MaintenanceGlance(
        trees=3,
        oldest_shard=None,
        oldest_since=None,
        ended=12,
        failed=0,
        stale_leases=0,
        tables_bytes=10**6,
        disk_free=Decimal("0.5"),
    )
    return replace(quiet, **changes)


WORKER = UUID("11111111-e29b-41d4-a716-446655440000")
TASK = UUID("22222222-e29b-41d4-a716-446655440000")


def task(**changes: Any) -> TaskGlance:
    """One that waits for a minute."""
    queued = TaskGlance(
        task_id=TASK,
        pool="default",
        kind=TaskKind.VALIDATION,
        state=TaskState.QUEUED,
        repository="acme/worker-a",
        run_id=RUN,
        validation_id=RUN,
        trust_domain="organization:acme",
        attempts=0,
        max_attempts=3,
        queued_at=NOW - MINUTE,
        not_before=None,
        worker_id=None,
        fence=None,
        claimed_at=None,
        started_at=None,
        lease_until=None,
        deadline_at=None,
        last_progress_at=None,
        ended_at=None,
        reason_code=None,
    )
    return replace(queued, **changes)


def held(**changes: Any) -> TaskGlance:
    """One that a worker is at."""
    at_work: dict[str, Any] = {
        "state": TaskState.RUNNING,
        "worker_id": WORKER,
        "fence": 7,
        "attempts": 1,
        "claimed_at": NOW - 2 * MINUTE,
        "started_at": NOW - 2 * MINUTE,
        "lease_until": NOW + MINUTE,
        "deadline_at": NOW + 20 * MINUTE,
        "last_progress_at": NOW - MINUTE,
    }
    return task(**(at_work | changes))


def worker(**changes: Any) -> WorkerGlance:
    """One that is ready."""
    ready = WorkerGlance(
        worker_id=WORKER,
        pool="default",
        provider=Provider.EC2,
        state=WorkerState.READY,
        instance_id="i-0aaaaaaaaaaaaaaaa",
        instance_type="g5.xlarge",
        market="on-demand",
        requested_at=NOW - 30 * MINUTE,
        ready_at=NOW - 27 * MINUTE,
        last_alive_at=NOW - MINUTE,
        suspect_since=None,
        last_task_ended_at=None,
        over_since=None,
        ended_at=None,
        tasks_done=2,
        trust_domain="organization:acme",
        is_single_use=False,
        drain_reason=None,
        drain_deadline_at=None,
        end_wanted=None,
        end_reason=None,
        expires_at=NOW + 60 * MINUTE,
        keep_until=None,
        cost_usd=Decimal("0.50"),
        task=None,
    )
    return replace(ready, **changes)


def pool(**changes: Any) -> PoolGlance:
    """One with a ready worker, that a pass looked at a minute ago."""
    quiet = PoolGlance(
        name="default",
        workers=(worker(),),
        tasks=(),
        stopped_at=None,
        stopped_by=None,
        decided_at=NOW - MINUTE,
        why="0 wait, 1 ready: 1 wanted, none spawned: nothing waits",
        cost_usd=Decimal("0.50"),
    )
    return replace(quiet, **changes)


def paused(until: datetime) -> BreakerState:
    """A breaker that opened."""
    return BreakerState(
        scope="*", failures_in_a_row=10, paused_until=until, last_failure="quota", trial_under_way=False
    )


def test_a_deployment_that_is_well_has_none() -> None:
    assert alerts_of(snapshot()) == ()


def test_one_that_never_launched_anything_has_none() -> None:
    assert alerts_of(snapshot(live_runs=(), instances=(), last_pass=None, money=money(usual_usd=None))) == ()


def unknown(name: str = "worker-a") -> StaleRepository:
    """Two nights without a verdict."""
    return StaleRepository(repository=f"acme/{name}", times=2, since=NOW - timedelta(days=1))


def dead_channel(**changes: Any) -> DeadChannel:
    """One that refuses Janitor's token."""
    dead = DeadChannel(
        channel="slack_bot",
        undelivered=4,
        messages=2,
        given_up=0,
        since=NOW - 20 * MINUTE,
        last_error="Slack answered 200: invalid_auth",
    )
    return replace(dead, **changes)


RAISED: dict[str, tuple[AlertCode, Severity, dict[str, Any], str]] = {
    "overdue": (
        AlertCode.INSTANCE_OVERDUE,
        Severity.CRITICAL,
        {"instances": (instance(expires_at=NOW - 3 * MINUTE),)},
        "i-0123456789abcdef0 is alive 3 min after its expiry",
    ),
    "overdue after a lease": (
        AlertCode.INSTANCE_OVERDUE,
        Severity.CRITICAL,
        {"instances": (instance(expires_at=NOW - 90 * MINUTE, keep_until=NOW - 5 * MINUTE),)},
        "alive 5 min after",
    ),
    "asked to end": (
        AlertCode.INSTANCE_WITHOUT_END,
        Severity.CRITICAL,
        {"instances": (instance(state=InstanceState.SHUTTING_DOWN, asked_to_end_at=NOW - 6 * MINUTE),)},
        "was asked to end 6 min ago and isn't gone; 5 min are allowed",
    ),
    "adopted": (AlertCode.INSTANCE_ADOPTED, Severity.CRITICAL, {"adopted": 2}, "2 instances within a day"),
    "unknown to the ledger": (
        AlertCode.LEDGER_DIFFERS,
        Severity.CRITICAL,
        {"last_pass": passed(in_ec2=2, unknown_to_ledger=1)},
        "1 live instance had no live row, and 0 live rows no instance",
    ),
    "missing in EC2": (
        AlertCode.LEDGER_DIFFERS,
        Severity.CRITICAL,
        {"last_pass": passed(in_ec2=0, missing_in_ec2=1)},
        "1 live row no instance",
    ),
    "EC2 couldn't be asked": (
        AlertCode.LEDGER_DIFFERS,
        Severity.CRITICAL,
        {"last_pass": passed(in_ec2=None)},
        "could not ask EC2",
    ),
    "reaper silent": (
        AlertCode.REAPER_SILENT,
        Severity.CRITICAL,
        {"last_pass": passed(at=NOW - 16 * MINUTE)},
        "made its last pass 16 min ago; 15 min are allowed",
    ),
    "reaper never": (AlertCode.REAPER_SILENT, Severity.CRITICAL, {"last_pass": None}, "never made a pass"),
    "run stuck": (
        AlertCode.RUN_STUCK,
        Severity.WARNING,
        {"live_runs": (run(last_end_at=NOW - 11 * MINUTE),)},
        "has 2 repositories without an end 11 min after",
    ),
    "reservation open": (
        AlertCode.RESERVATION_OPEN,
        Severity.WARNING,
        {"live_runs": (), "instances": (), "money": money(open_reservations=1, reserved_usd=Decimal("0.6"))},
        "$0.60 of today are set aside, and nothing runs",
    ),
    "run refused": (AlertCode.RUN_REFUSED, Severity.WARNING, {"money": money(refused_runs=1)}, "1 run within a day"),
    "budget nearly spent": (
        AlertCode.BUDGET_NEARLY_SPENT,
        Severity.WARNING,
        {"money": money(used_usd=Decimal("16.00"))},
        "$16.00 of today's $20.00",
    ),
    "budget spent": (
        AlertCode.BUDGET_SPENT,
        Severity.CRITICAL,
        {"money": money(used_usd=Decimal("20.00"))},
        "$20.00 of today's $20.00",
    ),
    "spend unusual": (
        AlertCode.SPEND_UNUSUAL,
        Severity.WARNING,
        {"money": money(launched_usd=Decimal("12.01"), daily_budget_usd=None)},
        "$12.01, more than 3 times the usual $4.00",
    ),
    "time unexplained": (
        AlertCode.TIME_UNEXPLAINED,
        Severity.WARNING,
        {"money": money(unexplained=timedelta(minutes=31))},
        "31 min of the last day's 5 h 0 min of instance time are unexplained; 10% are allowed",
    ),
    "breaker": (
        AlertCode.BREAKER_OPEN,
        Severity.WARNING,
        {"breakers": (paused(NOW + MINUTE),)},
        "launches of everything are paused after 10 failures in a row",
    ),
    "Airflow": (
        AlertCode.AIRFLOW_UNHEALTHY,
        Severity.CRITICAL,
        {"airflow_problems": ("triggerer: no heartbeat for 2 minutes",)},
        "triggerer: no heartbeat",
    ),
    "dead channel": (
        AlertCode.NEWS_UNDELIVERED,
        Severity.WARNING,
        {"dead_channels": (dead_channel(),)},
        "slack_bot doesn't take 2 messages: Slack answered 200: invalid_auth",
    ),
    "messages that nobody gets": (
        AlertCode.NEWS_UNDELIVERED,
        Severity.CRITICAL,
        {"dead_channels": (dead_channel(given_up=1, last_error=None),)},
        "slack_bot doesn't take 2 messages, 1 of them given up: no answer yet",
    ),
    "stale repository": (
        AlertCode.REPOSITORY_STALE,
        Severity.WARNING,
        {"stale": (unknown(),)},
        "1 repository without a verdict in 2 validations in a row: acme/worker-a",
    ),
    "no nightly run": (
        AlertCode.SCHEDULE_MISSED,
        Severity.WARNING,
        {"missed_schedule": MissedSchedule(schedule="0 3 * * *", last_began_at=NOW - timedelta(hours=50))},
        "no run began at two scheduled times (0 3 * * *): the last one began 50 h 0 min ago",
    ),
    "notice that can't be taken": (
        AlertCode.NOTICE_UNTAKEN,
        Severity.WARNING,
        {"last_pass": passed(untaken_notices=2)},
        "2 notices of the killers outside Airflow can't be taken from S3",
    ),
    "S3 that can't be asked": (
        AlertCode.NOTICE_UNTAKEN,
        Severity.WARNING,
        {"last_pass": passed(untaken_notices=None)},
        "could not ask S3",
    ),
    "many working trees": (
        AlertCode.WORKTREES_MANY,
        Severity.WARNING,
        {"maintenance": maintenance(trees=21)},
        "21 working trees are held at once; 20 are usual",
    ),
    "far too many working trees": (
        AlertCode.WORKTREES_MANY,
        Severity.CRITICAL,
        {"maintenance": maintenance(trees=31)},
        "31 working trees",
    ),
    "slow shard": (
        AlertCode.SHARD_SLOW,
        Severity.WARNING,
        {"maintenance": maintenance(oldest_shard="night/a/b/01234567", oldest_since=NOW - 31 * MINUTE)},
        "shard night/a/b/01234567 is at work for 31 min; 30 min are usual",
    ),
    "very slow shard": (
        AlertCode.SHARD_SLOW,
        Severity.CRITICAL,
        {"maintenance": maintenance(oldest_shard="night/a/b/01234567", oldest_since=NOW - 61 * MINUTE)},
        "is at work for 61 min",
    ),
    "failed shards": (
        AlertCode.SHARDS_FAILED,
        Severity.WARNING,
        {"maintenance": maintenance(ended=100, failed=6)},
        "6 of the last day's 100 shards failed by trouble of ours (6%); 5% are allowed",
    ),
    "many failed shards": (
        AlertCode.SHARDS_FAILED,
        Severity.CRITICAL,
        {"maintenance": maintenance(ended=100, failed=11)},
        "(11%)",
    ),
    "little disk": (
        AlertCode.RUNS_DISK_LOW,
        Severity.WARNING,
        {"maintenance": maintenance(disk_free=Decimal("0.19"))},
        "19% of the disk of the runs are free; 20% should be",
    ),
    "hardly any disk": (
        AlertCode.RUNS_DISK_LOW,
        Severity.CRITICAL,
        {"maintenance": maintenance(disk_free=Decimal("0.09"))},
        "9% of the disk",
    ),
    "large tables": (
        AlertCode.MAINTENANCE_LARGE,
        Severity.WARNING,
        {"maintenance": maintenance(tables_bytes=101 * 10**6)},
        "the tables of maintenance have 101 MB; 100 MB are usual",
    ),
    "very large tables": (
        AlertCode.MAINTENANCE_LARGE,
        Severity.CRITICAL,
        {"maintenance": maintenance(tables_bytes=501 * 10**6)},
        "501 MB",
    ),
    "stale leases": (
        AlertCode.LEASES_STALE,
        Severity.WARNING,
        {"maintenance": maintenance(stale_leases=6)},
        "6 leases are over and nobody gave them back; 5 are allowed",
    ),
    "many stale leases": (
        AlertCode.LEASES_STALE,
        Severity.CRITICAL,
        {"maintenance": maintenance(stale_leases=11)},
        "11 leases",
    ),
    "no pass": (
        AlertCode.POOL_UNATTENDED,
        Severity.CRITICAL,
        {"pools": (pool(decided_at=NOW - 6 * MINUTE),)},
        "pool default has 1 worker and 0 tasks, and no pass is made: the last one was 6 min ago; 5 min are allowed",
    ),
    "never a pass": (
        AlertCode.POOL_UNATTENDED,
        Severity.CRITICAL,
        {"pools": (pool(decided_at=None, workers=(), tasks=(task(queued_at=NOW - 6 * MINUTE),)),)},
        "none was ever made",
    ),
    "silent worker": (
        AlertCode.WORKER_STALE,
        Severity.WARNING,
        {"pools": (pool(workers=(worker(last_alive_at=NOW - 4 * MINUTE),)),)},
        "worker 11111111 (i-0aaaaaaaaaaaaaaaa) of pool default has shown no life for 4 min; 3 min are allowed",
    ),
    "worker that never showed life": (
        AlertCode.WORKER_STALE,
        Severity.WARNING,
        {"pools": (pool(workers=(worker(state=WorkerState.DRAINING, last_alive_at=None),)),)},
        "no life for 27 min",
    ),
    "task without progress": (
        AlertCode.TASK_STUCK,
        Severity.WARNING,
        {"pools": (pool(tasks=(held(last_progress_at=NOW - 16 * MINUTE),)),)},
        "task 22222222 (acme/worker-a) of pool default on worker 11111111 shows no progress for 16 min; 15 min",
    ),
    "task past its limit": (
        AlertCode.TASK_STUCK,
        Severity.WARNING,
        {"pools": (pool(tasks=(held(deadline_at=NOW - 6 * MINUTE),)),)},
        "is held 6 min after its hard limit",
    ),
    "quarantine": (
        AlertCode.WORKER_QUARANTINED,
        Severity.WARNING,
        {"pools": (pool(workers=(worker(state=WorkerState.QUARANTINED, over_since=NOW - MINUTE),)),)},
        "is in quarantine",
    ),
    "nothing is spawned": (
        AlertCode.POOL_WAITS,
        Severity.WARNING,
        {"pools": (pool(workers=(), why="max is 0", tasks=(task(queued_at=NOW - 11 * MINUTE),)),)},
        "1 task waits in pool default for 11 min, and no worker is there or starts: max is 0",
    ),
    "stopped pool": (
        AlertCode.POOL_STOPPED,
        Severity.WARNING,
        {"pools": (pool(tasks=(task(), task()), stopped_at=NOW - 3 * MINUTE, stopped_by="alice"),)},
        "2 tasks wait in pool default, which alice stopped 3 min ago",
    ),
}


@pytest.mark.parametrize("name", RAISED)
def test_what_raises_one(name: str) -> None:
    code, severity, changes, words = RAISED[name]
    [alert] = alerts_of(snapshot(**changes))
    assert (alert.code, alert.severity) == (code, severity)
    assert words in alert.message
    assert alert.next_step
    assert alert.subject


def test_many_stale_repositories_are_one_alert() -> None:
    (alert,) = alerts_of(snapshot(stale=[unknown(name) for name in "abcde"]))
    assert alert.subject == "prod"
    assert "5 repositories" in alert.message
    assert alert.message.endswith(": acme/a, acme/b, acme/c and 2 more")


def test_every_code_is_raised_here() -> None:
    assert {code for code, *_ in RAISED.values()} == set(AlertCode)


def test_the_schema_of_the_document_has_every_code() -> None:
    schema = json.loads(dashboard_schema())
    codes = schema["$defs"]["alert"]["properties"]["code"]["enum"]
    assert codes == [code.value for code in AlertCode]


JUST_NOT: dict[str, dict[str, Any]] = {
    "maintenance wasn't asked about": {"maintenance": None},
    "twenty working trees": {"maintenance": maintenance(trees=20)},
    "a shard of half an hour": {"maintenance": maintenance(oldest_shard="a/b/c/d", oldest_since=NOW - 30 * MINUTE)},
    "one of twenty shards failed": {"maintenance": maintenance(ended=20, failed=1)},
    "no shard ended": {"maintenance": maintenance(ended=0, failed=0)},
    "a fifth of the disk is free": {"maintenance": maintenance(disk_free=Decimal("0.20"))},
    "the runs are on another machine": {"maintenance": maintenance(disk_free=None)},
    "tables of a hundred megabytes": {"maintenance": maintenance(tables_bytes=100 * 10**6)},
    "five stale leases": {"maintenance": maintenance(stale_leases=5)},
    "pool with a pass within five minutes": {"pools": (pool(decided_at=NOW - 5 * MINUTE),)},
    "pool that has just got its first task": {
        "pools": (pool(decided_at=None, workers=(), tasks=(task(queued_at=NOW - 5 * MINUTE),)),)
    },
    "pool without anything to do": {"pools": (pool(decided_at=None, workers=()),)},
    "worker silent for three minutes": {"pools": (pool(workers=(worker(last_alive_at=NOW - 3 * MINUTE),)),)},
    "worker that boots": {
        "pools": (pool(workers=(worker(state=WorkerState.SPAWNING, ready_at=None, last_alive_at=None),)),)
    },
    "worker that ends": {
        "pools": (pool(workers=(worker(state=WorkerState.TERMINATING, last_alive_at=NOW - 9 * MINUTE),)),)
    },
    "task without progress for a quarter": {"pools": (pool(tasks=(held(last_progress_at=NOW - 15 * MINUTE),)),)},
    "task in its grace": {"pools": (pool(tasks=(held(deadline_at=NOW - 5 * MINUTE),)),)},
    "task that waits while a worker boots": {
        "pools": (
            pool(
                workers=(worker(state=WorkerState.SPAWNING, ready_at=None),), tasks=(task(queued_at=NOW - 30 * MINUTE),)
            ),
        )
    },
    "task that waits for ten minutes": {"pools": (pool(workers=(), tasks=(task(queued_at=NOW - 10 * MINUTE),)),)},
    "task that isn't wanted yet": {
        "pools": (pool(workers=(), tasks=(task(queued_at=NOW - 20 * MINUTE, not_before=NOW + MINUTE),)),)
    },
    "stopped pool in which nothing waits": {"pools": (pool(stopped_at=NOW - 60 * MINUTE, stopped_by="alice"),)},
    "every channel answers": {"dead_channels": ()},
    "every repository has a verdict": {"stale": ()},
    "the nightly run comes": {"missed_schedule": None},
    "every notice is taken": {"last_pass": passed(untaken_notices=0)},
    "expires this second": {"instances": (instance(expires_at=NOW),)},
    "kept": {"instances": (instance(expires_at=NOW - MINUTE, keep_until=NOW + MINUTE),)},
    "ends now": {"instances": (instance(state=InstanceState.SHUTTING_DOWN, asked_to_end_at=NOW - 5 * MINUTE),)},
    "three intervals": {"last_pass": passed(at=NOW - 15 * MINUTE)},
    "run within its time": {"live_runs": (run(last_end_at=NOW - 10 * MINUTE),)},
    "run whose end is being written": {"live_runs": (run(finished=5, last_end_at=None),)},
    "run that waits for a place": {"live_runs": (run(last_end_at=None),)},
    "reservation of a run": {"money": money(open_reservations=1)},
    "under four fifths": {"money": money(used_usd=Decimal("15.99"))},
    "no budget": {"money": money(daily_budget_usd=None, used_usd=Decimal(500))},
    "three times": {"money": money(launched_usd=Decimal("12.00"))},
    "nothing usual yet": {"money": money(usual_usd=None, launched_usd=Decimal(50))},
    "cents": {"money": money(usual_usd=Decimal("0.01"), launched_usd=Decimal("0.99"))},
    "a tenth": {"money": money(unexplained=timedelta(minutes=30))},
    "minutes of few": {"money": money(lived=timedelta(minutes=10), unexplained=timedelta(minutes=4, seconds=59))},
    "breaker that may try": {"breakers": (paused(NOW),)},
    "Airflow wasn't asked": {"airflow_problems": None},
}


@pytest.mark.parametrize("name", JUST_NOT)
def test_what_just_doesn_t(name: str) -> None:
    assert alerts_of(snapshot(**JUST_NOT[name])) == ()


def test_critical_ones_come_first() -> None:
    many = alerts_of(
        snapshot(
            adopted=1,
            money=money(refused_runs=1, used_usd=Decimal(30)),
            instances=(instance(expires_at=NOW - MINUTE),),
        )
    )
    assert [one.code for one in many] == [
        AlertCode.INSTANCE_OVERDUE,
        AlertCode.INSTANCE_ADOPTED,
        AlertCode.BUDGET_SPENT,
        AlertCode.RUN_REFUSED,
    ]


def test_the_instance_of_a_sequential_run_is_called_so() -> None:
    shared = instance(repository_name=None)
    seen = snapshot(instances=[shared])
    assert f"  run {RUN} (sequential)  " in instance_line(shared, seen)
    (row,) = [each for each in rows_of(LIVE, seen, []) if each.key.startswith("instance:")]
    assert row.cells[1] == f"run {str(RUN)[:8]} (sequential)"
    assert f"  make follow RUN_ID={RUN}" in row.details
    assert not any("REPO=" in line for line in row.details)
    assert "unknown repository" in instance_line(instance(repository_name=None, run_id=None), seen)
