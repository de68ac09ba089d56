"""What goes wrong around a pool is its cause's alone: a lost machine, a stop, a dead provider, a poison task."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from uuid import UUID

import pytest

from janitor.domain.errors import ConfigError, LaunchRefusedError
from janitor.domain.pool.states import TaskState, WorkerEnd, WorkerState
from janitor.domain.states import (
    InstanceState,
    OwnerKind,
    ReapEvidence,
    RunStatus,
    TerminationReason,
    ValidationStatus,
)
from janitor.services.launch.breaker import state as breakers
from janitor.services.pool.cycle import run_pass
from janitor.services.pool.give_back import MOST_TURNS, give_back
from janitor.services.pool.queue import Over, advance_task
from janitor.services.pool.release import Leaving, release_run
from janitor.services.provider import provider_of
from janitor.services.reap.passes import reap_once
from janitor.services.result.verdict import close_run
from janitor.services.watch.watch import Watch
from janitor.stack.provision.killers import ensure_killers
from janitor.stores import validations
from janitor.stores.database import transaction
from janitor.stores.pool import passes, stops, workers
from tests.integration.pool.fleet import Fleet, Repository
from tests.support.localcloud_server import LocalCloudServer


def losing(fleet: Fleet, lost: list[str]) -> Callable[[Watch], object]:
    """Ends each machine on which a validation is at work."""

    def lose(watch: Watch) -> None:
        instance_id = watch.watched.instance_id
        if watch.watched.command_id is not None and instance_id not in lost:
            lost.append(instance_id)
            provider_of(fleet.settings).terminate([instance_id])

    return lose


def test_a_lost_machine_returns_its_task_and_nobody_is_blamed(fleet: Fleet) -> None:
    run_id, (validation_id,) = fleet.run(Repository("worker-a"))
    first = fleet.hosted(validation_id)
    provider_of(fleet.settings).terminate([first])
    conclusion = fleet.watched(validation_id)
    assert conclusion.status is ValidationStatus.FAILED
    assert conclusion.report is not None
    task = fleet.task(validation_id)
    assert (task.attempts, task.state) == (1, TaskState.RUNNING)
    assert task.last_claim is not None
    assert task.last_claim.held == task.held
    (claims,) = fleet.rows(
        "select array_agg(ended_as::text order by fence) as ends from task_claims where task_id = %s", task.task_id
    )
    assert claims["ends"] == ["queued", None]
    fleet.released(validation_id)
    # Each turn has written under its own number, so that the lost machine could write over nothing.
    (report,) = fleet.rows("select storage_key from validation_reports where validation_id = %s", validation_id)
    assert report["storage_key"].endswith("/2.json")
    fleet.drained(run_id)
    ends = {worker.end_reason for worker in fleet.ended_workers()}
    assert ends == {WorkerEnd.LOST, WorkerEnd.IDLE}


def test_a_report_counts_though_its_worker_was_given_up_meanwhile(fleet: Fleet) -> None:
    run_id, (validation_id,) = fleet.run(Repository("worker-a"))
    fleet.hosted(validation_id)
    watch = Watch(fleet.settings, validation_id)
    fleet.until(watch.step, with_passes=False)
    held = fleet.task(validation_id).held
    assert held is not None
    with transaction(fleet.settings.writer_url) as connection:
        assert give_back(connection, held, Leaving.LOST)
    conclusion = fleet.watched(validation_id)
    assert (conclusion.status, conclusion.report is None) == (ValidationStatus.FAILED, False)
    fleet.released(validation_id)
    assert fleet.task(validation_id).state is TaskState.DONE
    fleet.drained(run_id)
    assert [one.end_reason for one in fleet.ended_workers()] == [WorkerEnd.LOST]


def test_a_task_that_takes_every_machine_with_it_is_poison(fleet: Fleet) -> None:
    run_id, (poison, good) = fleet.run(Repository("worker-a", hangs=True), Repository("worker-b", "other"))
    lost: list[str] = []
    fleet.hosted(poison)
    conclusion = fleet.watched(poison, losing(fleet, lost))
    assert (conclusion.status, conclusion.reason_code) == (ValidationStatus.ERROR, "instance_lost")
    assert len(lost) == MOST_TURNS
    fleet.released(poison)
    assert fleet.task(poison).state is TaskState.DONE
    # The queue goes on.
    assert fleet.carried_out(good).status is ValidationStatus.FAILED
    fleet.drained(run_id)


def test_a_stop_while_a_worker_is_spawned_ends_the_late_machine(fleet: Fleet) -> None:
    run_id, (validation_id,) = fleet.run(Repository("worker-a"))
    assert fleet.hosted_later(validation_id) is None
    fleet.passes()
    (worker,) = fleet.workers()
    assert worker.state is WorkerState.SPAWNING
    with transaction(fleet.settings.writer_url) as connection:
        stops.stop(connection, fleet.settings.deployment, "gpu", "a person")
    fleet.until(lambda: not fleet.workers())
    fleet.passes(2)
    assert fleet.workers() == []
    (ended,) = fleet.ended_workers()
    assert (ended.state, ended.end_reason) == (WorkerState.TERMINATED, WorkerEnd.STOPPED)
    assert fleet.task(validation_id).state is TaskState.QUEUED
    with transaction(fleet.settings.writer_url) as connection:
        stops.resume(connection, fleet.settings.deployment, "gpu")
    fleet.carried_out(validation_id)
    fleet.drained(run_id)


def test_two_organizations_never_share_a_machine(fleet: Fleet) -> None:
    fleet.configure(max=1)
    run_id, (ours, theirs) = fleet.run(Repository("worker-a"), Repository("worker-b", "other"))
    first = fleet.hosted(ours)
    fleet.watched(ours)
    fleet.released(ours)
    assert fleet.hosted_later(theirs) is None
    second = fleet.hosted(theirs)
    assert second != first
    fleet.watched(theirs)
    fleet.released(theirs)
    fleet.drained(run_id)
    domains = fleet.rows(
        "select array_agg(trust_domain order by requested_at) as all from workers where deployment = %s",
        fleet.settings.deployment,
    )
    assert domains == [{"all": ["organization:acme", "organization:other"]}]


def test_six_repositories_need_two_machines(fleet: Fleet) -> None:
    fleet.configure(max=2, tasks_per_worker_threshold=3)
    run_id, every = fleet.run(*(Repository(f"worker-{letter}") for letter in "abcdef"))
    for validation_id in every:
        fleet.hosted_later(validation_id)
    open_ones, watches = list(every), {}
    while open_ones:
        fleet.passes()
        for validation_id in list(open_ones):
            if validation_id not in watches and fleet.hosted_later(validation_id) is not None:
                watches[validation_id] = Watch(fleet.settings, validation_id)
            if validation_id in watches and (outcome := watches[validation_id].step()) is not None:
                watches[validation_id].keep()
                assert outcome.value == "command_finished"
                fleet.concluded(validation_id)
                fleet.released(validation_id)
                open_ones.remove(validation_id)
    assert len(fleet.machines(live_only=False)) <= 2
    # Its machines live on, and are nobody's leftover.
    assert fleet.machines()
    for each in every:
        assert fleet.task(each).state is TaskState.DONE
    verdict = close_run(fleet.settings, run_id)
    assert verdict is not None
    assert (verdict.status, verdict.structural) == (RunStatus.FAILED, ())
    fleet.drained(run_id)


def test_a_cancelled_run_ends_its_worker_and_no_other(fleet: Fleet) -> None:
    fleet.configure(max=2, tasks_per_worker_threshold=1)
    run_id, (working, waiting) = fleet.run(Repository("worker-a", hangs=True), Repository("worker-b", "other"))
    machine = fleet.hosted(working)
    fleet.hosted_later(waiting)
    with transaction(fleet.settings.writer_url) as connection:
        validations.finish_run(connection, run_id, RunStatus.CANCELLED, "a person")
    assert set(release_run(fleet.settings, run_id)) == {working, waiting}
    assert {fleet.task(each).state for each in (working, waiting)} == {TaskState.CANCELLED}
    assert isinstance(advance_task(fleet.settings, waiting), Over)
    fleet.drained(run_id)
    (ended,) = [one for one in fleet.ended_workers() if one.instance_id == machine]
    assert (ended.end_reason, ended.tasks_done) == (WorkerEnd.QUARANTINED, 1)


def test_a_worker_that_is_over_is_ended_by_the_reaper(fleet: Fleet) -> None:
    quick = fleet.settings.model_copy(
        update={"reap_interval": timedelta(minutes=5), "consistency": timedelta(milliseconds=1), "airflow_url": None}
    )
    ensure_killers(quick.model_copy(update={"reaper_function": None}))
    _, (validation_id,) = fleet.run(Repository("worker-a"))
    machine = fleet.hosted(validation_id)
    pause = timedelta(milliseconds=10)
    assert reap_once(quick, recheck_pause=pause).marked == ()
    # As where every pass has stopped for good right after this.
    with transaction(quick.writer_url) as connection:
        workers.move(connection, fleet.workers()[0].worker_id, WorkerState.QUARANTINED, end=WorkerEnd.QUARANTINED)
    report = reap_once(quick, recheck_pause=pause)
    assert (report.marked, report.evidence) == ((machine,), {machine: ReapEvidence.OWNER_OVER})
    fleet.rows(
        "update reap_marks set first_seen_at = first_seen_at - %s where deployment = %s returning instance_id",
        quick.reap_interval,
        quick.deployment,
    )
    assert reap_once(quick, recheck_pause=pause).terminated == (machine,)


@pytest.fixture
def _dead_provider(cloud: LocalCloudServer) -> Iterator[None]:
    yield
    cloud.set_faults()


@pytest.mark.usefixtures("_dead_provider")
def test_while_the_provider_does_not_answer_nothing_is_concluded_and_nothing_spawned(
    fleet: Fleet, cloud: LocalCloudServer
) -> None:
    run_id, (first, second) = fleet.run(Repository("worker-a", hangs=True), Repository("worker-b", "other"))
    fleet.hosted(first)
    fleet.hosted_later(second)
    held = fleet.task(first).held
    assert held is not None
    # For as long as it could matter: the lease is over, and no sign of life was seen for an hour.
    fleet.rows("update tasks set lease_until = clock_timestamp() where validation_id = %s returning task_id", first)
    fleet.rows(
        "update workers set last_alive_at = now() - interval '1 hour' where deployment = %s returning worker_id",
        fleet.settings.deployment,
    )
    cloud.set_faults({"api": "DescribeInstances", "code": "RequestLimitExceeded"})
    before = {one.worker_id: one.suspect_since for one in fleet.workers()}
    for _ in range(2):
        report = fleet.passes()
        assert any("RequestLimitExceeded" in each for each in report.every_problem)
    assert {one.worker_id: one.suspect_since for one in fleet.workers()} == before
    cloud.set_faults()
    fleet.passes()
    task = fleet.task(first)
    assert (task.held, task.attempts) == (held, 1), "it works on it all the time"
    assert task.lease_until is not None
    assert task.lease_until > datetime.now(timezone.utc) + timedelta(minutes=5)
    fleet.end_run(run_id)
    fleet.drained(run_id)


def test_a_wrong_configuration_ends_nobody(fleet: Fleet) -> None:
    run_id, (validation_id,) = fleet.run(Repository("worker-a"))
    fleet.carried_out(validation_id)
    fleet.until(lambda: fleet.workers()[0].state is WorkerState.READY)
    text = fleet.path.read_text()
    fleet.path.write_text(text.replace("max: 2", "max: -1"))
    fleet.end_run(run_id)
    for _ in range(3):
        report = fleet.passes()
        assert "the configuration can't be used" in report.problems[0]
    assert [one.state for one in fleet.workers()] == [WorkerState.READY]
    # One that is in no configuration any more drains.
    fleet.path.write_text(text.replace("name: gpu", "name: cpu").replace("default_pool: gpu", "default_pool: cpu"))
    fleet.until(lambda: not fleet.workers())
    fleet.require_nothing_left()


def test_who_can_not_be_carried_out_is_told_so(fleet: Fleet) -> None:
    _, (first, _) = fleet.run(Repository("worker-a"), Repository("worker-b"))
    fleet.path.write_text(fleet.path.read_text().replace("gpu", "cpu").replace("cpu_required", "gpu_required"))
    with pytest.raises(LaunchRefusedError, match="has no pool gpu"):
        advance_task(fleet.settings, first)
    fleet.configure()
    fleet.path.write_text(fleet.path.read_text().replace("instance_types: [g5.xlarge]", "provider: local"))
    with pytest.raises(LaunchRefusedError, match="a host of our own"):
        advance_task(fleet.settings, first)
    fleet.configure(max_lifetime_minutes=12, spawn_timeout_minutes=5)
    with pytest.raises((LaunchRefusedError, ConfigError), match=r"lives|may take"):
        advance_task(fleet.settings, first)
    assert fleet.tasks() == []


def test_a_worker_gets_nothing_that_it_can_not_hold(fleet: Fleet) -> None:
    fleet.configure(max=1)
    run_id, (first, second) = fleet.run(Repository("worker-a"), Repository("worker-b"))
    machine = fleet.hosted(first)
    assert fleet.hosted_later(second) is None
    fleet.watched(first)
    # As if its life were nearly over: what it has left of it is less than the next one may take.
    fleet.configure(max=1, max_lifetime_minutes=10.15, spawn_timeout_minutes=0.02)
    fleet.released(first)
    fleet.until(lambda: machine not in {one.instance_id for one in fleet.workers() if one.state is WorkerState.BUSY})
    assert fleet.hosted_later(second) is None
    fleet.configure(max=1)
    assert fleet.hosted(second) != machine
    assert fleet.ended_workers()[-1].end_reason is WorkerEnd.RECYCLED
    fleet.watched(second)
    fleet.released(second)
    fleet.drained(run_id)


def test_spawns_that_come_to_nothing_pause_the_pool_alone(fleet: Fleet, cloud: LocalCloudServer) -> None:
    careful = fleet.settings.model_copy(update={"breaker_repository_failures": 2, "breaker_deployment_failures": 9})
    fleet.settings = careful
    cloud.set_faults({"api": "RunInstances", "code": "VcpuLimitExceeded"})
    run_id, (validation_id,) = fleet.run(Repository("worker-a"))
    fleet.hosted_later(validation_id)
    fleet.passes(5)
    failed = fleet.ended_workers()
    assert [(one.state, one.end_reason) for one in failed] == [(WorkerState.FAILED, WorkerEnd.SPAWN_FAILED)] * 2
    paused = {one.scope: one.paused_until is not None for one in breakers(careful)}
    assert paused == {"*": False, "pool:gpu": True}
    (last,) = fleet.rows(
        "select why from pool_decisions where deployment = %s order by decision_id desc limit 1", careful.deployment
    )
    assert "none spawned" in last["why"]
    cloud.set_faults()
    fleet.end_run(run_id)
    fleet.passes()
    assert fleet.tasks() == []


def test_one_pass_at_a_time_and_an_empty_pool_costs_nothing(fleet: Fleet) -> None:
    assert run_pass(fleet.settings).pools == []
    fleet.run(Repository("worker-a"))
    assert run_pass(fleet.settings).pools == [], "nothing is queued"
    _, (validation_id,) = fleet.run(Repository("worker-a"))
    fleet.hosted_later(validation_id)
    with passes.pass_lock(fleet.settings.writer_url, fleet.settings.deployment) as free:
        assert free
        assert run_pass(fleet.settings).is_elsewhere
    assert fleet.workers() == []


def test_a_task_past_its_limit_that_nobody_ends_is_ended_with_its_worker(fleet: Fleet) -> None:
    run_id, (validation_id,) = fleet.run(Repository("worker-a", hangs=True))
    fleet.hosted(validation_id)
    late = datetime.now(timezone.utc) - timedelta(minutes=1)
    task_id: UUID = fleet.task(validation_id).task_id
    fleet.rows("update tasks set deadline_at = %s where task_id = %s returning task_id", late, task_id)
    fleet.passes()
    assert fleet.task(validation_id).held is not None, "whoever waits for it has to end it first"
    fleet.rows(
        "update tasks set deadline_at = %s where task_id = %s returning task_id", late - timedelta(minutes=9), task_id
    )
    fleet.until(lambda: not fleet.workers())
    assert (fleet.task(validation_id).state, fleet.task(validation_id).reason_code) == (TaskState.EXPIRED, "deadline")
    found = advance_task(fleet.settings, validation_id)
    assert isinstance(found, Over)
    (row,) = fleet.rows("select * from instances where deployment = %s", fleet.settings.deployment)
    assert (row["owner_kind"], row["state"]) == (OwnerKind.WORKER.value, InstanceState.TERMINATED.value)
    assert row["termination_reason"] == TerminationReason.QUARANTINED.value
    fleet.drained(run_id)
