"""Launching survives every way of being cut off: one instance for one attempt, none forgotten."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from janitor.cloud import instances as ec2
from janitor.cloud.failures import launch_failure_of
from janitor.cloud.session import CloudAccess
from janitor.domain.errors import ConflictError, SettingsError
from janitor.domain.launching import LaunchVerdict
from janitor.domain.states import InstanceState, TerminationReason
from janitor.services import launch as launching
from janitor.services import terminate as terminating
from janitor.services.reconcile import observe_deployment
from janitor.services.record import record_validation
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores.database import transaction
from janitor.stores.records import InstanceRecord
from tests.support.localcloud_server import LocalCloudServer
from tests.support.rows import insert_run

VERIFY = timedelta(seconds=20)


def run_instances(settings: Settings, order: launching.LaunchOrder) -> str:
    """What the operator does with an order."""
    answer = (
        CloudAccess.of(settings)
        .launch_client()
        .run_instances(ImageId=order.image_id, MinCount=1, MaxCount=1, **order.parameters)
    )
    instance_id: str = answer["Instances"][0]["InstanceId"]
    return instance_id


def order(settings: Settings, validation_id: UUID) -> launching.LaunchOrder:
    taken = launching.order_launch(settings, validation_id)
    assert taken is not None
    return taken


def latest(settings: Settings, validation_id: UUID) -> InstanceRecord:
    with transaction(settings.writer_url) as connection:
        record = ledger.latest_of_validation(connection, validation_id)
    assert record is not None
    return record


def eventually(condition: Callable[[], bool], within: timedelta = VERIFY) -> None:
    deadline = time.monotonic() + within.total_seconds()
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass in time"
        time.sleep(0.1)


def test_killed_before_run_instances_the_next_try_uses_the_same_token(settings: Settings) -> None:
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    killed, again = order(settings, first), order(settings, first)
    assert again.record.client_token == killed.record.client_token
    assert again.adopted_instance_id is None


def test_killed_during_run_instances_the_next_try_adopts(settings: Settings) -> None:
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    instance_id = run_instances(settings, order(settings, first))  # its answer is lost
    assert order(settings, first).adopted_instance_id == instance_id


def test_calling_twice_with_one_order_launches_once(settings: Settings) -> None:
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    one, other = order(settings, first), order(settings, first)
    assert run_instances(settings, one) == run_instances(settings, other)
    assert len(ec2.find_by_validation(CloudAccess.of(settings), first)) == 1


def test_a_dead_instance_is_not_adopted(settings: Settings) -> None:
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    before = order(settings, first)
    instance_id = run_instances(settings, before)
    launching.keep_launched(settings, before.record, instance_id)
    ec2.terminate(CloudAccess.of(settings), [instance_id])
    eventually(lambda: not ec2.find_by_validation(CloudAccess.of(settings), first))
    after = order(settings, first)
    assert after.adopted_instance_id is None
    assert after.record.generation == before.record.generation + 1
    # The hard limit holds over the new launch.
    assert after.record.deadline_at == before.record.deadline_at


def test_places_are_held_until_ec2_says_terminated(settings: Settings) -> None:
    _, (first, second) = insert_run(settings.writer_url, deployment=settings.deployment, max_concurrent_instances=1)
    taken = order(settings, first)
    launching.keep_launched(settings, taken.record, run_instances(settings, taken))
    assert launching.order_launch(settings, second) is None
    ended, left = terminating.terminate_and_verify(
        settings, terminating.scope_of_validation(first), TerminationReason.FINISHED, timeout=VERIFY
    )
    assert (len(ended), left) == (1, [])
    assert launching.order_launch(settings, second) is not None


def test_an_instance_that_ends_by_itself_frees_its_place(settings: Settings) -> None:
    _, (first, second) = insert_run(settings.writer_url, deployment=settings.deployment, max_concurrent_instances=1)
    taken = order(settings, first)
    instance_id = run_instances(settings, taken)
    launching.keep_launched(settings, taken.record, instance_id)
    CloudAccess.of(settings).client("ec2").terminate_instances(InstanceIds=[instance_id])

    def freed() -> bool:
        observe_deployment(settings)
        return launching.order_launch(settings, second) is not None

    eventually(freed)
    assert latest(settings, first).termination_reason is TerminationReason.INSTANCE_LOST


@pytest.mark.parametrize(
    ("code", "verdict", "state"),
    [
        ("InsufficientInstanceCapacity", LaunchVerdict.TRY_AGAIN, InstanceState.NOT_LAUNCHED),
        ("VcpuLimitExceeded", LaunchVerdict.STOP, InstanceState.NOT_LAUNCHED),
        ("UnauthorizedOperation", LaunchVerdict.STOP, InstanceState.NOT_LAUNCHED),
    ],
)
def test_a_refusal_closes_the_intent_and_says_why(
    settings: Settings, cloud: LocalCloudServer, code: str, verdict: LaunchVerdict, state: InstanceState
) -> None:
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    taken = order(settings, first)
    cloud.set_faults({"api": "RunInstances", "code": code, "times": 1})
    with pytest.raises(Exception, match=code) as raised:
        run_instances(settings, taken)
    failure = launch_failure_of(raised.value)
    assert failure is not None
    assert failure.verdict is verdict
    launching.keep_refusal(settings, taken.record, failure)
    assert latest(settings, first).state is state
    # A new attempt is a new generation with a token of its own.
    assert order(settings, first).record.client_token != taken.record.client_token


def test_teardown_finds_an_instance_whose_id_nobody_kept(settings: Settings) -> None:
    run_id, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    instance_id = run_instances(settings, order(settings, first))
    ended, left = terminating.terminate_and_verify(
        settings, terminating.scope_of_run(run_id), TerminationReason.RUN_TEARDOWN, timeout=VERIFY
    )
    assert (ended, left) == ([instance_id], [])
    record = latest(settings, first)
    assert (record.instance_id, record.state) == (instance_id, InstanceState.TERMINATED)


def test_a_launch_template_may_name_the_image(settings: Settings) -> None:
    name = f"template-{settings.deployment}"
    CloudAccess.of(settings).client("ec2").create_launch_template(
        LaunchTemplateName=name,
        LaunchTemplateData={"ImageId": "ami-0123456789abcdef0", "MetadataOptions": {"HttpTokens": "required"}},
    )
    with_template = settings.model_copy(update={"image_id": None, "launch_template": name})
    _, (first, second) = insert_run(settings.writer_url, deployment=settings.deployment)
    instance_id = run_instances(with_template, order(with_template, first))
    described = CloudAccess.of(settings).client("ec2").describe_instances(InstanceIds=[instance_id])
    assert described["Reservations"][0]["Instances"][0]["ImageId"] == "ami-0123456789abcdef0"

    nothing = settings.model_copy(update={"image_id": None, "launch_template": None})
    with pytest.raises(SettingsError, match="JANITOR_IMAGE_ID or JANITOR_LAUNCH_TEMPLATE"):
        launching.order_launch(nothing, second)


def test_a_validation_that_has_ended_launches_nothing(settings: Settings) -> None:
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    record_validation(settings, first)
    with pytest.raises(ConflictError, match="has ended"):
        launching.order_launch(settings, first)
    with transaction(settings.writer_url) as connection:
        assert ledger.latest_of_validation(connection, first) is None
