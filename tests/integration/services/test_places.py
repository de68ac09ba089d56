"""Who looks elsewhere changes nothing: another region, account or cloud shows no instance, and none is gone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from janitor.cloud.place import place_of
from janitor.cloud.session import CloudAccess
from janitor.domain.errors import LaunchRefusedError, WrongPlaceError
from janitor.domain.launch.owner import Owner
from janitor.domain.place import Place
from janitor.domain.states import InstanceState, RunStatus, TerminationReason, ValidationStatus
from janitor.services.ending.terminate import end_scope, scope_of, scope_of_run
from janitor.services.here import here
from janitor.services.launch.advance import advance_launch
from janitor.services.launch.orderer import ValidationOrderer
from janitor.services.launch.replace import advance_replacement
from janitor.services.ledger.reconcile import observe_deployment
from janitor.services.reap.kill import kill_all
from janitor.services.reap.passes import reap_once
from janitor.services.result.record import record_validation
from janitor.services.result.verdict import close_run
from janitor.services.watch.watch import Watch
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores.database import transaction
from tests.integration.services.test_launching import latest, launch
from tests.integration.services.test_reap_passes import NO_PAUSE, gone, quick
from tests.support.localcloud_server import LocalCloudServer
from tests.support.other_account import OTHER_ACCOUNT, other_account
from tests.support.rows import insert_run

__all__ = ["quick"]

FLEET = 10
_CONFIG = "repositories:\n" + "\n".join(
    f'  - {{name: worker-{number}, organization: acme, prompt: look, url: "file:///none/{number}"}}'
    for number in range(FLEET)
)


@pytest.fixture(scope="module")
def other_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloudServer]:
    """A second local cloud: another stack's."""
    with LocalCloudServer(tmp_path_factory.mktemp("other") / "home", boot_delay=0.1, agent_delay=0.1) as server:
        yield server


@pytest.fixture
def fleet(quick: Settings) -> tuple[UUID, list[tuple[UUID, str]]]:
    """A run and its ten live instances."""
    run_id, validations = insert_run(
        quick.writer_url, deployment=quick.deployment, config=_CONFIG, max_concurrent_instances=FLEET
    )
    return run_id, [(validation_id, launch(quick, validation_id)) for validation_id in validations]


def in_other_region(settings: Settings) -> Settings:
    return settings.model_copy(update={"region": "eu-west-1"})


def in_other_cloud(settings: Settings, other: LocalCloudServer) -> Settings:
    secret = type(settings.aws_secret_access_key)(other.secret_access_key)  # type: ignore[misc]  # what a type checker refuses is tried
    return settings.model_copy(
        update={
            "aws_endpoint_url": other.endpoint_url,
            "aws_access_key_id": other.access_key_id,
            "aws_secret_access_key": secret,
        }
    )


def rows(settings: Settings) -> list[tuple[Any, ...]]:
    """All that the ledger says of the deployment."""
    with transaction(settings.writer_url) as connection:
        found = connection.execute(
            "select ledger_id, state, instance_id, termination_reason, ended_at, place, missing_since from instances"
            " where deployment = %s order by ledger_id",
            (settings.deployment,),
        ).fetchall()
    return [tuple(row.values()) for row in found]


