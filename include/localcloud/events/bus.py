"""EventBridge rules that act: events that match, and schedules that are due, go to the rules' targets.

moto keeps buses, rules and targets, and matches patterns. Instance state changes and spot warnings are put on the
default bus. Targets are functions, topics and queues; for others moto does what it can.
"""

from __future__ import annotations

import copy
import json
import logging
import queue
import threading
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.events.models import EventPatternParser, EventsBackend, Rule, events_backends
from moto.events.utils import EventTemplateParser

from localcloud.events.delivery import Sender, Target, TargetError, TargetKind, deliver_later
from localcloud.events.internal_api import InternalApi
from localcloud.events.schedule_times import ExpressionError, parse
from localcloud.moto_pin import replace_attribute
from localcloud.settings import ACCOUNT_ID

log = logging.getLogger(__name__)

DEFAULT_BUS = "default"
PRINCIPAL = "events.amazonaws.com"
SERVICES = ("lambda", "sns", "sqs")
CREATED = "localcloud_created"
"""Attribute of a moto rule: since when it has had its schedule, in seconds since 1970."""
FILTERS = {"prefix", "suffix", "exists", "anything-but", "numeric", "equals-ignore-case", "wildcard", "cidr"}
"""What moto can match, besides exact values."""


class EventBus:
    """Delivers events to rules' targets, and fires scheduled rules. `tick` is called a few times a second."""

    def __init__(self, api: InternalApi) -> None:
        self._api = api
        self._queue: queue.SimpleQueue[tuple[str, dict[str, Any]]] = queue.SimpleQueue()
        self._planned: dict[tuple[str, str], tuple[tuple[Any, ...], datetime | None]] = {}
        self._started = datetime.now(timezone.utc)
        threading.Thread(target=self._spread, name="events", daemon=True).start()

    def put(self, region: str, source: str, detail_type: str, detail: Mapping[str, Any], resources: list[str]) -> None:
        """Put an event of a service on the default bus; returns at once."""
        self._queue.put((region, event_of(region, source, detail_type, detail, resources)))

    def _spread(self) -> None:
        while True:
            region, event = self._queue.get()
            try:
                for rule in list(events_backends[ACCOUNT_ID][region].event_buses[DEFAULT_BUS].rules.values()):
                    rule.send_to_targets(event)
            except Exception:
                log.exception("event %s could not be delivered", event["detail-type"])

    def send(self, rule: Rule, event: Mapping[str, Any]) -> None:
        """Deliver an event to those targets of a rule that are functions, topics or queues."""
        for target in list(rule.targets):
            if is_ours(target):
                parsed = Target.parse(target["Arn"], rule.region_name, universal=False)
                group = (target.get("SqsParameters") or {}).get("MessageGroupId")
                deliver_later(
                    self._api,
                    parsed,
                    payload_for(target, event),
                    Sender(f"rule {rule.arn}", rule.arn, PRINCIPAL),
                    policy=target.get("RetryPolicy"),
                    extra={"MessageGroupId": group} if group and parsed.kind is TargetKind.QUEUE else {},
                )

    def tick(self, now: datetime) -> None:
        """Fire the scheduled rules that are due."""
        for rule in scheduled_rules():
            key = (rule.region_name, rule.name)
            created = vars(rule).setdefault(CREATED, now.timestamp())
            signature = (rule.scheduled_expression, rule.state, created)
            known, due = self._planned.get(key, (None, None))
            expression = parse(rule.scheduled_expression)
            anchor = datetime.fromtimestamp(created, timezone.utc)
            if known != signature:
                # What was due while the local cloud was down is left out.
                due = expression.next_after(max(anchor, self._started), anchor)
            elif due is not None and due <= now:
                event = event_of(rule.region_name, "aws.events", "Scheduled Event", {}, [rule.arn], when=due)
                self.send(rule, event)
                due = expression.next_after(now, anchor)
            self._planned[key] = (signature, due)


def scheduled_rules() -> Iterator[Rule]:
    """The rules with a schedule that are enabled, of every region."""
    for backend in list(events_backends[ACCOUNT_ID].values()):
        for rule in list(backend.event_buses[DEFAULT_BUS].rules.values()):
            if rule.scheduled_expression and rule.state == "ENABLED":
                yield rule


