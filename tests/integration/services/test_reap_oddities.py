"""The reaper among things that should not be: a ledger that is wrong, tags and notices that are forged, timers of the
dead, and ends that are seen late."""

from __future__ import annotations

import json
import multiprocessing
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from janitor.cloud import schedules
from janitor.cloud.session import CloudAccess
from janitor.domain.deadlines import external_timer_at
from janitor.domain.identity import external_timer_name_for, notice_key_for
from janitor.domain.states import InstanceOrigin, InstanceState, NoticeKind, ReapEvidence, TerminationReason
from janitor.services.ending.external_timer import arm_external_timer
from janitor.services.here import here
from janitor.services.ledger.reconcile import observe_deployment
from janitor.services.provider import provider_of
from janitor.services.reap.passes import reap_once
from janitor.services.result.record import record_validation
from janitor.settings import Settings
from janitor.stack.provision.killers import ensure_killers
from janitor.stores import ledger
from janitor.stores import reaping as store
from janitor.stores.database import transaction
from tests.integration.services.test_launching import eventually, latest, launch
from tests.integration.services.test_reap_passes import (
    INTERVAL,
    client,
    gone,
    launched,
    let_expire,
    put_notice,
    reap,
    row_of,
    second_pass,
    start_stranger,
)
from tests.support.instances import instances_of, instances_of_deployment
from tests.support.localcloud_server import LocalCloudServer
from tests.support.rows import insert_run

HOUR = timedelta(hours=1)


@pytest.fixture
def quick(settings: Settings) -> Settings:
    """A reaper that takes what EC2 shows as true at once."""
    ensure_killers(settings.model_copy(update={"reaper_function": None}))
    return settings.model_copy(
        update={"reap_interval": INTERVAL, "consistency": timedelta(milliseconds=1), "airflow_url": None}
    )


def timers(settings: Settings) -> set[str]:
    """Ids of the instances that have an external timer."""
    assert settings.schedule_group is not None
    prefix = external_timer_name_for(settings.deployment, "")
    names = schedules.armed_names(CloudAccess.of(settings), group=settings.schedule_group, prefix=prefix)
    return {name.removeprefix(prefix) for name in names}


def ec2_state(settings: Settings, instance_id: str) -> InstanceState | None:
    seen = provider_of(settings).describe(instance_id)
    return seen.state if seen else None


def run_sql(settings: Settings, statement: str, *values: object) -> list[dict[str, Any]]:
    with transaction(settings.writer_url) as connection:
        done = connection.execute(statement.encode(), values)
        return done.fetchall() if done.description else []


# A ledger that is wrong


def test_one_that_the_ledger_holds_for_ended_is_ended_though_its_validation_goes_on(quick: Settings) -> None:
    """EC2 did not show it for so long that its row was closed; then it came back."""
    first, instance_id = launched(quick)
    with transaction(quick.writer_url) as connection:
        ledger.observe_state(connection, latest(quick, first).ledger_id, InstanceState.TERMINATED, place=here(quick))
    successor = launch(quick, first)
    report = reap(quick)
    assert report.evidence == {instance_id: ReapEvidence.UNKNOWN_OWNER}
    assert second_pass(quick).terminated == (instance_id,)
    assert not gone(quick, successor)


def test_one_that_was_given_up_is_ended_though_nobody_came_to_do_it(quick: Settings) -> None:
    first, instance_id = launched(quick)
    with transaction(quick.writer_url) as connection:
        ledger.give_up(connection, latest(quick, first).ledger_id)
    assert reap(quick).marked == (instance_id,)
    assert second_pass(quick).terminated == (instance_id,)


