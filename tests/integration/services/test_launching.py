"""Launching survives every way of being cut off: one instance for one attempt, none forgotten."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest

from janitor.cloud.session import CloudAccess
from janitor.domain.errors import CloudError, ConflictError, LaunchRefusedError, SettingsError
from janitor.domain.launch.breaker import EVERYTHING
from janitor.domain.launch.owner import Owner
from janitor.domain.states import InstanceState, PlacementResult, TerminationReason
from janitor.services.ending import terminate as terminating
from janitor.services.launch import breaker as launch_breaker
from janitor.services.launch.advance import Launched, LaunchStep, NoPlace, NotYet, advance_launch
from janitor.services.launch.orderer import ValidationOrderer
from janitor.services.ledger.reconcile import observe_deployment
from janitor.services.provider import provider_of
from janitor.services.result.record import record_validation
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores import placement as attempts
from janitor.stores.database import transaction
from janitor.stores.records import InstanceRecord
from tests.support.instances import instances_of
from tests.support.localcloud_server import LocalCloudServer
from tests.support.rows import insert_run

VERIFY = timedelta(seconds=20)


class Killed(BaseException):
    """Stands for SIGKILL: nothing of the caller runs after it."""


def launched_unheard(settings: Settings, validation_id: UUID) -> str:
    """An instance whose task is killed between EC2's answer and its keeping; returns its id."""
    launched: list[str] = []

    def killed_after(parameters: Mapping[str, Any]) -> str:
        launched.append(provider_of(settings).launch(parameters))
        raise Killed

    with pytest.raises(Killed):
        advance_launch(settings, ValidationOrderer(validation_id), killed_after)
    return launched[0]


def step(settings: Settings, validation_id: UUID) -> LaunchStep:
    """One step, as a task takes it."""
    return advance_launch(settings, ValidationOrderer(validation_id))


def launch(settings: Settings, validation_id: UUID) -> str:
    """Step until there is an instance."""
    deadline = time.monotonic() + VERIFY.total_seconds()
    while True:
        taken = step(settings, validation_id)
        if isinstance(taken, Launched):
            return taken.instance_id
        assert time.monotonic() < deadline, taken
        time.sleep(0.05)


def latest(settings: Settings, validation_id: UUID) -> InstanceRecord:
    with transaction(settings.writer_url) as connection:
        record = ledger.latest_of(connection, Owner.validation(validation_id))
    assert record is not None
    return record


def results(settings: Settings, validation_id: UUID) -> list[tuple[str, str, PlacementResult]]:
    with transaction(settings.writer_url) as connection:
        return [
            (one.candidate.instance_type, one.candidate.market.value, one.result)
            for one in attempts.attempts_of(connection, Owner.validation(validation_id))
        ]


def eventually(condition: Callable[[], bool], within: timedelta = VERIFY) -> None:
    deadline = time.monotonic() + within.total_seconds()
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass in time"
        time.sleep(0.1)


@pytest.fixture
def faults(cloud: LocalCloudServer) -> Iterator[Callable[..., None]]:
    """Sets faults; they end with the test."""
    yield cloud.set_faults
    cloud.set_faults()


def test_killed_before_run_instances_the_next_try_uses_the_same_token(settings: Settings) -> None:
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    tokens = []

    def killed(parameters: Mapping[str, Any]) -> str:
        tokens.append(dict(parameters))
        raise Killed

    for _ in range(2):
        with pytest.raises(Killed):
            advance_launch(settings, ValidationOrderer(first), killed)
    assert tokens[0] == tokens[1]
    assert latest(settings, first).state is InstanceState.INTENT
    launch(settings, first)
    assert len(instances_of(settings, first)) == 1


def test_killed_during_run_instances_the_next_try_adopts(settings: Settings) -> None:
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    instance_id = launched_unheard(settings, first)
    assert step(settings, first) == Launched(instance_id=instance_id, adopted=True)
    assert results(settings, first) == [("g5.xlarge", "on-demand", PlacementResult.LAUNCHED)]


