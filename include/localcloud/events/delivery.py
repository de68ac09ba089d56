"""Handing something to a target by its ARN: a function, a topic, a queue, or any API of AWS."""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import Any

from localcloud.events.internal_api import ApiCallError, InternalApi, find_operation

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0
DEFAULT_EVENT_AGE_SECONDS = 86_400
DEFAULT_RETRIES = 185
"""Source of both: EventBridge and EventBridge Scheduler API references, RetryPolicy."""

UNIVERSAL = re.compile(r"arn:aws:scheduler:::aws-sdk:([a-z0-9-]+):(\w+)")
READ_ONLY = re.compile(
    r"(get|describe|list|poll|receive|search|scan|query|select|lookup|discover|validate|batchget)", re.I
)
"""Source: EventBridge Scheduler user guide, "Using universal targets": such actions are not supported."""
UNIVERSAL_SERVICES = {"sfn": "stepfunctions"}


class TargetError(ValueError):
    """A target can't be delivered to here."""


class TargetKind(Enum):
    """How a target is handed its payload."""

    FUNCTION = "function"
    TOPIC = "topic"
    QUEUE = "queue"
    API = "api"
    """Any API: the payload is its parameters."""


@dataclass(frozen=True)
class Target:
    """A target that was understood: `action` of `service` (botocore's names) with these fixed parameters."""

    kind: TargetKind
    service: str
    action: str
    region: str
    resource: str
    parameters: Mapping[str, Any]

    @classmethod
    def parse(cls, arn: str, region: str, *, universal: bool) -> Target:
        """Understand a target's ARN. Raises TargetError.

        Args:
            arn: of a function, a topic or a queue.
            region: where universal targets are called.
            universal: whether `arn:aws:scheduler:::aws-sdk:…` is accepted.
        """
        if match := UNIVERSAL.fullmatch(arn):
            if not universal:
                raise TargetError(f"{arn} is a target of EventBridge Scheduler alone")
            return _universal(UNIVERSAL_SERVICES.get(match[1], match[1]), match[2], region)
        parts = arn.split(":")
        if len(parts) < 6 or parts[0] != "arn":
            raise TargetError(f"{arn} is not an ARN")
        service, where, rest = parts[2], parts[3] or region, parts[5:]
        if service == "lambda" and len(rest) >= 2 and rest[0] == "function":
            parameters = {"FunctionName": rest[1], "InvocationType": "Event"}
            if len(rest) > 2:
                parameters["Qualifier"] = rest[2]
            return cls(TargetKind.FUNCTION, "lambda", "Invoke", where, rest[1], parameters)
        if service == "sns":
            return cls(TargetKind.TOPIC, "sns", "Publish", where, rest[0], {"TopicArn": arn})
        if service == "sqs":
            return cls(TargetKind.QUEUE, "sqs", "SendMessage", where, rest[0], {})
        raise TargetError(f"the local cloud delivers to functions, topics and queues, not to {arn}")


def _universal(service: str, action: str, region: str) -> Target:
    if READ_ONLY.match(action):
        raise TargetError(f"Universal targets do not support read-only actions such as {action}")
    operation = find_operation(service, action)
    if operation is None:
        raise TargetError(f"{action} of {service} is no API that the local cloud knows")
    return Target(TargetKind.API, service, operation.name, region, "", {})


def deliver(api: InternalApi, target: Target, payload: str, extra: Mapping[str, Any] | None = None) -> None:
    """Hand a payload over. For a universal target it is the parameters, as JSON. Raises ApiCallError.

    Args:
        extra: parameters of the target besides, for example a queue's MessageGroupId.
    """
    parameters = {**target.parameters, **(extra or {})}
    if target.kind is TargetKind.FUNCTION:
        parameters["Payload"] = payload.encode()
    elif target.kind is TargetKind.TOPIC:
        parameters["Message"] = payload
    elif target.kind is TargetKind.QUEUE:
        queue = api.call("sqs", "GetQueueUrl", {"QueueName": target.resource}, target.region)
        parameters.update(QueueUrl=queue["QueueUrl"], MessageBody=payload)
    else:
        parameters.update(_json_parameters(target, payload))
    api.call(target.service, target.action, parameters, target.region)


@dataclass(frozen=True)
class Sender:
    """Who delivers: `what` for the log, and, where the target's own policy has to allow it, its principal and ARN."""

    what: str
    arn: str = ""
    principal: str = ""


def deliver_repeatedly(
    api: InternalApi,
    target: Target,
    payload: Callable[[int], str],
    sender: Sender,
    *,
    policy: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> bool:
    """Deliver; again and again where it may succeed later. Returns whether it did; what failed is in the log.

    Args:
        payload: returns it for the number of the attempt, from 1.
        policy: RetryPolicy, with MaximumRetryAttempts and MaximumEventAgeInSeconds.
    """
    limits = policy or {}
    attempts = 1 + int(limits.get("MaximumRetryAttempts", DEFAULT_RETRIES))
    age = timedelta(seconds=limits.get("MaximumEventAgeInSeconds", DEFAULT_EVENT_AGE_SECONDS))
    deadline, pause = datetime.now(timezone.utc) + age, FIRST_PAUSE_SECONDS
    for attempt in range(1, attempts + 1):
        try:
            _check_permission(target, sender)
            deliver(api, target, payload(attempt), extra)
        except ApiCallError as exc:
            again = exc.retryable and attempt < attempts and datetime.now(timezone.utc) < deadline
            log.warning("%s, attempt %s: %s%s", sender.what, attempt, exc, "" if again else "; given up")
            if not again:
                return False
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        else:
            log.info("%s: %s %s", sender.what, target.service, target.action)
            return True
    return False


def deliver_later(
    api: InternalApi,
    target: Target,
    payload: str,
    sender: Sender,
    *,
    policy: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Deliver in the background."""

    def run() -> None:
        try:
            deliver_repeatedly(api, target, lambda _: payload, sender, policy=policy, extra=extra)
        except Exception:
            log.exception("%s failed", sender.what)

    threading.Thread(target=run, name="delivery", daemon=True).start()


def _check_permission(target: Target, sender: Sender) -> None:
    """A function's own policy has to allow who invokes it without a role. Raises ApiCallError."""
    if not sender.principal or target.kind is not TargetKind.FUNCTION:
        return
    from localcloud.lambda_.permissions import permits  # noqa: PLC0415  (loads moto's Lambda)

    if not permits(target.region, target.resource, sender.principal, sender.arn):
        message = f"function {target.resource} does not allow {sender.principal} ({sender.arn}); add a permission"
        raise ApiCallError("lambda", "Invoke", "AccessDeniedException", message, 403)


def _json_parameters(target: Target, payload: str) -> dict[str, Any]:
    try:
        data = json.loads(payload or "{}")
    except ValueError as exc:
        raise ApiCallError(target.service, target.action, "ValidationException", f"Input: {exc}", 400) from exc
    if not isinstance(data, dict):
        raise ApiCallError(target.service, target.action, "ValidationException", "Input is no JSON object", 400)
    return data