def test_a_copy_of_an_instance_does_not_keep_its_row_alive(quick: Settings) -> None:
    """Somebody chose "launch more like this" in the console, which copies the tags."""
    first, instance_id = launched(quick)
    (seen,) = instances_of(quick, first)
    answer = client(quick).run_instances(
        ImageId="ami-0123456789abcdef0",
        InstanceType="g5.xlarge",
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in seen.tags.items()]}
        ],
    )
    copy = answer["Instances"][0]["InstanceId"]
    client(quick).terminate_instances(InstanceIds=[instance_id])
    eventually(lambda: ec2_state(quick, instance_id) is InstanceState.TERMINATED)
    observe_deployment(quick)
    assert latest(quick, first).state is InstanceState.TERMINATED
    eventually(lambda: reap(quick).marked == (copy,))
    assert second_pass(quick).terminated == (copy,)


# Tags and notices that are forged


def test_no_tag_stops_the_reaper(quick: Settings) -> None:
    values = ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-13-45", "²⁰²⁶", "Z"]
    first, healthy = launched(quick)
    odd = {
        start_stranger(quick, **{name: value}): (name, value)
        for name in ("expires", "keep-until", "deadline")
        for value in values
    }
    reap(quick)
    second_pass(quick)
    for instance_id, tag in odd.items():
        assert gone(quick, instance_id), tag
        assert row_of(quick, instance_id).origin is InstanceOrigin.ADOPTED, tag
    assert not gone(quick, healthy)
    assert latest(quick, first).state.is_live


@pytest.mark.parametrize(
    "changed",
    [
        {"reason": "a \x00 in it"},
        {"reason": "half a pair \ud800"},
        {"noticed_at": "0001-01-01T00:00:00+14:00"},
        {"expires_at": "9999-12-31T23:59:59-14:00"},
    ],
)
def test_a_notice_that_postgres_can_not_hold_costs_no_other(quick: Settings, changed: dict[str, str]) -> None:
    good = put_notice(quick, NoticeKind.TERMINATED, "i-00000000000000002")
    key = notice_key_for(quick.deployment, NoticeKind.TERMINATED, "i-00000000000000001")
    body = {
        "kind": "terminated",
        "deployment": quick.deployment,
        "instance_id": "i-00000000000000001",
        "noticed_at": datetime.now(timezone.utc).isoformat(),
        **changed,
    }
    CloudAccess.of(quick).client("s3").put_object(Bucket=quick.bucket, Key=key, Body=json.dumps(body).encode())
    report = reap(quick)
    assert (report.notices_taken, report.problems) == ((good,), ())


# Many, late and cut off