def test_the_same_token_and_parameters_launch_once(settings: Settings) -> None:
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)

    def twice(parameters: Mapping[str, Any]) -> str:
        assert provider_of(settings).launch(parameters) == provider_of(settings).launch(parameters)
        return provider_of(settings).launch(parameters)

    advance_launch(settings, ValidationOrderer(first), twice)
    assert len(instances_of(settings, first)) == 1


def test_a_dead_instance_is_not_adopted(settings: Settings) -> None:
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    before = launch(settings, first)
    earlier = latest(settings, first)
    provider_of(settings).terminate([before])
    eventually(lambda: not instances_of(settings, first))
    assert launch(settings, first) != before
    after = latest(settings, first)
    assert after.generation == earlier.generation + 1
    # The hard limit holds over the new launch.
    assert after.deadline_at == earlier.deadline_at


def test_places_are_held_until_ec2_says_terminated(settings: Settings) -> None:
    _, (first, second) = insert_run(settings.writer_url, deployment=settings.deployment, max_concurrent_instances=1)
    launch(settings, first)
    assert step(settings, second) == NoPlace(limit=1)
    ending = terminating.end_scope(
        settings, terminating.scope_of(Owner.validation(first)), TerminationReason.FINISHED, timeout=VERIFY
    )
    assert (len(ending.terminated), ending.left) == (1, ())
    launch(settings, second)


def test_an_instance_that_ends_by_itself_frees_its_place(settings: Settings) -> None:
    _, (first, second) = insert_run(settings.writer_url, deployment=settings.deployment, max_concurrent_instances=1)
    instance_id = launch(settings, first)
    CloudAccess.of(settings).client("ec2").terminate_instances(InstanceIds=[instance_id])

    def freed() -> bool:
        observe_deployment(settings)
        return isinstance(step(settings, second), Launched)

    eventually(freed)
    assert latest(settings, first).termination_reason is TerminationReason.INSTANCE_LOST


@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("VcpuLimitExceeded", PlacementResult.QUOTA),
        ("UnauthorizedOperation", PlacementResult.PERMISSION),
        ("InvalidSubnetID.NotFound", PlacementResult.CONFIG),
    ],
)
def test_a_refusal_for_good_stops_and_says_what_to_do(
    settings: Settings, faults: Callable[..., None], code: str, result: PlacementResult
) -> None:
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    faults({"api": "RunInstances", "code": code, "times": 1})
    with pytest.raises(LaunchRefusedError, match=r"quota|policy|settings") as raised:
        step(settings, first)
    assert raised.value.reason_code in ("quota", "permission", "launch_config")
    assert latest(settings, first).state is InstanceState.NOT_LAUNCHED
    assert results(settings, first) == [("g5.xlarge", "on-demand", result)]
    with transaction(settings.writer_url) as connection:
        kept = connection.execute("select aws_code from placement_attempts where owner_id = %s", (first,))
        assert [row["aws_code"] for row in kept] == [code]


CANDIDATES = """
default_market: spot-then-on-demand
default_instance_type: g5.xlarge
fallback_instance_types: [g6.xlarge]
repositories:
  - {name: worker-a, organization: acme, prompt: look at it, url: "file:///does-not-exist/worker-a"}
"""


