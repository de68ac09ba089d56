"""Ending instances when something is in the way: one refusal, an outage or a dead ledger saves no other instance."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from pydantic import SecretStr

from janitor.cloud.session import CloudAccess
from janitor.domain.errors import CloudError, ConflictError, DatabaseError
from janitor.domain.launch.owner import Owner
from janitor.domain.states import TerminationReason
from janitor.services.ending import terminate as terminating
from janitor.services.launch.advance import Launched
from janitor.services.reap.kill import kill_all
from janitor.services.reap.passes import reap_once
from janitor.settings import Settings
from janitor.stack.provision.killers import ensure_killers
from janitor.stores import ledger
from janitor.stores.database import transaction
from tests.integration.services.test_launching import eventually, launch, step
from tests.support.airflow_answers import airflow_that_says
from tests.support.instances import instances_of_deployment
from tests.support.localcloud_server import LocalCloudServer
from tests.support.rows import insert_run

SHORT = timedelta(seconds=4)


@pytest.fixture
def faults(cloud: LocalCloudServer) -> Iterator[Callable[..., Any]]:
    yield cloud.set_faults
    cloud.set_faults()


@pytest.fixture
def quiet(settings: Settings) -> Settings:
    """No Airflow to ask."""
    return settings.model_copy(update={"airflow_url": None})


@pytest.fixture
def protected(settings: Settings) -> Iterator[tuple[str, str, Any]]:
    """A run with two instances: the one that is asked for first is protected; (protected, other, the run's id)."""
    run_id, (first, second) = insert_run(settings.writer_url, deployment=settings.deployment)
    one, other = sorted([launch(settings, first), launch(settings, second)])
    client = CloudAccess.of(settings).client("ec2")
    client.modify_instance_attribute(InstanceId=one, DisableApiTermination={"Value": True})
    yield one, other, run_id
    client.modify_instance_attribute(InstanceId=one, DisableApiTermination={"Value": False})
    client.terminate_instances(InstanceIds=[one])


def left(settings: Settings) -> list[str]:
    return [one.instance_id for one in instances_of_deployment(settings)]


def test_one_that_is_refused_saves_no_other_of_its_run(settings: Settings, protected: tuple[str, str, Any]) -> None:
    one, other, run_id = protected
    ending = terminating.end_scope(
        settings, terminating.scope_of_run(run_id), TerminationReason.RUN_TEARDOWN, timeout=SHORT
    )
    assert (ending.terminated, ending.left) == ((other,), (one,))
    assert "OperationNotPermitted" in ending.refused[one]


def test_nor_where_somebody_else_s_call_takes_all_at_once(settings: Settings, protected: tuple[str, str, Any]) -> None:
    one, other, run_id = protected
    client = CloudAccess.of(settings).client("ec2")

    def in_one_call(instance_ids: Any) -> None:
        try:
            client.terminate_instances(InstanceIds=list(instance_ids))
        except client.exceptions.ClientError as exc:
            raise CloudError(str(exc)) from exc

    ending = terminating.end_scope(
        settings,
        terminating.scope_of_run(run_id),
        TerminationReason.RUN_TEARDOWN,
        timeout=SHORT,
        terminate=in_one_call,
    )
    assert (ending.terminated, ending.left) == ((other,), (one,))


def test_kill_all_says_what_it_could_not_end_and_ends_the_rest(
    quiet: Settings, protected: tuple[str, str, Any]
) -> None:
    one, other, _ = protected
    lines: list[str] = []
    report = kill_all(quiet, progress=lines.append, verify_for=SHORT)
    assert (report.terminated, report.remaining) == ((other,), (one,))
    assert any(one in line and "OperationNotPermitted" in line for line in lines)
    # What was cancelled is settled all the same.
    with transaction(quiet.writer_url) as connection:
        row = connection.execute(
            "select count(*) as open from repository_validations v join validation_runs r using (run_id)"
            " where r.deployment = %s and v.finished_at is null",
            (quiet.deployment,),
        ).fetchone()
    assert row is not None
    assert row["open"] == 0


def test_kill_all_without_postgres_is_stopped_by_no_refusal(quiet: Settings, protected: tuple[str, str, Any]) -> None:
    one, other, _ = protected
    blind = quiet.model_copy(update={"database_url": SecretStr("postgresql://nobody:x@127.0.0.1:9/none")})
    report = kill_all(blind, progress=lambda line: None, verify_for=SHORT)
    assert (report.terminated, report.remaining) == ((other,), (one,))


@pytest.mark.parametrize("blind", [False, True])
def test_kill_all_goes_on_while_aws_can_not_be_asked(quiet: Settings, faults: Callable[..., Any], blind: bool) -> None:
    _, (first, _) = insert_run(quiet.writer_url, deployment=quiet.deployment)
    instance_id = launch(quiet, first)
    nowhere = SecretStr("postgresql://nobody:x@127.0.0.1:9/none")
    asked = quiet.model_copy(update={"database_url": nowhere}) if blind else quiet
    faults({"api": "DescribeInstances", "code": "AccessDenied", "times": 2})
    report = kill_all(asked, progress=lambda line: None)
    assert (report.terminated, report.remaining) == ((instance_id,), ())


def test_kill_all_ends_everything_with_a_postgres_that_only_reads(quiet: Settings) -> None:
    """As a replica that was not promoted, or the reader's address in place of the writer's."""
    _, (first, _) = insert_run(quiet.writer_url, deployment=quiet.deployment)
    instance_id = launch(quiet, first)
    reading = quiet.model_copy(update={"database_url": quiet.reader_database_url})
    lines: list[str] = []
    report = kill_all(reading, progress=lines.append)
    assert (report.terminated, report.remaining) == ((instance_id,), ())
    assert any("going by EC2's tags alone" in line for line in lines)


def test_kill_all_ends_everything_without_a_database_in_the_settings(quiet: Settings) -> None:
    _, (first, _) = insert_run(quiet.writer_url, deployment=quiet.deployment)
    instance_id = launch(quiet, first)
    unset = quiet.model_copy(update={"database_url": None})
    report = kill_all(unset, progress=lambda line: None)
    assert (report.terminated, report.remaining) == ((instance_id,), ())


def test_kill_all_waits_for_a_launch_that_is_under_way(quiet: Settings, faults: Callable[..., Any]) -> None:
    _, (first, _) = insert_run(quiet.writer_url, deployment=quiet.deployment)
    faults({"api": "RunInstances", "latency_seconds": 3, "times": 1})
    with ThreadPoolExecutor(1) as pool:
        launching = pool.submit(step, quiet, first)
        eventually(lambda: has_intent(quiet, first))
        report = kill_all(quiet, progress=lambda line: None)
        launched = launching.result(300)
    assert isinstance(launched, Launched)
    assert (report.terminated, report.remaining) == ((launched.instance_id,), ())
    assert left(quiet) == []
    with pytest.raises(ConflictError, match="has ended"):
        step(quiet, first)


def has_intent(settings: Settings, validation_id: UUID) -> bool:
    with transaction(settings.writer_url) as connection:
        return ledger.latest_of(connection, Owner.validation(validation_id)) is not None


def test_kill_all_stops_more_runs_than_airflow_names_at_once(quiet: Settings) -> None:
    states = {f"manual__{number:03d}": "queued" for number in range(130)}
    with airflow_that_says(quiet, states) as asked:
        report = kill_all(asked, progress=lambda line: None)
    assert set(states.values()) == {"failed"}
    assert len(report.cancelled_runs) == 130


@pytest.mark.parametrize(
    ("statement", "word"),
    [
        ("select no_such_column from instances", "make db-migrate"),
        ("select * from no_such_table", "make db-migrate"),
        ("drop table checks", "janitor_write"),
        ("select 1 / 0", "division by zero"),
    ],
)
def test_a_refused_statement_is_a_database_error(settings: Settings, statement: str, word: str) -> None:
    with pytest.raises(DatabaseError, match=word), transaction(settings.writer_url) as connection:
        connection.execute(statement.encode())


def test_a_scheduler_that_is_down_is_asked_once(
    settings: Settings, faults: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Its timers would hold everything up, one after another."""
    ensure_killers(settings.model_copy(update={"reaper_function": None}))
    run_id, (first, second) = insert_run(settings.writer_url, deployment=settings.deployment)
    ids = sorted([launch(settings, first), launch(settings, second)])
    faults({"api": "DeleteSchedule", "code": "ServiceUnavailable"})
    ending = terminating.end_scope(
        settings, terminating.scope_of_run(run_id), TerminationReason.RUN_TEARDOWN, timeout=SHORT * 5
    )
    assert (list(ending.terminated), ending.left) == (ids, ())
    (said,) = [record.getMessage() for record in caplog.records if "external timers" in record.getMessage()]
    assert f"{ids[0]}, {ids[1]}" in said
    faults()
    report = reap_once(settings.model_copy(update={"airflow_url": None}), recheck_pause=timedelta(0))
    assert list(report.timers_removed) == ids


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux alone has it")
def test_a_postgres_whose_host_died_is_found_out(settings: Settings) -> None:
    """What the kernel was told of the connection: nobody can be made to die without a word here."""
    with (
        transaction(settings.writer_url) as connection,
        socket.socket(fileno=os.dup(connection.fileno())) as channel,
    ):
        assert channel.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        idle, interval, count = (
            channel.getsockopt(socket.IPPROTO_TCP, option)
            for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        )
        assert idle + interval * count <= 30
        assert channel.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000


def test_a_broken_invariant_stays_what_it_is(settings: Settings) -> None:
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    launch(settings, first)
    with pytest.raises(psycopg.errors.CheckViolation), transaction(settings.writer_url) as connection:
        connection.execute("update instances set volume_gib = -1 where validation_id = %s", (first,))


def test_what_is_ended_is_gone(quiet: Settings) -> None:
    """The check of these tests itself."""
    _, (first, _) = insert_run(quiet.writer_url, deployment=quiet.deployment)
    instance_id = launch(quiet, first)
    assert left(quiet) == [instance_id]
    kill_all(quiet, progress=lambda line: None)
    eventually(lambda: left(quiet) == [])
