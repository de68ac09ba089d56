"""EventBridge Scheduler that fires: moto keeps the schedules, this module does what they say.

It fires within a second of the time; AWS promises the minute. A call that may succeed later is repeated, soon instead
of over hours, within MaximumRetryAttempts and MaximumEventAgeInSeconds. Dead letters are not written.
"""

from __future__ import annotations

import copy
import logging
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from moto.scheduler.models import EventBridgeSchedulerBackend, Schedule, ScheduleGroup, scheduler_backends

from localcloud.events.delivery import Sender, Target, TargetError, TargetKind, deliver_repeatedly
from localcloud.events.internal_api import InternalApi
from localcloud.events.schedule_times import At, ExpressionError, parse
from localcloud.settings import ACCOUNT_ID

log = logging.getLogger(__name__)

DONE = "localcloud_done"
"""Attribute of a moto schedule: the one-time expression that has been carried out."""
Key = tuple[str, str]


@dataclass
class Planned:
    """When a schedule, as it is now, is due next."""

    signature: tuple[Any, ...]
    due: datetime | None
    firing: bool = False
    completed: bool = False


class ScheduleRunner:
    """Fires what is due. `tick` is called a few times a second, by one thread.

    Args:
        api: calls the targets.
        changed: called when schedules were changed by themselves, so that they are kept on disk.
    """

    def __init__(self, api: InternalApi, changed: Callable[[], None]) -> None:
        self._api = api
        self._changed = changed
        self._started = datetime.now(timezone.utc)
        self._planned: dict[Key, Planned] = {}

    def tick(self, now: datetime) -> None:
        """Start what is due."""
        seen = set()
        for backend, group, schedule in schedules():
            key = (backend.region_name, schedule.arn)
            seen.add(key)
            try:
                self._look_at(key, group, schedule, now)
            except ExpressionError:
                log.exception("schedule %s can't be planned", schedule.arn)
        for gone in set(self._planned) - seen:
            del self._planned[gone]

    def _look_at(self, key: Key, group: ScheduleGroup, schedule: Schedule, now: datetime) -> None:
        if schedule.state != "ENABLED":
            return
        plan = self._planned.get(key)
        if plan is None or plan.signature != signature(schedule):
            # What was due while the local cloud was down is left out, except for what is due only once.
            after = max(self._started, _moment(schedule.last_modified_date)) - timedelta(milliseconds=1)
            plan = self._planned[key] = Planned(signature(schedule), next_due(schedule, after))
        if plan.firing:
            return
        if plan.due is None:
            if schedule.end_date and not plan.completed and now > _moment(schedule.end_date):
                plan.completed = True
                self._complete(group, schedule)
        elif plan.due <= now:
            due, plan.due = plan.due, None if is_one_time(schedule) else next_due(schedule, now)
            plan.firing = True
            arguments = (plan, group, schedule, due, key[0])
            threading.Thread(target=self._fire, args=arguments, name=f"schedule-{schedule.name}", daemon=True).start()

    def _fire(self, plan: Planned, group: ScheduleGroup, schedule: Schedule, due: datetime, region: str) -> None:
        try:
            self._deliver(copy.copy(schedule), due, region)  # as it is now, whatever it is changed to meanwhile
        except Exception:
            log.exception("schedule %s failed", schedule.arn)
        finally:
            if plan.due is None and signature(schedule) == plan.signature:
                vars(schedule)[DONE] = schedule.schedule_expression
                plan.completed = True
                self._complete(group, schedule)
            plan.firing = False

    def _complete(self, group: ScheduleGroup, schedule: Schedule) -> None:
        if schedule.action_after_completion == "DELETE" and group.schedules.get(schedule.name) is schedule:
            del group.schedules[schedule.name]
        self._changed()

    def _deliver(self, schedule: Schedule, due: datetime, region: str) -> None:
        target = Target.parse(schedule.target["Arn"], region, universal=True)
        execution = str(uuid.uuid4())
        deliver_repeatedly(
            self._api,
            target,
            lambda attempt: fill_in(schedule, due, execution, attempt),
            Sender(f"schedule {schedule.arn}"),
            policy=schedule.target.get("RetryPolicy"),
            extra=extra_parameters(schedule.target, target),
        )


def schedules() -> Iterator[tuple[EventBridgeSchedulerBackend, ScheduleGroup, Schedule]]:
    """Every schedule of every region."""
    for backend in list(scheduler_backends[ACCOUNT_ID].values()):
        for group in list(backend.schedule_groups.values()):
            for schedule in list(group.schedules.values()):
                yield backend, group, schedule


def signature(schedule: Schedule) -> tuple[Any, ...]:
    """What a schedule's next time depends on."""
    return (
        *(schedule.schedule_expression, schedule.schedule_expression_timezone, schedule.state),
        *(schedule.start_date, schedule.end_date, schedule.last_modified_date),
    )


def next_due(schedule: Schedule, after: datetime) -> datetime | None:
    """When a schedule is due next. Start and end dates don't matter to one that is due once."""
    expression = parse(schedule.schedule_expression, schedule.schedule_expression_timezone)
    if isinstance(expression, At):  # also one in the past, until it has been carried out
        return None if vars(schedule).get(DONE) == schedule.schedule_expression else expression.moment
    start = _moment(schedule.start_date) if schedule.start_date else None
    anchor = start or _moment(schedule.creation_date)
    due = expression.next_after(max(after, start - timedelta(milliseconds=1)) if start else after, anchor)
    if due is not None and schedule.end_date and due > _moment(schedule.end_date):
        return None
    return due


def is_one_time(schedule: Schedule) -> bool:
    """Whether a schedule is due once."""
    return str(schedule.schedule_expression).startswith("at(")


def _moment(timestamp: Any) -> datetime:
    return datetime.fromtimestamp(float(timestamp), timezone.utc)


def fill_in(schedule: Schedule, due: datetime, execution: str, attempt: int) -> str:
    """The target's input, with the context attributes put in.

    Source: EventBridge Scheduler user guide, "Adding context attributes".
    """
    text = schedule.target.get("Input") or "{}"
    for name, value in (
        ("schedule-arn", schedule.arn),
        ("scheduled-time", due.strftime("%Y-%m-%dT%H:%M:%SZ")),
        ("execution-id", execution),
        ("attempt-number", str(attempt)),
    ):
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return str(text)


def extra_parameters(target: dict[str, Any], parsed: Target) -> dict[str, Any]:
    """What a target says besides its ARN and input."""
    group = (target.get("SqsParameters") or {}).get("MessageGroupId")
    return {"MessageGroupId": group} if group and parsed.kind is TargetKind.QUEUE else {}


def check_target(target: dict[str, Any], region: str) -> None:
    """Refuse what could never be delivered. Raises TargetError."""
    if not str(target.get("RoleArn") or "").startswith("arn:"):
        raise TargetError("The target needs the ARN of an execution role")
    Target.parse(str(target.get("Arn") or ""), region, universal=True)
