"""Launches that come late, or are carried on late: no instance that nobody counts, no limit that begins anew."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from botocore.exceptions import ClientError

from janitor.domain.errors import LaunchRefusedError
from janitor.domain.identity import TAG_EXPIRES
from janitor.domain.launch.owner import Owner
from janitor.domain.reap.reaping import instant_of
from janitor.domain.states import InstanceOrigin, InstanceState, PlacementResult, TerminationReason
from janitor.services.launch.advance import Launched, NotYet, advance_launch
from janitor.services.launch.orderer import ValidationOrderer
from janitor.services.ledger.reconcile import observe_deployment
from janitor.services.provider import provider_of
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores import validations as store
from janitor.stores.database import transaction
from janitor.stores.records import InstanceRecord
from tests.integration.services.test_launching import (
    Killed,
    eventually,
    latest,
    launch,
    launched_unheard,
    results,
    step,
)
from tests.support.instances import instances_of
from tests.support.localcloud_server import LocalCloudServer
from tests.support.rows import insert_run

LONG_AGO = timedelta(minutes=40)
"""Longer than the hard limit of thirty minutes."""


def let_time_pass(settings: Settings, validation_id: UUID, by: timedelta) -> None:
    """Make everything that is recorded of a validation's launch so much older."""
    with transaction(settings.writer_url) as connection:
        connection.execute(
            "update instances set intent_at = intent_at - %(by)s, deadline_at = deadline_at - %(by)s,"
            " expires_at = expires_at - %(by)s, launched_at = launched_at - %(by)s where validation_id = %(of)s",
            {"by": by, "of": validation_id},
        )
        connection.execute(
            "update repository_validations set deadline_at = deadline_at - %(by)s, launched_at = launched_at - %(by)s"
            " where validation_id = %(of)s",
            {"by": by, "of": validation_id},
        )
        connection.execute(
            "update placement_attempts set started_at = started_at - %(by)s where owner_id = %(of)s",
            {"by": by, "of": validation_id},
        )


def killed_before(parameters: Mapping[str, Any]) -> str:
    raise Killed


def rows_of(settings: Settings, validation_id: UUID) -> list[InstanceRecord]:
    with transaction(settings.writer_url) as connection:
        return ledger.generations_of(connection, Owner.validation(validation_id))


def adopted_rows(settings: Settings) -> list[InstanceRecord]:
    with transaction(settings.writer_url) as connection:
        live = ledger.live_of_deployment(connection, settings.deployment)
    return [row for row in live if row.origin is InstanceOrigin.ADOPTED]


def test_an_intent_that_nobody_carried_out_in_time_is_not_launched_with_its_old_limit(settings: Settings) -> None:
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    with pytest.raises(Killed):
        advance_launch(settings, ValidationOrderer(first), killed_before)
    let_time_pass(settings, first, timedelta(minutes=10))
    instance_id = launch(settings, first)
    stale, fresh = rows_of(settings, first)
    assert (stale.state, stale.instance_id) == (InstanceState.NOT_LAUNCHED, None)
    assert (fresh.instance_id, fresh.deadline_at - fresh.intent_at) == (instance_id, timedelta(minutes=30))
    (seen,) = instances_of(settings, first)
    assert instant_of(seen.tags, TAG_EXPIRES) == fresh.expires_at > datetime.now(timezone.utc)


def test_a_fresh_intent_is_still_carried_out_with_its_own_token(settings: Settings) -> None:
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    with pytest.raises(Killed):
        advance_launch(settings, ValidationOrderer(first), killed_before)
    let_time_pass(settings, first, timedelta(seconds=30))
    launch(settings, first)
    assert [row.generation for row in rows_of(settings, first)] == [1]


def test_an_answer_that_comes_after_its_intent_was_closed_leaves_no_instance(settings: Settings) -> None:
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    late: list[str] = []

    def slow(parameters: Mapping[str, Any]) -> str:
        # The machine slept between intent and call; meanwhile the reaper closed the intent.
        let_time_pass(settings, first, timedelta(minutes=10))
        observe_deployment(settings)
        assert latest(settings, first).state is InstanceState.NOT_LAUNCHED
        late.append(provider_of(settings).launch(parameters))
        return late[0]

    assert isinstance(advance_launch(settings, ValidationOrderer(first), slow), NotYet)
    (row,) = adopted_rows(settings)
    assert (row.instance_id, row.termination_reason) == (late[0], TerminationReason.LAUNCH_FAILED)
    # It holds its place until EC2 says so, and the search goes on.
    eventually(lambda: late[0] not in {one.instance_id for one in instances_of(settings, first)})
    assert launch(settings, first) != late[0]
    observe_deployment(settings)
    assert adopted_rows(settings) == []
    assert [one.instance_id for one in instances_of(settings, first)] == [latest(settings, first).instance_id]


