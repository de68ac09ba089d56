"""What ends instances though Airflow and Postgres are dead: the external timers' group, and the reaper's function.

On AWS Terraform makes them; here they are made for the local stack. Everything may be there already: what differs is
brought up to date, the rest stays as it is.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from janitor.cloud.place import place_of
from janitor.cloud.session import CLIENT_ERRORS, CloudAccess, error_code
from janitor.domain.errors import CloudError
from janitor.domain.identity import NOTICE_PREFIX
from janitor.settings import Settings
from janitor.stack.provision.function_package import REAPER_HANDLER, REAPER_RUNTIME, REAPER_SOURCE, build_package
from janitor.stack.provision.policies import read_policy

_MINUTE = timedelta(minutes=1)
_FUNCTION_TIMEOUT = timedelta(seconds=60)
_FUNCTION_MEMORY_MIB = 256
_CALLS_REAPER = "CallTheReaper"
"""The statement of the schedules' policy that only a deployment with a reaper's function needs."""
_EXISTS = ("ConflictException", "EntityAlreadyExists")
_MISSING = ("ResourceNotFoundException", "NoSuchEntity")


def ensure_killers(settings: Settings) -> None:
    """Make the schedule group with its role, and the reaper's function with everything that calls it.

    Only what the settings name is made.

    Raises:
        CloudError: AWS refused, or the function's source can't be read.
    """
    access = CloudAccess.of(settings)
    try:
        if settings.schedule_group and settings.scheduler_role_arn:
            _ensure_schedule_group(access, settings)
        if settings.reaper_function:
            _Reaper(access=access, settings=settings, name=settings.reaper_function).ensure()
    except CLIENT_ERRORS as exc:
        raise CloudError(
            f"the killers outside Airflow can't be made: {exc}; without them set JANITOR_SCHEDULE_GROUP and"
            f" JANITOR_REAPER_FUNCTION to nothing in {settings.env_file.name}"
        ) from exc


def _ensure_schedule_group(access: CloudAccess, settings: Settings) -> None:
    assert settings.scheduler_role_arn is not None
    try:
        access.client("scheduler").create_schedule_group(Name=settings.schedule_group)
    except CLIENT_ERRORS as exc:
        if error_code(exc) not in _EXISTS:
            raise
    values = {
        "account": settings.scheduler_role_arn.split(":")[4],
        "region": access.region,
        "deployment": settings.deployment,
        "schedule_group": str(settings.schedule_group),
        "reaper_function": settings.reaper_function or "",
    }
    # The trust must name the group's ARN. Source: EventBridge Scheduler User Guide, "Confused deputy prevention".
    trust = read_policy(settings.project_root, "scheduler-trust", values)
    policy = read_policy(settings.project_root, "scheduler", values)
    if not settings.reaper_function:
        policy["Statement"] = [each for each in policy["Statement"] if each["Sid"] != _CALLS_REAPER]
    _ensure_role(
        access,
        name=settings.scheduler_role_arn.rpartition("/")[2],
        trust=trust,
        policy=policy,
    )


@dataclass(frozen=True, kw_only=True)
class _Reaper:
    """The function, and what calls it: a rule by the clock, one for spot warnings, and an alarm."""

    access: CloudAccess
    settings: Settings
    name: str

    def ensure(self) -> None:
        function_arn = self._ensure_function(self._ensure_function_role())
        self._ensure_rule(f"{self.name}-pass", function_arn, ScheduleExpression=_rate(self.settings.reap_interval))
        self._ensure_rule(
            f"{self.name}-spot-warning",
            function_arn,
            EventPattern=json.dumps({"source": ["aws.ec2"], "detail-type": ["EC2 Spot Instance Interruption Warning"]}),
        )
        self._ensure_alarm(function_arn)
        self._ensure_close_passes(function_arn)

    def _ensure_function_role(self) -> str:
        settings = self.settings
        return _ensure_role(
            self.access,
            name=f"{self.name}-role",
            trust=read_policy(settings.project_root, "reaper-trust", {}),
            policy=read_policy(
                settings.project_root,
                "reaper",
                {
                    "account": place_of(self.access).account,
                    "region": self.access.region,
                    "deployment": settings.deployment,
                    "bucket": settings.bucket,
                    "notice_prefix": NOTICE_PREFIX,
                    "reaper_function": self.name,
                },
            ),
        )

    def _ensure_function(self, role_arn: str) -> str:
        client = self.access.client("lambda")
        try:
            package = build_package(self.settings.project_root / REAPER_SOURCE)
        except OSError as exc:
            raise CloudError(f"the reaper's function can't be packed: {exc}") from exc
        wanted: dict[str, Any] = {
            "Role": role_arn,
            "Handler": REAPER_HANDLER,
            "Runtime": REAPER_RUNTIME,
            "Timeout": int(_FUNCTION_TIMEOUT.total_seconds()),
            "MemorySize": _FUNCTION_MEMORY_MIB,
            "Environment": {
                "Variables": {"DEPLOYMENT": self.settings.deployment, "BUCKET": self.settings.bucket},
            },
        }
        try:
            there = client.get_function(FunctionName=self.name)["Configuration"]
        except CLIENT_ERRORS as exc:
            if error_code(exc) not in _MISSING:
                raise
            there = client.create_function(FunctionName=self.name, Code={"ZipFile": package}, **wanted)
        if there["CodeSha256"] != base64.b64encode(hashlib.sha256(package).digest()).decode():
            client.update_function_code(FunctionName=self.name, ZipFile=package)
        if {name: there.get(name) for name in wanted} != wanted:
            client.update_function_configuration(FunctionName=self.name, **wanted)
        arn: str = there["FunctionArn"]
        return arn

    def _ensure_rule(self, rule: str, function_arn: str, **when: str) -> None:
        events = self.access.client("events")
        rule_arn = events.put_rule(Name=rule, State="ENABLED", **when)["RuleArn"]
        events.put_targets(Rule=rule, Targets=[{"Id": self.name, "Arn": function_arn}])
        self._permit(rule, "events.amazonaws.com", rule_arn)

    def _ensure_alarm(self, function_arn: str) -> None:
        alarm = f"{self.name}-overdue"
        self.access.client("cloudwatch").put_metric_alarm(
            AlarmName=alarm,
            AlarmDescription="Instances are alive past their time",
            Namespace="Janitor",
            MetricName="OverdueInstances",
            Dimensions=[{"Name": "Deployment", "Value": self.settings.deployment}],
            Statistic="Maximum",
            Period=int(_MINUTE.total_seconds()),
            EvaluationPeriods=1,
            Threshold=0,
            ComparisonOperator="GreaterThanThreshold",
            TreatMissingData="notBreaching",
            AlarmActions=[function_arn],
        )
        account = function_arn.split(":")[4]
        alarm_arn = f"arn:aws:cloudwatch:{self.access.region}:{account}:alarm:{alarm}"
        self._permit(alarm, "lambda.alarms.cloudwatch.amazonaws.com", alarm_arn)

    def _ensure_close_passes(self, function_arn: str) -> None:
        """Passes that are closer together than a minute, the shortest rate that there is.

        Several schedules run each minute, each started a little after the one before. On AWS, where a schedule fires
        anywhere in its minute, this gains little; there the interval is minutes.
        """
        settings, client = self.settings, self.access.client("scheduler")
        if not (settings.schedule_group and settings.scheduler_role_arn):
            return
        group, prefix = settings.schedule_group, f"{self.name}-pass-"
        offsets = close_passes(settings.reap_interval)
        wanted = {f"{prefix}{number}-of-{len(offsets)}": offset for number, offset in enumerate(offsets, start=1)}
        pages = client.get_paginator("list_schedules").paginate(GroupName=group, NamePrefix=prefix)
        there = {schedule["Name"] for page in pages for schedule in page["Schedules"]}
        for name in there - wanted.keys():
            client.delete_schedule(GroupName=group, Name=name)
        if not wanted.keys() - there:
            return  # all run, each in its place
        start = datetime.now(timezone.utc)
        for name, offset in wanted.items():
            definition = {
                "GroupName": group,
                "Name": name,
                "ScheduleExpression": _rate(_MINUTE),
                "StartDate": start + offset,
                "FlexibleTimeWindow": {"Mode": "OFF"},
                "Target": {"Arn": function_arn, "RoleArn": settings.scheduler_role_arn, "Input": "{}"},
            }
            if name in there:
                client.update_schedule(**definition)
            else:
                client.create_schedule(**definition)

    def _permit(self, statement: str, principal: str, source_arn: str) -> None:
        if statement in self._permitted():
            return
        self.access.client("lambda").add_permission(
            FunctionName=self.name,
            StatementId=statement,
            Action="lambda:InvokeFunction",
            Principal=principal,
            SourceArn=source_arn,
        )

    def _permitted(self) -> set[str]:
        try:
            policy = json.loads(self.access.client("lambda").get_policy(FunctionName=self.name)["Policy"])
        except CLIENT_ERRORS as exc:
            if error_code(exc) not in _MISSING:
                raise
            return set()
        return {statement["Sid"] for statement in policy["Statement"]}


def close_passes(reap_interval: timedelta) -> list[timedelta]:
    """How long after the first each of the minutely schedules starts; none where the interval is a minute or more."""
    if reap_interval >= _MINUTE:
        return []
    number = math.ceil(_MINUTE / reap_interval)
    return [_MINUTE / number * index for index in range(1, number + 1)]


def _rate(interval: timedelta) -> str:
    minutes = math.ceil(interval / _MINUTE)
    return "rate(1 minute)" if minutes == 1 else f"rate({minutes} minutes)"


def _ensure_role(access: CloudAccess, *, name: str, trust: Mapping[str, Any], policy: Mapping[str, Any]) -> str:
    """Make a role, or set its trust and policy anew; returns its ARN."""
    iam, trusted = access.client("iam"), json.dumps(trust)
    try:
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusted)
    except CLIENT_ERRORS as exc:
        if error_code(exc) not in _EXISTS:
            raise
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=trusted)
        role = iam.get_role(RoleName=name)
    iam.put_role_policy(RoleName=name, PolicyName="janitor", PolicyDocument=json.dumps(policy))
    arn: str = role["Role"]["Arn"]
    return arn