def test_more_than_a_page_is_seen_whole(quick: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("janitor.cloud.ec2.instances._PAGE_SIZE", 5)
    named = [{"Key": "janitor:deployment", "Value": quick.deployment}]
    answer = client(quick).run_instances(
        ImageId="ami-0123456789abcdef0",
        InstanceType="g4dn.xlarge",
        MinCount=12,
        MaxCount=12,
        TagSpecifications=[{"ResourceType": "instance", "Tags": named}],
    )
    ids = {one["InstanceId"] for one in answer["Instances"]}
    assert {one.instance_id for one in instances_of_deployment(quick)} == ids
    eventually(lambda: set(reap(quick).adopted) | {one for one in ids if is_in_ledger(quick, one)} == ids)
    second_pass(quick)
    eventually(lambda: all(gone(quick, one) for one in ids))


def test_one_that_ec2_does_not_show_yet_is_neither_ended_nor_launched_again(
    settings: Settings, cloud: LocalCloudServer, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(cloud.set_faults)
    patient = settings.model_copy(update={"consistency": timedelta(seconds=30), "airflow_url": None})
    cloud.set_faults({"lag": "DescribeInstances", "seconds": 6})
    _, (first, _) = insert_run(patient.writer_url, deployment=patient.deployment)
    instance_id = launch(patient, first)
    assert provider_of(patient).describe(instance_id) is None
    observe_deployment(patient)
    assert (reap(patient).looked_at, latest(patient, first).state) == (0, InstanceState.PENDING)
    assert launch(patient, first) == instance_id
    eventually(lambda: reap(patient).looked_at == 1)
    assert latest(patient, first).state.is_live


def test_a_pass_that_is_killed_leaves_its_marks_and_no_lock(quick: Settings) -> None:
    first, overdue = launched(quick)
    second, orphan = launched(quick)
    record_validation(quick, second)
    let_expire(quick, first)
    # The pass waits between its two looks when it is killed: the strike is kept, nothing is ended yet.
    killed = multiprocessing.get_context("spawn").Process(target=_one_slow_pass, args=(quick,))
    killed.start()
    try:
        eventually(lambda: orphan in marks(quick))
    finally:
        killed.kill()
        killed.join(120)
    assert not gone(quick, overdue)
    eventually(lambda: not reap(quick).busy)
    assert gone(quick, overdue)
    second_pass(quick)
    assert gone(quick, orphan)


def _one_slow_pass(settings: Settings) -> None:
    reap_once(settings, recheck_pause=timedelta(minutes=5))


def marks(settings: Settings) -> set[str]:
    with transaction(settings.writer_url) as connection:
        return set(store.marks_of(connection, settings.deployment))


def is_in_ledger(settings: Settings, instance_id: str) -> bool:
    return bool(run_sql(settings, "select from instances where instance_id = %s", instance_id))


# Timers of the dead


def test_the_timer_of_one_that_somebody_else_ended_goes(quick: Settings) -> None:
    _, ended = launched(quick)
    _, alive = launched(quick)
    assert timers(quick) == {ended, alive}
    client(quick).terminate_instances(InstanceIds=[ended])
    eventually(lambda: gone(quick, ended))

    def removed() -> bool:
        assert alive in timers(quick)
        return reap(quick).timers_removed == (ended,)

    eventually(removed)
    assert timers(quick) == {alive}
    assert reap(quick).timers_removed == ()


def test_the_timer_of_one_that_lives_stays_whatever_the_ledger_says(quick: Settings) -> None:
    first, instance_id = launched(quick)
    with transaction(quick.writer_url) as connection:
        ledger.observe_state(connection, latest(quick, first).ledger_id, InstanceState.TERMINATED, place=here(quick))
    assert reap(quick).timers_removed == ()
    assert timers(quick) == {instance_id}


def test_a_dry_run_says_which_timers_would_go(quick: Settings) -> None:
    arm_external_timer(quick, "i-00000000000000009", datetime.now(timezone.utc) + HOUR)
    assert reap(quick, dry_run=True).timers_removed == ("i-00000000000000009",)
    assert timers(quick) == {"i-00000000000000009"}
    assert reap(quick).timers_removed == ("i-00000000000000009",)
    assert timers(quick) == set()


# Ends that are seen late


def test_an_end_that_is_seen_late_keeps_its_reason_and_its_price(quick: Settings) -> None:
    """A person ended it in the console; whoever looks at it comes after its time."""
    _, (first, _) = insert_run(quick.writer_url, deployment=quick.deployment)
    instance_id = launch(quick, first)
    client(quick).terminate_instances(InstanceIds=[instance_id])
    eventually(lambda: ec2_state(quick, instance_id) is InstanceState.TERMINATED)
    ended_by = datetime.now(timezone.utc)
    expiry = datetime.now(timezone.utc) + timedelta(seconds=4)
    run_sql(quick, "update instances set expires_at = %s where instance_id = %s", expiry, instance_id)
    soon = quick.model_copy(update={"reap_interval": timedelta(seconds=2)})
    eventually(lambda: datetime.now(timezone.utc) > external_timer_at(expiry, soon.reap_interval))
    observe_deployment(soon)
    record = latest(quick, first)
    assert (record.state, record.termination_reason) == (InstanceState.TERMINATED, TerminationReason.INSTANCE_LOST)
    assert record.ended_at is not None
    assert record.launched_at is not None
    assert record.launched_at <= record.ended_at <= ended_by
    (bill,) = run_sql(quick, "select billed_seconds from instance_bills where instance_id = %s", instance_id)
    assert bill["billed_seconds"] == 60
