"""A lost instance is replaced once: on demand after a spot interruption, elsewhere after anything else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest

from janitor.cloud import storage
from janitor.cloud.session import CloudAccess
from janitor.domain.errors import ConflictError
from janitor.domain.identity import notice_key_for
from janitor.domain.launch.owner import Owner
from janitor.domain.states import InstanceState, NoticeKind, TerminationReason, ValidationStatus
from janitor.domain.watch.watching import WatchOutcome, decide
from janitor.services.launch.advance import Launched
from janitor.services.launch.replace import advance_replacement, begin_replacement, is_being_replaced, is_replaceable
from janitor.services.provider import provider_of
from janitor.services.result.record import finish_watched
from janitor.services.watch.conclude import conclude_validation
from janitor.services.watch.fleet_view import look_at_fleet
from janitor.services.watch.watch import Watch
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores.database import transaction
from janitor.stores.records import InstanceRecord
from tests.integration.services.test_launching import launch
from tests.integration.services.test_watching import wait_for_command, wait_for_outcome
from tests.support.instances import instances_of
from tests.support.localcloud_server import LocalCloudServer
from tests.support.rows import insert_run

ENDS_WITHIN = timedelta(seconds=300)
SPOT_FIRST = """
default_market: spot-then-on-demand
repositories:
  - {name: worker-a, organization: acme, prompt: look at it, url: "file:///does-not-exist/worker-a"}
