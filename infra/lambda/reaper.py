"""The reaper outside Airflow: an AWS Lambda function that terminates what is overdue.

It needs EC2 alone: it works with Airflow, Postgres and every machine of ours dead. This one file is the whole function;
it uses boto3, which Lambda has, and the standard library.

Events:
    "EC2 Spot Instance Interruption Warning" (EventBridge): leaves word of it for the run, nothing else.
    Anything else (a schedule, an alarm, a person): a pass over the deployment's instances.

A pass terminates every instance that is alive past its time. Its time is the tag `janitor:expires`; where
`janitor:keep-until` (a debug lease) is later, that one, but at most MAX_KEEP_MINUTES after the expiry. An instance
without a usable expiry may live for MAX_LIFETIME_MINUTES from its launch. For each instance that it ends it leaves word
in S3, from where Airflow takes it over once it is alive.

Environment:
    DEPLOYMENT            value of the tag `janitor:deployment`; required
    BUCKET                where notices are left; without it there are none
    MAX_LIFETIME_MINUTES  default 180
    MAX_KEEP_MINUTES      default 480
    DRY_RUN               1: say what is overdue, terminate nothing
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

log = logging.getLogger("reaper")
log.setLevel(logging.INFO)

TAG_DEPLOYMENT = "janitor:deployment"
TAG_EXPIRES = "janitor:expires"
TAG_KEEP_UNTIL = "janitor:keep-until"
TAG_RUN = "janitor:run"
TAG_VALIDATION = "janitor:validation"
NOTICE_KEY = "janitor-notices/{deployment}/{kind}/{instance_id}.json"
SPOT_WARNING = "EC2 Spot Instance Interruption Warning"
METRIC_NAMESPACE = "Janitor"

LIVE_STATES = ("pending", "running", "stopping", "stopped")
"""Those that still have to be ended; `shutting-down` is on its way."""
PAGE_SIZE = 1000
"""Most results of one DescribeInstances page. Source: EC2 API, DescribeInstances, MaxResults."""
BATCH_SIZE = 100
"""EC2 takes 1,000; a refused batch is done again one by one, so that it is kept smaller."""
LONGEST_EXPIRY = timedelta(hours=49)
"""Later than this after its launch no true expiry lies: 48 hours of timeout (SSM's limit) and an hour of grace."""
TIME_TO_REPORT = timedelta(seconds=12)
"""Kept free at the end, so that a pass always says how it went; a call of `_REPORT_CONFIG` fits in."""
NOTICE_FAILURES = 3
"""After so many in a row, storage is taken to be gone."""
GONE = ("InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed")
ERRORS = (BotoCoreError, ClientError)

_CONFIG = Config(connect_timeout=2, read_timeout=8, retries={"mode": "standard", "total_max_attempts": 3})
_REPORT_CONFIG = Config(
    connect_timeout=2,
    read_timeout=3,
    retries={"mode": "standard", "total_max_attempts": 2},
    s3={"addressing_style": "path"},
)


class ReaperError(Exception):
    """A pass that couldn't do all of its work. AWS/Lambda counts it in Errors, and the next pass tries again."""


@dataclass(frozen=True)
class Order:
    """What the function's environment says."""

    deployment: str
    bucket: str
    max_lifetime: timedelta
    max_keep: timedelta
    dry_run: bool

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Order:
        """Read it; raises ReaperError without a deployment, because then nothing is known to be ours."""
        deployment = environment.get("DEPLOYMENT", "")
        if not deployment:
            raise ReaperError("DEPLOYMENT is not set in the function's environment")
        return cls(
            deployment=deployment,
            bucket=environment.get("BUCKET", ""),
            max_lifetime=_minutes(environment, "MAX_LIFETIME_MINUTES", 180),
            max_keep=_minutes(environment, "MAX_KEEP_MINUTES", 480),
            dry_run=environment.get("DRY_RUN", "").lower() in ("1", "true", "yes"),
        )


@dataclass(frozen=True)
class Instance:
    """What a pass knows of an instance."""

    instance_id: str
    launched_at: datetime
    tags: Mapping[str, str]

    def expires_at(self, order: Order) -> datetime:
        """Its expiry by its tag, or by its age where the tag is missing, unreadable or beyond what can be."""
        tagged = parse_instant(self.tags.get(TAG_EXPIRES))
        if tagged is None or tagged > self.launched_at + LONGEST_EXPIRY:
            log.warning("%s: %s is %r; its age counts", self.instance_id, TAG_EXPIRES, self.tags.get(TAG_EXPIRES))
            return self.launched_at + order.max_lifetime
        return tagged

    def may_live_until(self, order: Order) -> datetime:
        """Its expiry, put off by a debug lease, which can't last for ever."""
        expires, keep = self.expires_at(order), parse_instant(self.tags.get(TAG_KEEP_UNTIL))
        return expires if keep is None else max(expires, min(keep, expires + order.max_keep))


@dataclass
class Pass:
    """What one pass found and did."""

    looked_at: int = 0
    overdue: list[Instance] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    terminated: list[Instance] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    """What went wrong, by instance or by step."""

    def summary(self) -> dict[str, Any]:
        """The function's answer."""
        return {
            "looked_at": self.looked_at,
            "overdue": sorted(one.instance_id for one in self.overdue),
            "terminated": sorted(one.instance_id for one in self.terminated),
            "failed": sorted(self.failed),
            "kept": sorted(self.kept),
        }


def handler(event: Any, context: Any) -> dict[str, Any]:
    """Entry point of the function. Raises ReaperError at the end where something couldn't be done."""
    order = Order.read(os.environ)
    if isinstance(event, Mapping) and event.get("detail-type") == SPOT_WARNING:
        return _take_spot_warning(order, event)
    return _reap(order, Clock(context))


class Clock:
    """How much of the invocation's time is left."""

    def __init__(self, context: Any) -> None:
        self._context = context

    def is_short(self) -> bool:
        """Whether only the time to report is left. A context without a clock has no limit."""
        remaining = getattr(self._context, "get_remaining_time_in_millis", None)
        return remaining is not None and timedelta(milliseconds=remaining()) < TIME_TO_REPORT


def parse_instant(text: str | None) -> datetime | None:
    """Parse ISO 8601; None where it is missing or no instant. Without an offset it is UTC."""
    try:
        # Python 3.10 doesn't know a final Z.
        instant = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", (text or "").strip()))
        return (instant if instant.tzinfo else instant.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None


# A pass


def _reap(order: Order, clock: Clock) -> dict[str, Any]:
    ec2, done, now = boto3.client("ec2", config=_CONFIG), Pass(), datetime.now(timezone.utc)
    try:
        for instance in _live_instances(ec2, order.deployment):
            done.looked_at += 1
            if instance.may_live_until(order) <= now:
                done.overdue.append(instance)
            elif instance.expires_at(order) <= now:
                done.kept.append(instance.instance_id)
            if clock.is_short():
                raise ReaperError("out of time")
    except (*ERRORS, ReaperError) as exc:  # what was seen before is still ended
        done.failed["DescribeInstances"] = str(exc)
    if not order.dry_run:
        _terminate(ec2, done, clock)
        _leave_notices(order, done, clock)
    _put_metrics(order, done)
    answer = done.summary()
    log.info("%s%s", "dry run: " if order.dry_run else "", json.dumps(answer))
    if done.failed:
        raise ReaperError(f"{json.dumps(done.failed, sort_keys=True)}; done: {json.dumps(answer)}")
    return answer


def _live_instances(ec2: Any, deployment: str) -> Iterator[Instance]:
    pages = ec2.get_paginator("describe_instances").paginate(
        Filters=[
            {"Name": f"tag:{TAG_DEPLOYMENT}", "Values": [deployment]},
            {"Name": "instance-state-name", "Values": list(LIVE_STATES)},
        ],
        PaginationConfig={"PageSize": PAGE_SIZE},
    )
    for page in pages:
        for reservation in page["Reservations"]:
            for described in reservation["Instances"]:
                instance = _instance(described)
                if instance.tags.get(TAG_DEPLOYMENT) == deployment:  # a filter takes * and ?
                    yield instance


def _instance(described: Mapping[str, Any]) -> Instance:
    return Instance(
        instance_id=described["InstanceId"],
        launched_at=described["LaunchTime"],
        tags={tag["Key"]: tag["Value"] for tag in described.get("Tags", [])},
    )


def _terminate(ec2: Any, done: Pass, clock: Clock) -> None:
    """Terminate what is overdue; one that EC2 refuses never stops the others."""
    for start in range(0, len(done.overdue), BATCH_SIZE):
        batch = done.overdue[start : start + BATCH_SIZE]
        if _out_of_time(done, batch, clock):
            continue
        try:
            done.terminated += _terminate_together(ec2, batch)
        except ERRORS as exc:
            if len(batch) > 1:
                log.warning("a batch of %d was refused, now one by one: %s", len(batch), exc)
            for instance in batch:
                if not _out_of_time(done, [instance], clock):
                    _terminate_one(ec2, instance, done)


def _out_of_time(done: Pass, batch: Sequence[Instance], clock: Clock) -> bool:
    if not clock.is_short():
        return False
    done.failed.update({one.instance_id: "out of time" for one in batch})
    return True


def _terminate_one(ec2: Any, instance: Instance, done: Pass) -> None:
    try:
        done.terminated += _terminate_together(ec2, [instance])
    except ERRORS as exc:
        if _code(exc) not in GONE:
            log.error("%s can't be terminated: %s", instance.instance_id, exc)
            done.failed[instance.instance_id] = str(exc)


def _terminate_together(ec2: Any, batch: Sequence[Instance]) -> list[Instance]:
    """Those that this call ended, without those that were shutting down before it."""
    answer = ec2.terminate_instances(InstanceIds=[one.instance_id for one in batch])
    ended = {
        change["InstanceId"]
        for change in answer["TerminatingInstances"]
        if change["PreviousState"]["Name"] in LIVE_STATES
    }
    return [one for one in batch if one.instance_id in ended]


def _put_metrics(order: Order, done: Pass) -> None:
    metrics = {"OverdueInstances": len(done.overdue), "InstancesAlive": done.looked_at}
    try:
        boto3.client("cloudwatch", config=_REPORT_CONFIG).put_metric_data(
            Namespace=METRIC_NAMESPACE,
            MetricData=[
                {
                    "MetricName": name,
                    "Dimensions": [{"Name": "Deployment", "Value": order.deployment}],
                    "Value": value,
                    "Unit": "Count",
                }
                for name, value in metrics.items()
            ],
        )
    except ERRORS as exc:
        log.error("metrics can't be put: %s", exc)


# Notices


def _leave_notices(order: Order, done: Pass, clock: Clock) -> None:
    """Leave word of each instance that was ended. Storage that fails costs the word, never the termination."""
    if not order.bucket or not done.terminated:
        return
    s3, failures = _storage(), 0
    for instance in done.terminated:
        if failures == NOTICE_FAILURES or clock.is_short():
            log.error("%s: no notice was left: storage fails or time is short", instance.instance_id)
            continue
        reason = f"alive after {instance.may_live_until(order).isoformat()}, when its time was over"
        try:
            _put_notice(s3, order, instance, "terminated", reason)
            failures = 0
        except ERRORS as exc:
            failures += 1
            log.error("%s: its notice can't be written: %s", instance.instance_id, exc)


def _storage() -> Any:
    return boto3.client("s3", config=_REPORT_CONFIG)


def _put_notice(s3: Any, order: Order, instance: Instance, kind: str, reason: str) -> None:
    body = {
        "kind": kind,
        "deployment": order.deployment,
        "instance_id": instance.instance_id,
        "noticed_at": datetime.now(timezone.utc).isoformat(),
        "reason": reason,
        "expires_at": instance.expires_at(order).isoformat(),
        "validation_id": instance.tags.get(TAG_VALIDATION),
        "run_id": instance.tags.get(TAG_RUN),
        "killer": os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "reaper"),
    }
    s3.put_object(
        Bucket=order.bucket,
        Key=NOTICE_KEY.format(deployment=order.deployment, kind=kind, instance_id=instance.instance_id),
        Body=json.dumps(body).encode(),
        ContentType="application/json",
    )


def _take_spot_warning(order: Order, event: Mapping[str, Any]) -> dict[str, Any]:
    """Leave word that AWS takes an instance back in two minutes. A failure is raised: Lambda calls again."""
    detail = event.get("detail") or {}
    instance_id = str(detail.get("instance-id", ""))
    try:
        answer = boto3.client("ec2", config=_CONFIG).describe_instances(InstanceIds=[instance_id])
    except ClientError as exc:
        if _code(exc) not in GONE:
            raise
        answer = {"Reservations": []}
    described = [one for reservation in answer["Reservations"] for one in reservation["Instances"]]
    ours = [one for one in map(_instance, described) if one.tags.get(TAG_DEPLOYMENT) == order.deployment]
    if ours and not order.bucket:
        raise ReaperError("BUCKET is not set in the function's environment: a spot warning can't be passed on")
    for instance in ours:
        action = detail.get("instance-action", "unknown")
        _put_notice(_storage(), order, instance, "spot_warning", f"AWS takes it back: {action}")
        log.info("spot warning of %s is passed on", instance.instance_id)
    return {"spot_warning": instance_id if ours else None}


def _code(exc: BaseException) -> str:
    return str(exc.response.get("Error", {}).get("Code", "")) if isinstance(exc, ClientError) else ""


def _minutes(environment: Mapping[str, str], name: str, default: int) -> timedelta:
    text = environment.get(name) or str(default)
    try:
        minutes = float(text)
        if not 0 < minutes < 60 * 24 * 366:
            raise ValueError
    except ValueError:  # a slip in a setting must not keep every instance alive
        log.error("%s=%r is no number of minutes; %d is used", name, text, default)
        minutes = default
    return timedelta(minutes=minutes)