def acts(settings: Settings, run_id: UUID, validation_id: UUID) -> dict[str, Any]:
    """Everything that observes, ends, launches or concludes."""
    _, (new, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    return {
        "reap": lambda: reap_once(settings, recheck_pause=NO_PAUSE),
        "reap, dry": lambda: reap_once(settings, dry_run=True, recheck_pause=NO_PAUSE),
        "reap, believing": lambda: reap_once(settings, believe_absence=True, recheck_pause=NO_PAUSE),
        "kill": lambda: kill_all(settings, progress=print, verify_for=NO_PAUSE),
        "observe": lambda: observe_deployment(settings),
        "terminate": lambda: end_scope(
            settings, scope_of(Owner.validation(validation_id)), TerminationReason.FINISHED, timeout=NO_PAUSE
        ),
        "terminate_all": lambda: end_scope(
            settings, scope_of_run(run_id), TerminationReason.RUN_TEARDOWN, timeout=NO_PAUSE
        ),
        "watch": lambda: Watch(settings, validation_id).step(),
        "record": lambda: record_validation(settings, validation_id),
        "verdict": lambda: close_run(settings, run_id),
        "launch": lambda: launch(settings, new),
        "launch again": lambda: launch(settings, validation_id),
        "replace": lambda: advance_replacement(settings, validation_id),
    }


def assert_nothing_is_touched(
    right: Settings, wrong: Settings, fleet: tuple[UUID, list[tuple[UUID, str]]]
) -> dict[str, str]:
    run_id, launched = fleet
    before = rows(right)
    words = {}
    for name, act in acts(wrong, run_id, launched[0][0]).items():
        with pytest.raises((WrongPlaceError, LaunchRefusedError)) as raised:
            act()
        words[name] = str(raised.value)
        assert rows(right) == before, name
    assert not any(gone(right, instance_id) for _, instance_id in launched)
    with transaction(right.writer_url) as connection:
        (run,) = connection.execute("select status from validation_runs where run_id = %s", (run_id,)).fetchall()
        (statuses,) = connection.execute(
            "select array_agg(distinct status::text) as found from repository_validations where run_id = %s", (run_id,)
        ).fetchall()
    assert run["status"] == RunStatus.RUNNING.value
    assert statuses["found"] == [ValidationStatus.LAUNCHING.value]
    return words


def test_another_region_touches_nothing(quick: Settings, fleet: tuple[UUID, list[tuple[UUID, str]]]) -> None:
    wrong = in_other_region(quick)
    words = assert_nothing_is_touched(quick, wrong, fleet)
    for text in words.values():
        assert here(quick).key in text
        assert here(wrong).key in text
        assert "JANITOR_REGION" in text
        assert "Wrong place" in text
    assert f"{FLEET} live rows of the ledger are" in words["reap"]
    assert quick.deployment in words["reap"]
    # From the right place all goes on.
    report = reap_once(quick, recheck_pause=NO_PAUSE)
    assert (report.looked_at, report.terminated, report.problems) == (FLEET, (), ())


def test_another_cloud_touches_nothing(
    quick: Settings, fleet: tuple[UUID, list[tuple[UUID, str]]], other_cloud: LocalCloudServer
) -> None:
    wrong = in_other_cloud(quick, other_cloud)
    assert here(wrong).account == here(quick).account
    assert_nothing_is_touched(quick, wrong, fleet)


def test_another_account_touches_nothing(quick: Settings, fleet: tuple[UUID, list[tuple[UUID, str]]]) -> None:
    at = here(quick)
    with other_account(at.cloud.removeprefix("localcloud-")) as (endpoint_url, asked):
        wrong = quick.model_copy(update={"aws_endpoint_url": endpoint_url})
        assert here(wrong) == replace(at, account=OTHER_ACCOUNT)
        words = assert_nothing_is_touched(quick, wrong, fleet)
    assert OTHER_ACCOUNT in words["kill"]
    assert not {"TerminateInstances", "RunInstances"} & set(asked)


def test_a_launch_elsewhere_takes_no_place_and_one_here_does(
    quick: Settings, fleet: tuple[UUID, list[tuple[UUID, str]]]
) -> None:
    """Elsewhere the most that may exist at once would be counted over what can't be seen."""
    _, (new, _) = insert_run(quick.writer_url, deployment=quick.deployment, max_concurrent_instances=FLEET + 1)
    with pytest.raises(LaunchRefusedError) as raised:
        launch(in_other_region(quick), new)
    assert raised.value.reason_code == "wrong_place"
    assert launch(quick, new)


def test_sql_itself_ends_no_row_of_another_place(quick: Settings) -> None:
    """Whoever writes: the guard is in the statement."""
    _, (first, _) = insert_run(quick.writer_url, deployment=quick.deployment)
    launch(quick, first)
    elsewhere = Place(cloud="aws", account="210987654321", region="us-east-1")
    record = latest(quick, first)
    for state in (InstanceState.RUNNING, InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED):
        with pytest.raises(WrongPlaceError, match="210987654321"), transaction(quick.writer_url) as connection:
            ledger.observe_state(connection, record.ledger_id, state, place=elsewhere)
    assert latest(quick, first).state is record.state
    with transaction(quick.writer_url) as connection:
        assert not ledger.keep_launched(connection, record.ledger_id, "i-00000000000000001", place=elsewhere)
        ledger.bind_place(connection, record.ledger_id, elsewhere)
    assert latest(quick, first).place == here(quick)


# Rows from before places were kept


def forget_place(settings: Settings) -> None:
    with transaction(settings.writer_url) as connection:
        connection.execute("update instances set place = null where deployment = %s", (settings.deployment,))


def test_an_old_row_is_bound_by_the_first_who_sees_its_instance(quick: Settings) -> None:
    _, (first, _) = insert_run(quick.writer_url, deployment=quick.deployment)
    launch(quick, first)
    forget_place(quick)
    wrong = in_other_region(quick)
    absent = observe_deployment(wrong)
    assert absent.unbound == (latest(quick, first).instance_id,)
    assert (latest(quick, first).place, latest(quick, first).state.is_live) == (None, True)
    report = reap_once(wrong, recheck_pause=NO_PAUSE)
    assert len(report.problems) == 1
    assert "VANISHED=1" in report.problems[0]
    observe_deployment(quick)
    assert latest(quick, first).place == here(quick)
    with pytest.raises(WrongPlaceError):
        reap_once(wrong, recheck_pause=NO_PAUSE)


def test_an_old_intent_is_not_closed_by_who_sees_nothing(quick: Settings) -> None:
    _, (first, _) = insert_run(quick.writer_url, deployment=quick.deployment)
    with pytest.raises(ZeroDivisionError):
        advance_launch(quick, ValidationOrderer(first), lambda *_: str(1 // 0))
    with transaction(quick.writer_url) as connection:
        connection.execute(
            "update instances set place = null, intent_at = intent_at - interval '1 hour' where deployment = %s",
            (quick.deployment,),
        )
    assert observe_deployment(quick).unbound == (latest(quick, first).name,)
    assert latest(quick, first).state is InstanceState.INTENT
    observe_deployment(quick, believe_absence=True)
    assert latest(quick, first).state is InstanceState.NOT_LAUNCHED


# What a place is


def test_a_local_cloud_is_one_place_whatever_its_port(tmp_path: Path, quick: Settings) -> None:
    home = tmp_path / "home"
    with LocalCloudServer(home) as server:
        one = here(in_other_cloud(quick, server))
    with LocalCloudServer(home) as server:
        assert here(in_other_cloud(quick, server)) == one
    assert one.cloud.startswith("localcloud-")


def test_a_place_is_asked_once(quick: Settings, cloud: LocalCloudServer) -> None:
    access = CloudAccess.of(quick)
    known = place_of(access)
    cloud.set_faults({"api": "GetCallerIdentity", "code": "AccessDenied"})
    try:
        assert place_of(access) is known
    finally:
        cloud.set_faults()