def test_capacity_and_price_go_on_to_the_next_candidate_each_with_its_own_token(
    settings: Settings, faults: Callable[..., None]
) -> None:
    _, (first,) = insert_run(settings.writer_url, deployment=settings.deployment, config=CANDIDATES)
    faults(
        {"api": "RunInstances", "code": "InsufficientInstanceCapacity", "times": 1},
        {"api": "RunInstances", "code": "SpotMaxPriceTooLow", "times": 1},
        {"api": "RunInstances", "code": "InsufficientInstanceCapacity", "times": 1},
    )
    launch(settings, first)
    assert results(settings, first) == [
        ("g5.xlarge", "spot", PlacementResult.CAPACITY),
        ("g6.xlarge", "spot", PlacementResult.PRICE),
        ("g5.xlarge", "on-demand", PlacementResult.CAPACITY),
        ("g6.xlarge", "on-demand", PlacementResult.LAUNCHED),
    ]
    with transaction(settings.writer_url) as connection:
        rows = ledger.generations_of(connection, Owner.validation(first))
    assert len({row.client_token for row in rows}) == 4
    assert [row.state.is_live for row in rows] == [False, False, False, True]
    # What launched nothing costs no time: the limit counts from the launch.
    assert rows[-1].deadline_at - rows[-1].intent_at == timedelta(minutes=30)


def test_a_market_is_asked_for_as_configured(settings: Settings) -> None:
    _, (first,) = insert_run(settings.writer_url, deployment=settings.deployment, config=CANDIDATES)
    launch(settings, first)
    assert [one.is_spot for one in instances_of(settings, first)] == [True]


def test_without_capacity_anywhere_the_launch_pauses_before_the_next_round(
    settings: Settings, faults: Callable[..., None]
) -> None:
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    faults({"api": "RunInstances", "code": "InsufficientInstanceCapacity"})
    assert isinstance(step(settings, first), NotYet)
    paused = step(settings, first)
    assert isinstance(paused, NotYet)
    assert timedelta(seconds=20) < paused.until - datetime.now(timezone.utc) <= timedelta(seconds=30)
    assert len(results(settings, first)) == 1


def test_a_throttled_launch_is_put_off_and_not_given_up(settings: Settings, faults: Callable[..., None]) -> None:
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    faults({"api": "RunInstances", "code": "RequestLimitExceeded", "times": 2})
    launch(settings, first)
    assert [result for _, _, result in results(settings, first)] == [
        PlacementResult.THROTTLED,
        PlacementResult.THROTTLED,
        PlacementResult.LAUNCHED,
    ]


def test_no_answer_keeps_the_attempt_open(settings: Settings, faults: Callable[..., None]) -> None:
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    faults({"api": "RunInstances", "code": "ServiceUnavailable", "times": 1})
    with pytest.raises(CloudError, match="same token"):
        step(settings, first)
    assert latest(settings, first).state is InstanceState.INTENT
    launch(settings, first)
    assert [result for _, _, result in results(settings, first)] == [PlacementResult.LAUNCHED]


def test_repeated_failures_pause_the_launches_of_a_repository_and_then_of_all(
    settings: Settings, faults: Callable[..., None]
) -> None:
    careful = settings.model_copy(update={"breaker_repository_failures": 2, "breaker_deployment_failures": 3})
    faults({"api": "RunInstances", "code": "VcpuLimitExceeded", "times": 3})

    def refused(index: int) -> str:
        _, validations = insert_run(settings.writer_url, deployment=settings.deployment)
        with pytest.raises(LaunchRefusedError) as raised:
            step(careful, validations[index])
        return raised.value.reason_code

    assert [refused(0), refused(0), refused(0)] == ["quota", "quota", "launch_breaker"]
    assert [refused(1), refused(1)] == ["quota", "launch_breaker"]
    states = {one.scope: one.failures_in_a_row for one in launch_breaker.state(careful)}
    assert states == {EVERYTHING: 3, "acme/worker-a": 2, "acme/worker-b": 1}

    launch_breaker.close(careful, EVERYTHING, "a test")
    assert launch_breaker.state(careful) == ()
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    launch(careful, first)


