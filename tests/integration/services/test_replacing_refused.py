"""A lost instance that gets no successor: the loss is what is shown, and what a person keeps isn't given up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest

from janitor.domain.errors import LaunchRefusedError
from janitor.domain.launch.owner import Owner
from janitor.domain.states import InstanceState, ValidationStatus
from janitor.domain.watch.watching import WatchOutcome
from janitor.services.launch.advance import keep_problem
from janitor.services.launch.orderer import ValidationOrderer
from janitor.services.launch.replace import advance_replacement, begin_replacement, is_replaceable
from janitor.services.result.record import record_validation
from janitor.services.watch.watch import Watch
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores import validations as store
from janitor.stores.database import transaction
from tests.integration.services.test_launching import eventually, latest, launch
from tests.support.instances import instances_of
from tests.support.localcloud_server import LocalCloudServer
from tests.support.rows import insert_run

ENDS_WITHIN = timedelta(seconds=300)


@pytest.fixture(autouse=True)
def _no_faults_afterwards(cloud: LocalCloudServer) -> Iterator[None]:
    yield
    cloud.set_faults()


@pytest.fixture
def impatient(settings: Settings) -> Settings:
    return settings.model_copy(update={"online_timeout": timedelta(seconds=2)})


def lose(settings: Settings, cloud: LocalCloudServer) -> tuple[UUID, Watch, WatchOutcome]:
    """An instance whose agent never answers."""
    cloud.set_faults({"box": "no-agent", "times": 1})
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    launch(settings, first)
    watch = Watch(settings, first)
    deadline = time.monotonic() + ENDS_WITHIN.total_seconds()
    while (outcome := watch.step()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert outcome is WatchOutcome.NEVER_ONLINE
    return first, watch, outcome


def test_where_the_breaker_refuses_the_successor_the_loss_is_shown(
    impatient: Settings, cloud: LocalCloudServer
) -> None:
    careful = impatient.model_copy(update={"breaker_repository_failures": 1})
    first, watch, outcome = lose(careful, cloud)
    assert is_replaceable(careful, watch, outcome)
    begin_replacement(careful, first, outcome)

    def refused() -> bool:
        try:
            advance_replacement(careful, first)
        except LaunchRefusedError as exc:
            keep_problem(careful, ValidationOrderer(first), exc.reason_code, str(exc))  # as `validate` does
            return exc.reason_code == "launch_breaker"
        return False

    eventually(refused)
    conclusion = record_validation(careful, first)
    assert (conclusion.status, conclusion.reason_code) == (ValidationStatus.ERROR, "ssm_never_online")


def test_where_the_replacement_is_stopped_the_loss_is_shown(impatient: Settings, cloud: LocalCloudServer) -> None:
    first, _, outcome = lose(impatient, cloud)
    begin_replacement(impatient, first, outcome)
    assert record_validation(impatient, first).reason_code == "ssm_never_online"


def test_the_successor_s_own_end_is_what_counts(impatient: Settings, cloud: LocalCloudServer) -> None:
    patient = impatient.model_copy(update={"online_timeout": timedelta(seconds=30)})
    first, _, outcome = lose(impatient, cloud)
    begin_replacement(patient, first, outcome)
    before = latest(patient, first).instance_id

    def launched() -> bool:
        advance_replacement(patient, first)
        return latest(patient, first).instance_id not in (before, None)

    eventually(launched)
    with transaction(patient.writer_url) as connection:
        assert store.get_validation(connection, first).watch_outcome is None
    watch = Watch(patient, first)
    eventually(lambda: watch.step() is not None)
    watch.keep()
    assert record_validation(patient, first).status is ValidationStatus.FAILED  # there is no such repository


def test_what_a_person_keeps_is_not_given_up(impatient: Settings, cloud: LocalCloudServer) -> None:
    first, watch, outcome = lose(impatient, cloud)
    with transaction(impatient.writer_url) as connection:
        connection.execute(
            "update instances set keep_until = now() + interval '1 hour' where validation_id = %s", (first,)
        )
    assert not is_replaceable(impatient, watch, outcome)
    (alive,) = instances_of(impatient, first)
    assert alive.state is InstanceState.RUNNING
    # One that is gone can't be looked at any more: a lease doesn't cost the validation its second try.
    assert is_replaceable(impatient, watch, WatchOutcome.INSTANCE_LOST)
    with transaction(impatient.writer_url) as connection:
        connection.execute(
            "update instances set keep_until = now() - interval '1 second' where validation_id = %s", (first,)
        )
        row = ledger.latest_of(connection, Owner.validation(first))
    assert row is not None
    assert is_replaceable(impatient, watch, outcome)
