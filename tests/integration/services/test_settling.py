"""What nobody works on any more is concluded: no result is lost, no run stays open, no money stays reserved."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from janitor.cloud.session import CloudAccess
from janitor.domain.states import InstanceState, RunStatus, ValidationStatus
from janitor.services.ending import terminate as terminating
from janitor.services.ledger.reconcile import observe_deployment
from janitor.services.reap.kill import kill_all
from janitor.services.reap.passes import reap_once
from janitor.services.result.settle import SettleReport, settle_abandoned
from janitor.services.watch.watch import Watch
from janitor.settings import Settings
from janitor.stores import validations as store
from janitor.stores.database import transaction
from tests.integration.services.test_launching import eventually, latest, launch
from tests.integration.services.test_reap_passes import start_stranger
from tests.support.airflow_answers import airflow_that_says
from tests.support.rows import insert_run

INTERVAL = timedelta(minutes=5)


@pytest.fixture
def quick(settings: Settings) -> Settings:
    """No Airflow; what is abandoned is settled soon."""
    return settings.model_copy(
        update={"reap_interval": INTERVAL, "consistency": timedelta(milliseconds=1), "airflow_url": None}
    )


def status(settings: Settings, validation_id: UUID) -> ValidationStatus:
    with transaction(settings.writer_url) as connection:
        return store.get_validation(connection, validation_id).status


def run_row(settings: Settings, run_id: UUID) -> dict[str, Any]:
    with transaction(settings.writer_url) as connection:
        row = connection.execute("select * from validation_runs where run_id = %s", (run_id,)).fetchone()
    assert row is not None
    return row


def end_instance(settings: Settings, validation_id: UUID) -> None:
    """It ends in EC2, and the ledger knows."""
    instance_id = latest(settings, validation_id).instance_id
    CloudAccess.of(settings).client("ec2").terminate_instances(InstanceIds=[instance_id])

    def ended() -> bool:
        observe_deployment(settings)
        return latest(settings, validation_id).state is InstanceState.TERMINATED

    eventually(ended)


def let_deadline_pass(settings: Settings, validation_id: UUID, by: timedelta) -> None:
    """Put the hard limit and its grace so far into the past."""
    with transaction(settings.writer_url) as connection:
        connection.execute(
            "update repository_validations set deadline_at = %s - grace_minutes * interval '1 minute'"
            " where validation_id = %s",
            (datetime.now(timezone.utc) - by, validation_id),
        )


def test_a_finished_result_is_kept_though_its_run_is_gone(quick: Settings) -> None:
    run_id, (first, second) = insert_run(quick.writer_url, deployment=quick.deployment)
    launch(quick, first)
    watch = Watch(quick, first)
    # The validator finishes and stores its report; nobody records it.
    eventually(lambda: watch.step() is not None, within=timedelta(seconds=60))
    end_instance(quick, first)
    let_deadline_pass(quick, first, INTERVAL / 2)
    assert settle_abandoned(quick).settled == []  # its own tasks may still come
    let_deadline_pass(quick, first, INTERVAL * 2)
    assert settle_abandoned(quick, dry_run=True).settled == [first]
    assert not status(quick, first).is_final
    report = settle_abandoned(quick)
    assert (report.settled, report.runs_closed) == ([first], [])
    assert report.notes  # there is no Airflow to ask
    with transaction(quick.writer_url) as connection:
        row = connection.execute(
            "select count(*) as reports from validation_reports where validation_id = %s", (first,)
        ).fetchone()
    assert row is not None
    assert row["reports"] == 1
    assert status(quick, first) is ValidationStatus.FAILED  # there is no such repository
    assert status(quick, second) is ValidationStatus.QUEUED
    assert run_row(quick, run_id)["status"] == RunStatus.RUNNING.value


def test_one_whose_instance_lives_is_not_settled(quick: Settings) -> None:
    _, (first, _) = insert_run(quick.writer_url, deployment=quick.deployment)
    launch(quick, first)
    let_deadline_pass(quick, first, INTERVAL * 2)
    assert settle_abandoned(quick).settled == []


@pytest.mark.parametrize("state", ["failed", "success", None])
def test_a_run_that_airflow_has_ended_or_forgotten_is_closed(quick: Settings, state: str | None) -> None:
    run_id, (first, second) = insert_run(quick.writer_url, deployment=quick.deployment)
    launch(quick, first)
    end_instance(quick, first)
    airflow_run_id = run_row(quick, run_id)["airflow_run_id"]
    with airflow_that_says(quick, {airflow_run_id: state} if state else {}) as asked:
        would = settle_abandoned(asked, dry_run=True)
        assert (would.settled, would.runs_closed) == ([first, second], [run_id])
        assert run_row(quick, run_id)["status"] == RunStatus.RUNNING.value
        report = settle_abandoned(asked)
        assert (report.settled, report.runs_closed, report.problems) == ([first, second], [run_id], [])
        assert settle_abandoned(asked) == SettleReport()
    assert status(quick, first) is ValidationStatus.ERROR
    assert status(quick, second) is ValidationStatus.ERROR
    assert run_row(quick, run_id)["status"] == RunStatus.FAILED.value


def test_a_run_that_airflow_works_on_is_left_alone(quick: Settings) -> None:
    run_id, (first, _) = insert_run(quick.writer_url, deployment=quick.deployment)
    launch(quick, first)
    end_instance(quick, first)
    states = {run_row(quick, run_id)["airflow_run_id"]: "running"}
    with airflow_that_says(quick, states) as asked:
        assert settle_abandoned(asked) == SettleReport()
        states.update(dict.fromkeys(states, "queued"))
        assert settle_abandoned(asked) == SettleReport()
    assert run_row(quick, run_id)["status"] == RunStatus.RUNNING.value


def test_an_airflow_that_cannot_be_asked_changes_nothing(quick: Settings) -> None:
    run_id, _ = insert_run(quick.writer_url, deployment=quick.deployment)
    secret = SecretStr("x")
    silent = quick.model_copy(
        update={"airflow_url": "http://127.0.0.1:9", "airflow_username": "x", "airflow_password": secret}
    )
    report = settle_abandoned(silent)
    assert (report.settled, report.runs_closed, report.problems) == ([], [], [])
    assert "can't be reached" in report.notes[0]
    assert run_row(quick, run_id)["status"] == RunStatus.RUNNING.value


def test_an_airflow_without_the_dag_says_nothing_of_its_runs(quick: Settings) -> None:
    run_id, _ = insert_run(quick.writer_url, deployment=quick.deployment)
    with airflow_that_says(quick, {}, knows_dag=False) as asked:
        report = settle_abandoned(asked)
    assert (report.settled, report.runs_closed) == ([], [])
    assert "doesn't know" in report.notes[0]
    assert run_row(quick, run_id)["status"] == RunStatus.RUNNING.value


def test_a_cancelled_run_s_validations_are_settled(quick: Settings) -> None:
    run_id, (first, second) = insert_run(quick.writer_url, deployment=quick.deployment)
    with transaction(quick.writer_url) as connection:
        store.finish_run(connection, run_id, RunStatus.CANCELLED, "a person")
    with airflow_that_says(quick, {}) as asked:
        report = settle_abandoned(asked)
    assert (report.settled, report.runs_closed) == ([first, second], [])
    assert status(quick, first) is ValidationStatus.CANCELLED


def test_kill_all_takes_kept_and_adopted_ones_and_says_what_they_were(quick: Settings) -> None:
    run_id, (first, second) = insert_run(quick.writer_url, deployment=quick.deployment)
    kept = launch(quick, first)
    with transaction(quick.writer_url) as connection:
        connection.execute(
            "update instances set keep_until = now() + interval '1 hour' where instance_id = %s", (kept,)
        )
    scope = terminating.scope_of_run(run_id)
    assert terminating.remaining(quick, scope) == []
    stranger = start_stranger(quick, repository="worker-x")
    assert reap_once(quick, recheck_pause=timedelta(0)).adopted == (stranger,)
    unknown = start_stranger(quick, repository="worker-y")
    report = kill_all(quick, progress=lambda line: None)
    assert (set(report.terminated), report.remaining) == ({kept, stranger, unknown}, ())
    assert report.was[kept].startswith("worker-a, kept until ")
    assert report.was[stranger] == "worker-x, adopted"
    assert report.was[unknown] == "worker-y, not in the ledger"
    assert run_row(quick, run_id)["status"] == RunStatus.CANCELLED.value
    assert status(quick, second) is ValidationStatus.CANCELLED
    with transaction(quick.writer_url) as connection:
        row = connection.execute(
            "select count(*) as open from budget_reservations where deployment = %s and released_at is null",
            (quick.deployment,),
        ).fetchone()
    assert row is not None
    assert row["open"] == 0