def test_after_the_pause_one_trial_launch_goes_first(settings: Settings, faults: Callable[..., None]) -> None:
    careful = settings.model_copy(update={"breaker_deployment_failures": 1, "breaker_pause": timedelta(seconds=5)})
    faults({"api": "RunInstances", "code": "VcpuLimitExceeded", "times": 1})
    _, (first, second) = insert_run(settings.writer_url, deployment=settings.deployment)
    with pytest.raises(LaunchRefusedError):
        step(careful, first)
    with pytest.raises(LaunchRefusedError, match="launches pause until"):
        step(careful, second)
    time.sleep(5)
    _, (trial, waiting) = insert_run(settings.writer_url, deployment=settings.deployment)
    launch(careful, trial)
    assert isinstance(step(careful, waiting), NotYet)


def test_teardown_finds_an_instance_whose_id_nobody_kept(settings: Settings) -> None:
    run_id, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    instance_id = launched_unheard(settings, first)
    ending = terminating.end_scope(
        settings, terminating.scope_of_run(run_id), TerminationReason.RUN_TEARDOWN, timeout=VERIFY
    )
    assert (ending.terminated, ending.left) == ((instance_id,), ())
    record = latest(settings, first)
    assert (record.instance_id, record.state) == (instance_id, InstanceState.TERMINATED)


def test_terminating_goes_on_while_aws_refuses(settings: Settings, faults: Callable[..., None]) -> None:
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    launch(settings, first)
    faults({"api": "TerminateInstances", "code": "InternalError", "times": 7})
    ending = terminating.end_scope(
        settings, terminating.scope_of(Owner.validation(first)), TerminationReason.FINISHED, timeout=VERIFY * 3
    )
    assert (len(ending.terminated), ending.left) == (1, ())


def test_a_launch_template_may_name_the_image(settings: Settings) -> None:
    name = f"template-{settings.deployment}"
    CloudAccess.of(settings).client("ec2").create_launch_template(
        LaunchTemplateName=name,
        LaunchTemplateData={"ImageId": "ami-0123456789abcdef0", "MetadataOptions": {"HttpTokens": "required"}},
    )
    with_template = settings.model_copy(update={"image_id": None, "launch_template": name})
    _, (first, second) = insert_run(settings.writer_url, deployment=settings.deployment)
    instance_id = launch(with_template, first)
    described = CloudAccess.of(settings).client("ec2").describe_instances(InstanceIds=[instance_id])
    assert described["Reservations"][0]["Instances"][0]["ImageId"] == "ami-0123456789abcdef0"

    nothing = settings.model_copy(update={"image_id": None, "launch_template": None})
    with pytest.raises(SettingsError, match="JANITOR_IMAGE_ID or JANITOR_LAUNCH_TEMPLATE"):
        step(nothing, second)


def test_a_validation_that_has_ended_launches_nothing(settings: Settings) -> None:
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    record_validation(settings, first)
    with pytest.raises(ConflictError, match="has ended"):
        step(settings, first)
    with transaction(settings.writer_url) as connection:
        assert ledger.latest_of(connection, Owner.validation(first)) is None


def test_an_instance_that_came_and_went_before_its_id_was_kept_is_in_the_ledger(settings: Settings) -> None:
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    instance_id = launched_unheard(settings, first)
    provider_of(settings).terminate([instance_id])
    eventually(lambda: not instances_of(settings, first))
    observe_deployment(settings)
    assert latest(settings, first).state is InstanceState.INTENT  # the call could still be under way
    with transaction(settings.writer_url) as connection:
        connection.execute(
            "update instances set intent_at = intent_at - interval '10 minutes' where validation_id = %s", (first,)
        )
    observe_deployment(settings)
    record = latest(settings, first)
    assert (record.instance_id, record.state) == (instance_id, InstanceState.TERMINATED)


def test_who_ended_an_instance_whose_id_nobody_kept_is_known(settings: Settings) -> None:
    run_id, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    launched_unheard(settings, first)
    terminating.end_scope(settings, terminating.scope_of_run(run_id), TerminationReason.RUN_TEARDOWN, timeout=VERIFY)
    assert latest(settings, first).termination_reason is TerminationReason.RUN_TEARDOWN
