"""One run is cancelled and one instance is ended on a person's word: nothing else ends with it, and EC2 confirms it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from janitor.cloud import commands as ssm
from janitor.cloud.session import CloudAccess
from janitor.domain.errors import ConflictError, NotFoundError
from janitor.domain.launch.owner import Owner
from janitor.domain.states import RunStatus, TerminationReason, ValidationStatus
from janitor.services.launch.advance import advance_launch
from janitor.services.launch.orderer import ValidationOrderer
from janitor.services.reap.by_hand import KillReport
from janitor.services.reap.cancel import Cancellable, cancel_run, cancellable
from janitor.services.reap.keep import keep
from janitor.services.reap.terminate_one import terminable, terminate_instance
from janitor.settings import Settings
from janitor.stack.provision.killers import ensure_killers
from janitor.stores import ledger
from janitor.stores import validations as store
from janitor.stores.database import transaction
from tests.integration.services.test_launching import eventually, launch
from tests.integration.services.test_reap_passes import start_stranger
from tests.support.airflow_answers import airflow_that_says
from tests.support.instances import instances_of_deployment
from tests.support.rows import insert_run

SOON = timedelta(seconds=300)


@pytest.fixture
def quiet(settings: Settings) -> Settings:
    """No Airflow to ask."""
    return settings.model_copy(update={"airflow_url": None})


def alive(settings: Settings) -> set[str]:
    return {one.instance_id for one in instances_of_deployment(settings)}


def airflow_id(settings: Settings, run_id: UUID) -> str:
    return str(run_row(settings, run_id)["airflow_run_id"])


def run_row(settings: Settings, run_id: UUID) -> dict[str, Any]:
    with transaction(settings.writer_url) as connection:
        row = connection.execute("select * from validation_runs where run_id = %s", (run_id,)).fetchone()
    assert row is not None
    return row


def status(settings: Settings, validation_id: UUID) -> ValidationStatus:
    with transaction(settings.writer_url) as connection:
        return store.get_validation(connection, validation_id).status


def cancel(settings: Settings, run_id: UUID) -> tuple[Cancellable, KillReport]:
    run = cancellable(settings, run_id, airflow_id(settings, run_id))
    return run, cancel_run(settings, run, requested_by="somebody", progress=lambda line: None, verify_for=SOON)


def test_one_run_ends_and_the_other_goes_on(settings: Settings) -> None:
    one, (first, second) = insert_run(settings.writer_url, deployment=settings.deployment)
    other, (third, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    ended, stays = launch(settings, first), launch(settings, third)
    states = {airflow_id(settings, one): "running", airflow_id(settings, other): "running"}
    with airflow_that_says(settings, states) as asked:
        run, report = cancel(asked, one)
    assert (run.unfinished, run.instances) == (("worker-a", "worker-b"), 1)
    assert (report.terminated, report.remaining, report.kept, report.problems) == ((ended,), (), (), ())
    assert alive(settings) == {stays}
    assert states == {airflow_id(settings, one): "failed", airflow_id(settings, other): "running"}
    assert (run_row(settings, one)["status"], run_row(settings, other)["status"]) == ("cancelled", "running")
    assert run_row(settings, one)["status_reason"] == "cancelled by somebody"
    assert {status(settings, each) for each in (first, second)} == {ValidationStatus.CANCELLED}
    assert not status(settings, third).is_final
    with pytest.raises(ConflictError, match="has ended"):
        advance_launch(settings, ValidationOrderer(second))
    with transaction(settings.writer_url) as connection:
        row = ledger.of_instance(connection, settings.deployment, ended)
        assert row is not None
        detail = connection.execute(
            "select termination_detail from instances where ledger_id = %s", (row.ledger_id,)
        ).fetchone()
    assert row.termination_reason is TerminationReason.OPERATOR_KILL
    assert detail == {"termination_detail": "cancel, by somebody"}


def test_a_run_that_is_over_is_told_so(quiet: Settings) -> None:
    run_id, _ = insert_run(quiet.writer_url, deployment=quiet.deployment)
    cancel(quiet, run_id)
    with pytest.raises(ConflictError, match=rf"run {run_id} is over since .* UTC \(cancelled\), and no instance"):
        cancellable(quiet, run_id, "x")


def test_what_is_left_of_a_run_that_is_over_can_still_be_ended(quiet: Settings) -> None:
    run_id, (first, _) = insert_run(quiet.writer_url, deployment=quiet.deployment)
    left = launch(quiet, first)
    with transaction(quiet.writer_url) as connection:
        store.finish_run(connection, run_id, RunStatus.FAILED, "left in EC2")
    _, report = cancel(quiet, run_id)
    assert report.terminated == (left,)
    assert run_row(quiet, run_id)["status"] == "failed"


def test_without_airflow_it_is_cancelled_and_said(settings: Settings) -> None:
    run_id, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    instance = launch(settings, first)
    gone = settings.model_copy(update={"airflow_url": "http://127.0.0.1:9", "airflow_username": "x"})
    _, report = cancel(gone, run_id)
    assert report.terminated == (instance,)
    assert len(report.problems) == 1
    assert "could not be stopped" in report.problems[0]


def test_a_run_that_airflow_lost_is_cancelled_all_the_same(settings: Settings) -> None:
    run_id, _ = insert_run(settings.writer_url, deployment=settings.deployment)
    with airflow_that_says(settings, {}) as asked:
        _, report = cancel(asked, run_id)
    assert report.problems == ()


def test_a_run_that_is_not_planned_yet_is_stopped_in_airflow(settings: Settings) -> None:
    states = {"manual__1": "queued", "manual__2": "queued"}
    from janitor.domain.identity import run_id_for

    run_id = run_id_for(settings.deployment, "manual__1")
    with airflow_that_says(settings, states) as asked:
        run = cancellable(asked, run_id, "manual__1")
        cancel_run(asked, run, requested_by="somebody", progress=lambda line: None, verify_for=SOON)
    assert run.config_path is None
    assert states == {"manual__1": "failed", "manual__2": "queued"}


def test_what_a_lease_holds_is_left_by_cancel_and_ended_by_terminate(quiet: Settings) -> None:
    ensure_killers(quiet.model_copy(update={"reaper_function": None}))
    run_id, (first, second) = insert_run(quiet.writer_url, deployment=quiet.deployment)
    held, free = launch(quiet, first), launch(quiet, second)
    eventually(lambda: ssm.agent_online(CloudAccess.of(quiet), held))
    keep(quiet, "worker-a", timedelta(hours=1), requested_by="somebody", run_id=str(run_id))
    _, report = cancel(quiet, run_id)
    assert (report.terminated, report.kept, report.remaining) == ((free,), (held,), ())
    assert "kept until" in report.was[held]
    assert alive(quiet) == {held}
    found = terminable(quiet, held)
    assert "kept until" in found.words
    assert not found.works_for_open_validation
    ended = terminate_instance(quiet, found, requested_by="me", progress=lambda line: None, verify_for=SOON)
    assert (ended.terminated, ended.remaining) == ((held,), ())
    assert alive(quiet) == set()


def test_one_instance_ends_and_the_other_goes_on(quiet: Settings) -> None:
    _, (first, second) = insert_run(quiet.writer_url, deployment=quiet.deployment)
    ended, stays = launch(quiet, first), launch(quiet, second)
    found = terminable(quiet, ended)
    assert found.works_for_open_validation
    assert found.words == "worker-a"
    report = terminate_instance(quiet, found, requested_by="me", progress=lambda line: None, verify_for=SOON)
    assert (report.terminated, report.remaining) == ((ended,), ())
    assert alive(quiet) == {stays}
    with pytest.raises(ConflictError, match=rf"{ended} is terminated already \(.* UTC, operator kill\)"):
        terminable(quiet, ended)
    # Its validation isn't over: it may have another one.
    assert not status(quiet, first).is_final
    assert launch(quiet, first) not in (ended, stays)


def test_an_instance_that_the_ledger_lacks_is_ended_by_its_tag(quiet: Settings) -> None:
    stranger = start_stranger(quiet)
    found = terminable(quiet, stranger)
    assert "not in the ledger" in found.words
    report = terminate_instance(quiet, found, requested_by="me", progress=lambda line: None, verify_for=SOON)
    assert report.terminated == (stranger,)


def test_instances_of_others_are_never_touched(quiet: Settings) -> None:
    foreign = quiet.model_copy(update={"deployment": f"{quiet.deployment}-other"})
    theirs = start_stranger(foreign)
    ours = start_stranger(quiet)
    for name in (theirs, "i-0123456789abcdef0"):
        with pytest.raises(NotFoundError, match=rf"{name} is no instance of this deployment .*{re.escape(ours)}"):
            terminable(quiet, name)
    assert alive(foreign) == {theirs}


def test_a_row_whose_instance_is_gone_is_brought_up_to_date(quiet: Settings) -> None:
    _, (first, _) = insert_run(quiet.writer_url, deployment=quiet.deployment)
    instance = launch(quiet, first)
    client = CloudAccess.of(quiet).client("ec2")
    client.terminate_instances(InstanceIds=[instance])
    eventually(lambda: instance not in alive(quiet))
    found = terminable(quiet, instance)
    report = terminate_instance(quiet, found, requested_by="me", progress=lambda line: None, verify_for=SOON)
    assert report.remaining == ()
    with transaction(quiet.writer_url) as connection:
        assert ledger.live_of(connection, Owner.validation(first)) is None
