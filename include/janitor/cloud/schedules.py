"""EventBridge Scheduler: one-shot schedules that terminate an instance, each by its own name in one group.

A schedule calls ec2:TerminateInstances itself, so it works without anything of ours. It may fire up to a minute late.
Source: EventBridge Scheduler User Guide, "Schedule types": "60 second precision".
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

from janitor.cloud.session import CLIENT_ERRORS, CloudAccess, error_code
from janitor.domain.errors import CloudError

_TERMINATE = "arn:aws:scheduler:::aws-sdk:ec2:terminateInstances"
_MOST_RETRIES = 185
_LONGEST_RETRYING = timedelta(hours=24)
"""Both are the highest values. Source: EventBridge Scheduler API, RetryPolicy."""
_PAGE_SIZE = 100
"""Most results of one ListSchedules page. Source: EventBridge Scheduler API, ListSchedules, MaxResults."""
_LEAST_AHEAD = timedelta(seconds=5)
"""A schedule for an instant that is over would never fire, so that the earliest one is this far from now."""
_AT_FORMAT = "at(%Y-%m-%dT%H:%M:%S)"
_MISSING = "ResourceNotFoundException"
_EXISTS = "ConflictException"


def arm(access: CloudAccess, *, group: str, role_arn: str, name: str, instance_id: str, at: datetime) -> None:
    """Make the one-shot schedule that terminates an instance at `at`, or set the existing one to that instant.

    Args:
        at: Timezone-aware; rounded up to a second, and not before a few seconds from now.

    Raises:
        CloudError: EventBridge Scheduler refused or can't be asked.
    """
    client, wanted = access.client("scheduler"), _definition(group, role_arn, name, instance_id, at)
    try:
        try:
            client.create_schedule(**wanted)
        except CLIENT_ERRORS as exc:
            if error_code(exc) != _EXISTS:
                raise
            _replace(client, wanted)
    except CLIENT_ERRORS as exc:
        raise CloudError(
            f"the external timer {group}/{name} of {instance_id} can't be set: {exc};"
            " check JANITOR_SCHEDULE_GROUP and JANITOR_SCHEDULER_ROLE_ARN"
        ) from exc


def disarm(access: CloudAccess, *, group: str, name: str) -> None:
    """Delete a schedule; one that is missing (it has fired, for example) is fine.

    Raises:
        CloudError: EventBridge Scheduler refused or can't be asked.
    """
    try:
        access.client("scheduler").delete_schedule(GroupName=group, Name=name)
    except CLIENT_ERRORS as exc:
        if error_code(exc) != _MISSING:
            raise CloudError(f"the external timer {group}/{name} can't be deleted: {exc}") from exc


def armed_names(access: CloudAccess, *, group: str, prefix: str) -> frozenset[str]:
    """The names of a group's schedules that start with `prefix` and are enabled. A missing group has none.

    ListSchedules doesn't tell their instants; `armed_at` does, one call for each.

    Raises:
        CloudError: EventBridge Scheduler can't be asked.
    """
    try:
        pages = (
            access.client("scheduler")
            .get_paginator("list_schedules")
            .paginate(GroupName=group, NamePrefix=prefix, State="ENABLED", PaginationConfig={"PageSize": _PAGE_SIZE})
        )
        return frozenset(schedule["Name"] for page in pages for schedule in page["Schedules"])
    except CLIENT_ERRORS as exc:
        if error_code(exc) == _MISSING:
            return frozenset()
        raise CloudError(f"the external timers {group}/{prefix}* can't be listed: {exc}") from exc


def armed_at(access: CloudAccess, *, group: str, name: str) -> datetime | None:
    """When a schedule fires, in UTC; None where there is none, or it is no one-shot schedule.

    Raises:
        CloudError: EventBridge Scheduler can't be asked.
    """
    try:
        schedule = access.client("scheduler").get_schedule(GroupName=group, Name=name)
    except CLIENT_ERRORS as exc:
        if error_code(exc) == _MISSING:
            return None
        raise CloudError(f"the external timer {group}/{name} can't be read: {exc}") from exc
    try:
        return datetime.strptime(schedule["ScheduleExpression"], _AT_FORMAT).replace(tzinfo=timezone.utc)
    except ValueError:
        return None


def _replace(client: Any, wanted: dict[str, Any]) -> None:
    """UpdateSchedule sets every field anew, so that all of them are sent."""
    try:
        client.update_schedule(**wanted)
    except CLIENT_ERRORS as exc:
        if error_code(exc) != _MISSING:
            raise
        client.create_schedule(**wanted)  # it was deleted between the two calls


def _definition(group: str, role_arn: str, name: str, instance_id: str, at: datetime) -> dict[str, Any]:
    earliest = datetime.now(timezone.utc) + _LEAST_AHEAD
    instant = max(at.astimezone(timezone.utc), earliest) + timedelta(microseconds=999_999)
    return {
        "GroupName": group,
        "Name": name,
        "Description": f"Janitor: terminates {instance_id} when its time is over",
        "ScheduleExpression": instant.strftime(_AT_FORMAT),
        "ScheduleExpressionTimezone": "UTC",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE",
        "State": "ENABLED",
        "Target": {
            "Arn": _TERMINATE,
            "RoleArn": role_arn,
            "Input": json.dumps({"InstanceIds": [instance_id]}),
            "RetryPolicy": {
                "MaximumRetryAttempts": _MOST_RETRIES,
                "MaximumEventAgeInSeconds": int(_LONGEST_RETRYING.total_seconds()),
            },
        },
    }
