"""The external timer: set, moved, taken away, and set again where it is missing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from janitor.domain.deadlines import external_timer_at
from janitor.domain.errors import CloudError
from janitor.domain.identity import external_timer_name_for
from janitor.services.ending.external_timer import (
    arm_external_timer,
    disarm_external_timer,
    move_external_timer,
    unarmed,
)
from janitor.settings import Settings
from janitor.stores.records import InstanceRecord
from tests.support.killers import Fleet, Killer, short_lived
from tests.support.localcloud_server import LocalCloudServer

INSTANCE_ID = "i-0123456789abcdef0"


def schedule_of(fleet: Fleet, instance_id: str = INSTANCE_ID) -> dict[str, Any]:
    return fleet.access.client("scheduler").get_schedule(
        GroupName=fleet.settings.schedule_group,
        Name=external_timer_name_for(fleet.settings.deployment, instance_id),
    )


def timers(fleet: Fleet) -> list[str]:
    prefix = external_timer_name_for(fleet.settings.deployment, "")
    listed = fleet.access.client("scheduler").list_schedules(GroupName=fleet.settings.schedule_group, NamePrefix=prefix)
    return [schedule["Name"].removeprefix(prefix) for schedule in listed["Schedules"]]


def in_an_hour() -> datetime:
    return datetime.now(timezone.utc) + timedelta(hours=1)


def test_it_ends_one_instance_once_and_goes(fleet: Fleet) -> None:
    expires = in_an_hour()
    assert arm_external_timer(fleet.settings, INSTANCE_ID, expires)
    found = schedule_of(fleet)
    at = external_timer_at(expires, fleet.settings.reap_interval)
    told = datetime.strptime(found["ScheduleExpression"], "at(%Y-%m-%dT%H:%M:%S)").replace(tzinfo=timezone.utc)
    assert timedelta(0) <= told - at < timedelta(seconds=1), "an instant is rounded up: never before its time"
    assert found["ScheduleExpressionTimezone"] == "UTC"
    assert found["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert found["ActionAfterCompletion"] == "DELETE"
    assert found["Target"] == {
        "Arn": "arn:aws:scheduler:::aws-sdk:ec2:terminateInstances",
        "RoleArn": fleet.settings.scheduler_role_arn,
        "Input": f'{{"InstanceIds": ["{INSTANCE_ID}"]}}',
        "RetryPolicy": {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86_400},
    }


def test_setting_it_again_moves_it(fleet: Fleet) -> None:
    arm_external_timer(fleet.settings, INSTANCE_ID, in_an_hour())
    before = schedule_of(fleet)
    assert move_external_timer(fleet.settings, INSTANCE_ID, in_an_hour() + timedelta(hours=1))
    after = schedule_of(fleet)
    assert after["ScheduleExpression"] > before["ScheduleExpression"]
    assert (after["Target"], after["ActionAfterCompletion"]) == (before["Target"], "DELETE")
    assert timers(fleet) == [INSTANCE_ID]


def test_taking_it_away_twice_is_fine(fleet: Fleet) -> None:
    arm_external_timer(fleet.settings, INSTANCE_ID, in_an_hour())
    assert disarm_external_timer(fleet.settings, INSTANCE_ID)
    assert disarm_external_timer(fleet.settings, INSTANCE_ID)
    assert timers(fleet) == []


def test_an_environment_without_it_calls_nothing(fleet: Fleet) -> None:
    nowhere = fleet.settings.model_copy(update={"schedule_group": None, "aws_endpoint_url": "http://127.0.0.1:9"})
    record = fleet.launch()
    assert not arm_external_timer(nowhere, INSTANCE_ID, in_an_hour())
    assert not disarm_external_timer(nowhere, INSTANCE_ID)
    assert unarmed(nowhere, [record]) == []


def test_a_launch_arms_it_and_a_missing_one_is_found(fleet: Fleet) -> None:
    record = fleet.launch()
    assert record.instance_id is not None
    assert timers(fleet) == [record.instance_id]
    assert unarmed(fleet.settings, [record]) == []
    disarm_external_timer(fleet.settings, record.instance_id)
    assert unarmed(fleet.settings, [record]) == [record]
    assert unarmed(fleet.settings, [replace(record, instance_id=None)]) == []


def test_one_that_a_lease_did_not_move_is_found(fleet: Fleet) -> None:
    record = fleet.launch()
    assert record.instance_id is not None
    kept = replace(record, keep_until=in_an_hour())
    assert unarmed(fleet.settings, [kept]) == [kept]
    move_external_timer(fleet.settings, record.instance_id, kept.may_live_until)
    assert unarmed(fleet.settings, [kept]) == []


def test_other_deployments_in_the_group_are_not_mistaken(fleet: Fleet) -> None:
    record = fleet.launch()
    other = fleet.settings.model_copy(update={"deployment": "another"})
    assert unarmed(other, [record]) == [record]


def test_more_than_a_page(fleet: Fleet) -> None:
    """100 schedules are a page."""
    record = fleet.launch()
    for number in range(105):
        arm_external_timer(fleet.settings, f"i-{number:017x}", in_an_hour())
    records = [replace(record, instance_id=f"i-{number:017x}") for number in range(106)]
    assert unarmed(fleet.settings, records) == records[105:]


def test_a_throttled_target_is_tried_again(killers_settings: Settings, killers_cloud: LocalCloudServer) -> None:
    def leave_only_the_timer(fleet: Fleet, record: InstanceRecord) -> None:
        fleet.leave_only(Killer.EXTERNAL_TIMER, record)
        killers_cloud.set_faults({"api": "TerminateInstances", "code": "RequestLimitExceeded", "times": 3})

    try:
        with short_lived(killers_settings, leave_only_the_timer) as (fleet, record, _):
            fleet.assert_gone_by(record)
            killers_cloud.set_faults()
    finally:
        killers_cloud.set_faults()


def test_a_missing_group_is_said(fleet: Fleet) -> None:
    settings = fleet.settings.model_copy(update={"schedule_group": "not-there"})
    with pytest.raises(CloudError, match="JANITOR_SCHEDULE_GROUP"):
        arm_external_timer(settings, INSTANCE_ID, in_an_hour())
    assert disarm_external_timer(settings, INSTANCE_ID)
