"""Signs of life: a command that never starts costs minutes and blames nobody; a sign that is late costs nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from uuid import UUID

import pytest

from janitor.domain.launch.owner import Owner
from janitor.domain.states import InstanceState, TerminationReason, ValidationStatus
from janitor.domain.watch.watching import Decision, Step, WatchOutcome
from janitor.orchestration.pollers.validations import BatchedPoller
from janitor.services.launch.replace import begin_replacement, is_replaceable
from janitor.services.result.record import record_validation
from janitor.services.watch.conclude import conclude_validation
from janitor.services.watch.fleet_view import look_at_fleet
from janitor.services.watch.signs import keep_signs
from janitor.services.watch.watch import Watch
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores.database import transaction
from janitor.stores.records import InstanceRecord
from janitor.stores.validations import get_validation
from tests.integration.services.test_launching import launch
from tests.integration.services.test_replacing import SPOT_FIRST, replace, rows_of
from tests.integration.services.test_watching import wait_for_command, wait_for_outcome
from tests.support.localcloud_server import LocalCloudServer
from tests.support.rows import insert_run

WITHIN = timedelta(seconds=300)
NO_SIGN = {"api": "PutObject", "path": "*.sign", "code": "AccessDenied"}
NO_VALIDATOR = {"api": "GetObject", "path": "*.pyz", "code": "ServiceUnavailable"}
"""The script lives, and goes on asking for the validator."""


@pytest.fixture(autouse=True)
def _no_faults_afterwards(cloud: LocalCloudServer) -> Iterator[None]:
    yield
    cloud.set_faults()


@pytest.fixture
def impatient(settings: Settings) -> Settings:
    return settings.model_copy(update={"sign_timeout": timedelta(seconds=2), "poll_interval": timedelta(seconds=0.3)})


def eventually(what: str, probe: Callable[[], object]) -> None:
    deadline = time.monotonic() + WITHIN.total_seconds()
    while not probe():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def latest(settings: Settings, validation_id: UUID) -> InstanceRecord:
    return rows_of(settings, validation_id)[-1]


def await_end(watch: Watch) -> WatchOutcome:
    deadline = time.monotonic() + WITHIN.total_seconds()
    while (outcome := watch.step()) is None:
        assert time.monotonic() < deadline, "the watch did not end"
        time.sleep(0.1)
    return outcome


def start(settings: Settings) -> tuple[UUID, Watch]:
    """A validation whose command was sent."""
    _, (first, *_) = insert_run(settings.writer_url, deployment=settings.deployment)
    launch(settings, first)
    watch = Watch(settings, first)
    wait_for_command(watch)
    return first, watch


@pytest.mark.parametrize("fault", ["no-start", "agent-death"])
def test_a_command_that_never_starts_is_tried_on_one_more_instance_and_blames_nobody(
    impatient: Settings, cloud: LocalCloudServer, fault: str
) -> None:
    cloud.set_faults({"fault": fault, "times": 2})
    first, watch = start(impatient)
    outcome = await_end(watch)
    assert outcome is WatchOutcome.NO_SIGN_OF_LIFE
    assert is_replaceable(impatient, watch, outcome)
    begin_replacement(impatient, first, outcome)
    replace(impatient, first)

    again = Watch(impatient, first)
    outcome = await_end(again)
    assert outcome is WatchOutcome.NO_SIGN_OF_LIFE
    assert not is_replaceable(impatient, again, outcome)
    again.keep()
    conclusion = record_validation(impatient, first)
    assert (conclusion.status, conclusion.reason_code) == (ValidationStatus.ERROR, "no_sign_of_life")
    earlier, later = rows_of(impatient, first)
    assert (earlier.state, earlier.termination_reason) == (InstanceState.TERMINATED, TerminationReason.NO_SIGN_OF_LIFE)
    assert later.deadline_at == earlier.deadline_at
    assert (earlier.first_sign_at, later.first_sign_at) == (None, None)
    with transaction(impatient.writer_url) as connection:
        (waste,) = connection.execute("select * from waste where ledger_id = %s", (earlier.ledger_id,)).fetchall()
    assert waste["unexplained_seconds"] == 0


def test_the_successor_of_a_silent_instance_decides(impatient: Settings, cloud: LocalCloudServer) -> None:
    cloud.set_faults({"fault": "no-start", "times": 1})
    first, watch = start(impatient)
    begin_replacement(impatient, first, await_end(watch))
    replace(impatient, first)
    assert wait_for_outcome(Watch(impatient, first)) is WatchOutcome.COMMAND_FINISHED
    assert record_validation(impatient, first).status is ValidationStatus.FAILED  # there is no such repository


def test_a_sign_that_was_seen_is_kept_and_not_asked_for_again(settings: Settings, cloud: LocalCloudServer) -> None:
    cloud.set_faults(NO_VALIDATOR)
    first, watch = start(settings)
    eventually("a sign", lambda: watch.step() is None and watch.watched.sign is None)
    assert latest(settings, first).first_sign_at is not None
    assert Watch(settings, first).watched.sign is None
    before = cloud.health()["calls_by_action"]["s3:ListObjectsV2"]
    for _ in range(3):
        watch.step()
    assert cloud.health()["calls_by_action"]["s3:ListObjectsV2"] == before


def test_a_sign_that_can_not_be_put_costs_nothing_where_the_log_shows_life(
    impatient: Settings, cloud: LocalCloudServer
) -> None:
    cloud.set_faults(NO_SIGN, {**NO_VALIDATOR, "for_seconds": 8})
    first, watch = start(impatient)
    due_at = watch.watched.sign.due_at if watch.watched.sign else None
    assert due_at is not None
    eventually("life in the log", lambda: watch.step() is None and watch.watched.sign is None)
    assert datetime.now(timezone.utc) >= due_at  # before that the log isn't asked
    assert wait_for_outcome(watch) is WatchOutcome.COMMAND_FINISHED
    assert record_validation(impatient, first).status is ValidationStatus.FAILED


@pytest.mark.parametrize(
    "blind",
    [
        {"api": "ListObjectsV2", "code": "AccessDenied"},
        {"api": "GetLogEvents", "code": "AccessDeniedException"},
    ],
)
def test_what_can_not_be_asked_is_not_absent(impatient: Settings, cloud: LocalCloudServer, blind: dict) -> None:
    cloud.set_faults({"fault": "no-start"})
    _, watch = start(impatient)
    cloud.set_faults(blind)
    sign = watch.watched.sign
    assert sign is not None
    while datetime.now(timezone.utc) < sign.due_at + timedelta(seconds=1):
        assert watch.step() is None
        view = look_at_fleet(impatient, [watch.watched])
        assert view.observation_of(watch.watched).shows_life is not True
        time.sleep(0.2)
    assert watch.step() is None
    cloud.set_faults()
    assert await_end(watch) is WatchOutcome.NO_SIGN_OF_LIFE


def test_aws_calls_grow_with_runs_and_not_with_instances(settings: Settings, cloud: LocalCloudServer) -> None:
    cloud.set_faults({"fault": "no-start"})
    _, both = insert_run(settings.writer_url, deployment=settings.deployment)
    watches = []
    for validation_id in both:
        launch(settings, validation_id)
        watches.append(Watch(settings, validation_id))
        wait_for_command(watches[-1])
    before = cloud.health()["calls_by_action"]
    view = look_at_fleet(settings, [watch.watched for watch in watches])
    after = cloud.health()["calls_by_action"]
    assert set(view.life.values()) == {False}
    assert len(view.life) == 2
    assert after["s3:ListObjectsV2"] - before.get("s3:ListObjectsV2", 0) == 1
    assert after.get("logs:GetLogEvents", 0) == before.get("logs:GetLogEvents", 0)  # nothing is due yet


def test_the_shared_poller_keeps_signs_and_stops_looking(impatient: Settings, cloud: LocalCloudServer) -> None:
    cloud.set_faults(NO_VALIDATOR)
    first, watch = start(impatient)
    watched = Watch(impatient, first).watched
    assert watched.sign is not None

    async def wait() -> Decision:
        waiting = asyncio.create_task(BatchedPoller(impatient).wait(watched))
        deadline = time.monotonic() + WITHIN.total_seconds()
        while latest(impatient, first).first_sign_at is None:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)
        await asyncio.sleep(1)
        before = cloud.health()["calls_by_action"]["s3:ListObjectsV2"]
        await asyncio.sleep(3)  # past the moment at which the sign was due
        assert cloud.health()["calls_by_action"]["s3:ListObjectsV2"] == before
        assert not waiting.done()
        cloud.set_faults()
        return await asyncio.wait_for(waiting, timeout=WITHIN.total_seconds())

    decision = asyncio.run(wait())
    assert (decision.step, decision.outcome) == (Step.FINISH, WatchOutcome.COMMAND_FINISHED)
    assert wait_for_outcome(watch) is WatchOutcome.COMMAND_FINISHED


def test_the_shared_poller_ends_the_wait_for_a_silent_one(impatient: Settings, cloud: LocalCloudServer) -> None:
    cloud.set_faults({"fault": "no-start"})
    _, watch = start(impatient)
    decision = asyncio.run(asyncio.wait_for(BatchedPoller(impatient).wait(watch.watched), WITHIN.total_seconds()))
    assert decision.outcome is WatchOutcome.NO_SIGN_OF_LIFE


def _end_its_time(settings: Settings, validation_id: UUID, worked_for: timedelta) -> None:
    """The hard limit and the grace pass; its work began so long before the limit."""
    with transaction(settings.writer_url) as connection:
        connection.execute(
            "update instances set deadline_at = now() - interval '1 hour',"
            " command_started_at = now() - interval '1 hour' - %s where validation_id = %s",
            (worked_for, validation_id),
        )


@pytest.mark.parametrize(
    ("faults", "share", "status", "reason"),
    [
        ([{"fault": "no-start"}], 1, ValidationStatus.ERROR, "no_sign_of_life"),
        # It lived, though nobody had looked until now.
        ([NO_VALIDATOR], 0.6, ValidationStatus.TIMED_OUT, "deadline"),
        # Its boot, an instance before it or an outage took the time.
        ([NO_VALIDATOR], 0.4, ValidationStatus.ERROR, "began_late"),
    ],
)
def test_at_the_limit_it_is_looked_a_last_time_whether_it_ever_lived_and_had_its_time(
    settings: Settings, cloud: LocalCloudServer, faults: list[dict], share: float, status: ValidationStatus, reason: str
) -> None:
    cloud.set_faults(*faults)
    first, watch = start(settings)
    sign = watch.watched.sign
    assert sign is not None
    if faults == [NO_VALIDATOR]:
        eventually("a sign", lambda: look_at_fleet(settings, [watch.watched]).life[watch.watched.instance_id])
        assert latest(settings, first).first_sign_at is None
    with transaction(settings.writer_url) as connection:
        limit = get_validation(connection, first).timeout
    _end_its_time(settings, first, share * limit)
    cloud.set_faults(*faults, {"api": "ListObjectsV2", "code": "AccessDenied"})
    assert wait_for_outcome(Watch(settings, first)) is WatchOutcome.TIME_UP
    cloud.set_faults(*faults)
    conclusion = conclude_validation(settings, first).conclusion
    assert (conclusion.status, conclusion.reason_code, conclusion.timeout_enforced) == (status, reason, True)


def test_a_spot_interruption_while_the_sign_is_late_is_a_spot_interruption(
    impatient: Settings, cloud: LocalCloudServer
) -> None:
    cloud.set_faults({"fault": "no-start", "times": 1})
    _, (first,) = insert_run(impatient.writer_url, deployment=impatient.deployment, config=SPOT_FIRST)
    launch(impatient, first)
    watch = Watch(impatient, first)
    wait_for_command(watch)
    cloud.set_faults({"api": "ListObjectsV2", "code": "AccessDenied"}, {"lag": "DescribeInstances", "seconds": 2})
    cloud.interrupt(watch.watched.instance_id, warning_seconds=0.5)
    time.sleep(impatient.sign_timeout.total_seconds())
    assert await_end(watch) is WatchOutcome.SPOT_INTERRUPTED
    begin_replacement(impatient, first, WatchOutcome.SPOT_INTERRUPTED)
    cloud.set_faults()
    replace(impatient, first)
    assert wait_for_outcome(Watch(impatient, first)) is WatchOutcome.COMMAND_FINISHED


def test_signs_are_kept_once(settings: Settings, cloud: LocalCloudServer) -> None:
    cloud.set_faults(NO_VALIDATOR)
    first, _ = start(settings)
    instance_id = latest(settings, first).instance_id
    assert instance_id is not None
    keep_signs(settings, [instance_id, "i-of-nobody"])
    kept = latest(settings, first).first_sign_at
    keep_signs(settings, [instance_id])
    assert kept is not None
    with transaction(settings.writer_url) as connection:
        again = ledger.latest_of(connection, Owner.validation(first))
    assert again is not None
    assert again.first_sign_at == kept
