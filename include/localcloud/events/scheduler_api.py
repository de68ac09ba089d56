"""EventBridge Scheduler's actions: moto's, with the checks that AWS makes."""

from __future__ import annotations

import json
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.scheduler.exceptions import ScheduleGroupNotFound, ValidationException
from moto.scheduler.models import EventBridgeSchedulerBackend, Schedule, ScheduleGroup
from moto.scheduler.responses import EventBridgeSchedulerResponse

from localcloud.events.delivery import TargetError
from localcloud.events.schedule_times import ExpressionError, parse
from localcloud.events.scheduler import check_target
from localcloud.moto_pin import replace_attribute

TOKEN = "localcloud_token"  # noqa: S105  (the client token of the request that made a schedule)
STATES = ("ENABLED", "DISABLED")
COMPLETIONS = ("NONE", "DELETE")


class ConflictError(JsonRESTError):  # type: ignore[misc]  # moto is untyped
    """A name is taken."""

    code = 409

    def __init__(self, message: str) -> None:
        super().__init__("ConflictException", message)


def install() -> None:
    """Patch moto's EventBridge Scheduler."""
    moto_create = vars(EventBridgeSchedulerResponse)["create_schedule"]
    moto_update = vars(EventBridgeSchedulerResponse)["update_schedule"]
    moto_create_group = vars(EventBridgeSchedulerBackend)["create_schedule_group"]

    def create_schedule(self: EventBridgeSchedulerResponse) -> str:
        group = self.scheduler_backend.get_schedule_group(self._get_param("GroupName"))
        name, token = self.uri.split("?")[0].split("/")[-1], self._get_param("ClientToken")
        known = group.schedules.get(name)
        if known is not None and token and vars(known).get(TOKEN) == token:
            return json.dumps({"ScheduleArn": known.arn})  # the same request once more
        if known is not None:
            raise ConflictError(f"Schedule {name} already exists.")
        _check(self)
        answer: str = moto_create(self)
        schedule = group.schedules[name]
        vars(schedule)[TOKEN] = token
        schedule.action_after_completion = schedule.action_after_completion or "NONE"
        return answer

    def update_schedule(self: EventBridgeSchedulerResponse) -> str:
        _check(self)
        answer: str = moto_update(self)
        name = self.uri.split("?")[0].split("/")[-1]
        schedule = self.scheduler_backend.get_schedule(self._get_param("GroupName"), name)
        # An update replaces everything: what it leaves out is set to its default.
        schedule.action_after_completion = self._get_param("ActionAfterCompletion") or "NONE"
        schedule.state = schedule.state or "ENABLED"
        return answer

    def create_schedule_group(self: EventBridgeSchedulerBackend, name: str, tags: Any) -> ScheduleGroup:
        if name in self.schedule_groups:
            raise ConflictError(f"Schedule group {name} already exists.")
        return moto_create_group(self, name, tags or [])

    def delete_schedule_group(self: EventBridgeSchedulerBackend, name: str | None) -> None:
        if name == "default":
            raise ValidationException("The default schedule group can't be deleted.")
        if name not in self.schedule_groups:
            raise ScheduleGroupNotFound(str(name))
        del self.schedule_groups[name]

    replace_attribute(EventBridgeSchedulerResponse, "create_schedule", create_schedule)
    replace_attribute(EventBridgeSchedulerResponse, "update_schedule", update_schedule)
    replace_attribute(EventBridgeSchedulerBackend, "create_schedule_group", create_schedule_group)
    replace_attribute(EventBridgeSchedulerBackend, "delete_schedule_group", delete_schedule_group)


def _check(request: EventBridgeSchedulerResponse) -> None:
    try:
        parse(
            str(request._get_param("ScheduleExpression") or ""),
            request._get_param("ScheduleExpressionTimezone") or "UTC",
        )
        check_target(request._get_param("Target") or {}, request.region)
    except (ExpressionError, TargetError) as exc:
        raise ValidationException(str(exc)) from exc
    for name, allowed in (("State", STATES), ("ActionAfterCompletion", COMPLETIONS)):
        if request._get_param(name) not in (None, *allowed):
            raise ValidationException(f"{name} is one of {', '.join(allowed)}")
    start, end = request._get_param("StartDate"), request._get_param("EndDate")
    if start and end and float(end) <= float(start):
        raise ValidationException("The EndDate must be after the StartDate.")


def export(backend: EventBridgeSchedulerBackend) -> dict[str, Any]:
    """Everything of a region, as JSON data."""
    return {
        "groups": [
            {"name": group.name, "created_on": group.created_on, "tags": _tags(backend, group)}
            for group in backend.schedule_groups.values()
        ],
        "schedules": [
            vars(schedule) for group in backend.schedule_groups.values() for schedule in group.schedules.values()
        ],
    }


def restore(backend: EventBridgeSchedulerBackend, data: dict[str, Any]) -> None:
    """Put back what `export` told."""
    for entry in data["groups"]:
        if entry["name"] not in backend.schedule_groups:
            backend.schedule_groups[entry["name"]] = ScheduleGroup(
                backend.region_name, backend.account_id, entry["name"]
            )
        group = backend.schedule_groups[entry["name"]]
        group.created_on = group.last_modified = entry["created_on"]
        backend.tagger.tag_resource(group.arn, entry["tags"])
    for fields in data["schedules"]:
        schedule = Schedule.__new__(Schedule)
        vars(schedule).update(fields)
        backend.schedule_groups[fields["group_name"]].add_schedule(schedule)


def _tags(backend: EventBridgeSchedulerBackend, group: ScheduleGroup) -> list[dict[str, str]]:
    tags: list[dict[str, str]] = backend.tagger.list_tags_for_resource(group.arn)["Tags"]
    return tags