def event_of(
    region: str,
    source: str,
    detail_type: str,
    detail: Mapping[str, Any],
    resources: list[str],
    *,
    when: datetime | None = None,
) -> dict[str, Any]:
    """An event in EventBridge's form. Source: EventBridge user guide, "Event structure"."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": ACCOUNT_ID,
        "time": (when or datetime.now(timezone.utc)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": region,
        "resources": resources,
        "detail": dict(detail),
    }


def is_ours(target: Mapping[str, Any]) -> bool:
    """Whether a target is delivered to by this module, not by moto."""
    return str(target["Arn"]).split(":")[2:3] in [[service] for service in SERVICES]


def payload_for(target: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    """What a target gets: the event, a part of it, a text of its own, or one made of the event."""
    if target.get("Input"):
        return str(target["Input"])
    whole = {key: value for key, value in event.items() if key != "ingestion-time"}
    if isinstance(whole["time"], (int, float)):
        whole["time"] = datetime.fromtimestamp(whole["time"], timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    if path := target.get("InputPath"):
        found: Any = whole
        for name in str(path).removeprefix("$").split(".")[1:]:
            found = found.get(name) if isinstance(found, dict) else None
        return json.dumps(found)
    if transformer := target.get("InputTransformer"):
        made = EventTemplateParser.parse(
            input_template=transformer.get("InputTemplate"),
            input_paths_map=transformer.get("InputPathsMap", {}),
            event={**whole, "ingestion-time": whole["time"]},  # moto's defaults name it
        )
        return json.dumps(made)
    return json.dumps(whole)


def check_filters(pattern: Any) -> None:
    """Refuse what moto would take for a match. Raises JsonRESTError."""
    if isinstance(pattern, dict):
        for value in pattern.values():
            check_filters(value)
    elif isinstance(pattern, list):
        for entry in pattern:
            if isinstance(entry, dict) and not set(entry) <= FILTERS and not _is_alternative(entry):
                known = ", ".join(sorted(FILTERS))
                reason = f"the local cloud matches exact values and {known}, not {sorted(entry)}"
                raise JsonRESTError("InvalidEventPatternException", f"Event pattern is not valid. Reason: {reason}")


def _is_alternative(entry: Mapping[str, Any]) -> bool:
    """An entry of `$or` is a pattern of its own."""
    check_filters(dict(entry))
    return all(isinstance(value, (dict, list)) for value in entry.values())


def install(bus: EventBus) -> None:
    """Patch moto's EventBridge."""
    moto_send = vars(Rule)["send_to_targets"]
    moto_put_rule = vars(EventsBackend)["put_rule"]
    moto_put_targets = vars(EventsBackend)["put_targets"]
    moto_enable = vars(Rule)["enable"]
    moto_validate = vars(EventPatternParser)["_validate_event_pattern"]

    def send_to_targets(self: Rule, original_event: Any, transform_input: bool = True) -> None:
        matches = self.event_pattern.get_pattern() and self.event_pattern.matches_event(original_event)
        if self.state == "DISABLED" or not matches:
            return
        bus.send(self, original_event)
        others = copy.copy(self)
        others.targets = [target for target in self.targets if not is_ours(target)]
        if others.targets:
            moto_send(others, original_event, transform_input)

    def put_rule(self: EventsBackend, name: str, **arguments: Any) -> Rule:
        if expression := arguments.get("scheduled_expression"):
            try:
                parse(expression)
            except ExpressionError as exc:
                message = f"Parameter ScheduleExpression is not valid. {exc}"
                raise JsonRESTError("ValidationException", message) from exc
        rule: Rule = moto_put_rule(self, name, **arguments)
        vars(rule)[CREATED] = datetime.now(timezone.utc).timestamp()
        return rule

    def put_targets(self: EventsBackend, name: str, event_bus_arn: str | None, targets: list[dict[str, Any]]) -> None:
        for target in targets:
            if is_ours(target):
                try:
                    Target.parse(target["Arn"], self.region_name, universal=False)
                except TargetError as exc:
                    raise JsonRESTError("ValidationException", str(exc)) from exc
        moto_put_targets(self, name, event_bus_arn, targets)

    def enable(self: Rule) -> None:
        moto_enable(self)
        vars(self)[CREATED] = datetime.now(timezone.utc).timestamp()

    def validate(self: EventPatternParser, pattern: dict[str, Any]) -> None:
        moto_validate(self, pattern)
        check_filters(pattern)

    replace_attribute(Rule, "send_to_targets", send_to_targets)
    replace_attribute(Rule, "enable", enable)
    replace_attribute(EventsBackend, "put_rule", put_rule)
    replace_attribute(EventsBackend, "put_targets", put_targets)
    replace_attribute(EventPatternParser, "_validate_event_pattern", validate)


def export(backend: EventsBackend) -> dict[str, Any]:
    """Every rule of a region with its targets, as JSON data."""
    return {
        "buses": [bus.name for bus in backend.event_buses.values() if bus.name != DEFAULT_BUS],
        "rules": [
            {
                "name": rule.name,
                "bus": bus.name,
                "description": rule.description,
                "event_pattern": rule.event_pattern.dump(),
                "scheduled_expression": rule.scheduled_expression,
                "role_arn": rule.role_arn,
                "state": rule.state,
                "managed_by": rule.managed_by,
                "targets": rule.targets,
                "created": vars(rule).get(CREATED),
                "tags": backend.tagger.list_tags_for_resource(rule.arn)["Tags"],
            }
            for bus in backend.event_buses.values()
            for rule in bus.rules.values()
        ],
    }


def restore(backend: EventsBackend, data: dict[str, Any]) -> None:
    """Put back what `export` told."""
    for name in data["buses"]:
        backend.create_event_bus(name)
    for entry in data["rules"]:
        arguments = ("description", "event_pattern", "role_arn", "scheduled_expression", "state", "managed_by", "tags")
        rule = backend.put_rule(
            entry["name"], event_bus_arn=entry["bus"], **{name: entry[name] for name in arguments if entry[name]}
        )
        rule.targets = entry["targets"]
        if entry["created"]:
            vars(rule)[CREATED] = entry["created"]