def test_two_tasks_of_which_one_is_refused_do_not_launch_twice(settings: Settings) -> None:
    """Both carry out one intent: one hears that there is no capacity, the other gets it with the same token."""
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    refused, go_on = threading.Event(), threading.Event()

    def no_capacity(parameters: Mapping[str, Any]) -> str:
        assert go_on.wait(120)
        error = {"Error": {"Code": "InsufficientInstanceCapacity", "Message": "none"}}
        raise ClientError(error, "RunInstances")  # type: ignore[arg-type]  # named by the caller

    def gets_one(parameters: Mapping[str, Any]) -> str:
        go_on.set()
        assert refused.wait(120)
        return provider_of(settings).launch(parameters)

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(advance_launch, settings, ValidationOrderer(first), no_capacity)
        eventually(lambda: bool(rows_of(settings, first)))
        other = pool.submit(advance_launch, settings, ValidationOrderer(first), gets_one)
        assert isinstance(one.result(300), NotYet)
        refused.set()
        assert isinstance(other.result(300), NotYet)
    (late,) = adopted_rows(settings)
    assert late.instance_id is not None
    eventually(lambda: instances_of(settings, first) == [])
    assert [result for _, _, result in results(settings, first)] == [PlacementResult.CAPACITY]


def test_two_tasks_at_once_launch_once(settings: Settings) -> None:
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    with ThreadPoolExecutor(8) as pool:
        steps = list(pool.map(lambda _: step(settings, first), range(8)))
    assert len({one.instance_id for one in steps if isinstance(one, Launched)}) == 1
    assert all(isinstance(one, Launched) for one in steps)
    assert len(instances_of(settings, first)) == 1
    assert len(rows_of(settings, first)) == 1


def test_an_answer_after_the_client_s_patience_is_adopted(settings: Settings, cloud: LocalCloudServer) -> None:
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    cloud.set_faults({"api": "RunInstances", "drop": True, "when": "after", "times": 1})
    try:
        with pytest.raises(Exception, match="same token"):
            step(settings, first)
    finally:
        cloud.set_faults()
    (seen,) = instances_of(settings, first)
    assert step(settings, first) == Launched(instance_id=seen.instance_id, adopted=True)


@pytest.mark.parametrize("code", ["IdempotentParameterMismatch", "IdempotentInstanceTerminated"])
def test_a_token_that_was_used_before_is_looked_into_and_then_given_up(
    settings: Settings, cloud: LocalCloudServer, code: str
) -> None:
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    cloud.set_faults({"api": "RunInstances", "code": code, "times": 1})
    try:
        with pytest.raises(Exception, match=code):
            step(settings, first)
    finally:
        cloud.set_faults()
    assert latest(settings, first).state is InstanceState.INTENT
    let_time_pass(settings, first, timedelta(minutes=10))
    launch(settings, first)
    assert [row.state.is_live for row in rows_of(settings, first)] == [False, True]


def test_the_limit_holds_though_only_the_reaper_saw_the_first_instance(settings: Settings) -> None:
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    instance_id = launched_unheard(settings, first)
    observe_deployment(settings)  # as the reaper does, long before the task is run again
    limit = latest(settings, first).deadline_at
    provider_of(settings).terminate([instance_id])

    def ended() -> bool:
        observe_deployment(settings)
        return not latest(settings, first).state.is_live

    eventually(ended)
    time.sleep(0.01)
    launch(settings, first)
    earlier, later = rows_of(settings, first)
    assert (earlier.instance_id, later.generation) == (instance_id, 2)
    assert later.deadline_at == limit


def test_nothing_is_launched_after_the_limit_of_an_instance_that_only_the_reaper_saw(settings: Settings) -> None:
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    instance_id = launched_unheard(settings, first)
    provider_of(settings).terminate([instance_id])
    eventually(lambda: not instances_of(settings, first))
    let_time_pass(settings, first, LONG_AGO)
    observe_deployment(settings)
    assert latest(settings, first).instance_id == instance_id
    with pytest.raises(LaunchRefusedError, match="hard limit"):
        step(settings, first)


def test_what_an_earlier_attempt_met_is_not_the_reason_of_a_launched_one(
    settings: Settings, cloud: LocalCloudServer
) -> None:
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    cloud.set_faults({"api": "RunInstances", "code": "RequestLimitExceeded", "times": 1})
    try:
        launch(settings, first)
    finally:
        cloud.set_faults()
    with transaction(settings.writer_url) as connection:
        validation = store.get_validation(connection, first)
    assert (validation.status_reason_code, validation.status_summary) == (None, None)