"""


@pytest.fixture(autouse=True)
def _no_faults_afterwards(cloud: LocalCloudServer) -> Iterator[None]:
    yield
    cloud.set_faults()


def replace(settings: Settings, validation_id: UUID) -> str:
    """See a replacement through, as `validate` does."""
    deadline = time.monotonic() + ENDS_WITHIN.total_seconds()
    while True:
        step = advance_replacement(settings, validation_id)
        if isinstance(step, Launched):
            return step.instance_id
        assert time.monotonic() < deadline, step
        time.sleep(0.1)


def rows_of(settings: Settings, validation_id: UUID) -> list[InstanceRecord]:
    with transaction(settings.writer_url) as connection:
        return ledger.generations_of(connection, Owner.validation(validation_id))


def lose(settings: Settings, validation_id: UUID) -> tuple[Watch, WatchOutcome]:
    """Terminate the instance behind the watch's back, in the middle of its command."""
    watch = Watch(settings, validation_id)
    wait_for_command(watch)
    provider_of(settings).terminate([watch.watched.instance_id])
    deadline = time.monotonic() + ENDS_WITHIN.total_seconds()
    while (outcome := watch.step()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return watch, outcome


def test_a_lost_instance_is_replaced_once_and_the_validation_ends_right(
    settings: Settings, cloud: LocalCloudServer
) -> None:
    cloud.set_faults({"box": "hang", "times": 2})
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    lost = launch(settings, first)
    watch, outcome = lose(settings, first)
    assert outcome is WatchOutcome.INSTANCE_LOST
    assert is_replaceable(settings, watch, outcome)
    assert not is_being_replaced(settings, first)
    begin_replacement(settings, first, outcome)
    assert is_being_replaced(settings, first)
    successor = replace(settings, first)
    assert successor != lost
    assert not is_being_replaced(settings, first)
    earlier, later = rows_of(settings, first)
    assert (earlier.state, earlier.termination_reason) == (InstanceState.TERMINATED, TerminationReason.INSTANCE_LOST)
    assert later.deadline_at == earlier.deadline_at

    # The second loss is the validation's end, and still not the repository's fault.
    watch, outcome = lose(settings, first)
    assert not is_replaceable(settings, watch, outcome)
    assert wait_for_outcome(Watch(settings, first)) is WatchOutcome.INSTANCE_LOST
    assert conclude_validation(settings, first).conclusion.status is ValidationStatus.ERROR


def test_who_still_watches_a_replaced_instance_says_nothing_of_its_successor(
    settings: Settings, cloud: LocalCloudServer
) -> None:
    cloud.set_faults({"box": "hang", "times": 1})
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    launch(settings, first)
    stale, outcome = lose(settings, first)
    begin_replacement(settings, first, outcome)
    assert is_replaceable(settings, stale, outcome)  # where the answer to what began it was lost
    with pytest.raises(ConflictError, match="is being replaced"):
        finish_watched(settings, stale, WatchOutcome.COMMAND_FINISHED)
    replace(settings, first)

    stale.keep()
    assert not is_replaceable(settings, stale, outcome)
    with pytest.raises(ConflictError, match="is being replaced"):
        finish_watched(settings, stale, WatchOutcome.COMMAND_FINISHED)

    assert Watch(settings, first).validation.watch_outcome is None
    assert wait_for_outcome(Watch(settings, first)) is WatchOutcome.COMMAND_FINISHED


def test_a_replacement_that_was_cut_off_goes_on_where_it_was(settings: Settings, cloud: LocalCloudServer) -> None:
    cloud.set_faults({"box": "hang", "times": 1})
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    launch(settings, first)
    begin_replacement(settings, first, lose(settings, first)[1])
    cloud.set_faults({"api": "RunInstances", "code": "ServiceUnavailable", "times": 1})
    with pytest.raises(Exception, match="same token"):
        replace(settings, first)
    assert is_being_replaced(settings, first)
    replace(settings, first)
    assert wait_for_outcome(Watch(settings, first)) is WatchOutcome.COMMAND_FINISHED
    assert (
        conclude_validation(settings, first).conclusion.status is ValidationStatus.FAILED
    )  # there is no such repository
    assert len(rows_of(settings, first)) == 2


def test_an_agent_that_never_answers_is_tried_elsewhere(settings: Settings, cloud: LocalCloudServer) -> None:
    cloud.set_faults({"box": "no-agent", "times": 1})
    impatient = settings.model_copy(update={"online_timeout": timedelta(seconds=3)})
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    silent = launch(impatient, first)
    watch = Watch(impatient, first)
    while (outcome := watch.step()) is None:
        time.sleep(0.1)
    assert outcome is WatchOutcome.NEVER_ONLINE
    assert is_replaceable(impatient, watch, outcome)
    begin_replacement(impatient, first, outcome)
    assert replace(impatient, first) != silent
    # The silent one was alive: it is ended before its successor is launched.
    assert instances_of(settings, first)[0].instance_id != silent
    assert rows_of(settings, first)[0].state is InstanceState.TERMINATED


def test_after_a_spot_interruption_the_successor_is_on_demand(settings: Settings, cloud: LocalCloudServer) -> None:
    cloud.set_faults({"box": "hang", "times": 1}, {"box": "spot-interruption:2+1"})
    _, (first,) = insert_run(settings.writer_url, deployment=settings.deployment, config=SPOT_FIRST)
    launch(settings, first)
    watch = Watch(settings, first)
    deadline = time.monotonic() + ENDS_WITHIN.total_seconds()
    while (outcome := watch.step()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert outcome is WatchOutcome.SPOT_INTERRUPTED
    begin_replacement(settings, first, outcome)
    replace(settings, first)
    earlier, later = rows_of(settings, first)
    assert (earlier.market, earlier.termination_reason) == ("spot", TerminationReason.SPOT_INTERRUPTED)
    assert later.market == "on-demand"
    assert wait_for_outcome(Watch(settings, first)) is WatchOutcome.COMMAND_FINISHED


def test_what_was_ended_on_purpose_is_not_replaced(settings: Settings, cloud: LocalCloudServer) -> None:
    cloud.set_faults({"box": "hang", "times": 1})
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    launch(settings, first)
    with transaction(settings.writer_url) as connection:
        row = ledger.latest_of(connection, Owner.validation(first))
        assert row is not None
        ledger.intend_termination(connection, row.ledger_id, TerminationReason.OPERATOR_KILL)
    assert not is_replaceable(settings, *lose(settings, first))


def test_a_spot_warning_is_learnt_of_before_the_instance_goes(settings: Settings, cloud: LocalCloudServer) -> None:
    cloud.set_faults({"box": "hang", "times": 1})
    _, (first,) = insert_run(settings.writer_url, deployment=settings.deployment, config=SPOT_FIRST)
    instance_id = launch(settings, first)
    watch = Watch(settings, first)
    wait_for_command(watch)
    assert watch.step() is None
    key = notice_key_for(settings.deployment, NoticeKind.SPOT_WARNING, instance_id)
    storage.put(CloudAccess.of(settings), settings.bucket, key, b"{}")
    view = look_at_fleet(settings, [watch.watched])
    assert decide(watch.watched, view.observation_of(watch.watched)).outcome is WatchOutcome.SPOT_INTERRUPTED
    # The worker that the trigger wakes sees the same.
    assert watch.step() is WatchOutcome.SPOT_INTERRUPTED
