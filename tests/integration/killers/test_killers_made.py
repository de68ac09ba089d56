"""What `make up` makes in the cloud, and that making it again changes nothing but what differs."""

from __future__ import annotations

import io
import itertools
import json
import shutil
import zipfile
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from janitor.cloud.notices import spot_warnings
from janitor.domain.errors import CloudError
from janitor.settings import Settings, StackKind
from janitor.stack.provision.foundation import ensure_foundation
from janitor.stack.provision.killers import close_passes, ensure_killers
from janitor.stores.records import InstanceRecord
from tests.support.cloud import eventually
from tests.support.killers import Fleet, short_lived
from tests.support.localcloud_server import LocalCloudServer


def schedules(fleet: Fleet, settings: Settings | None = None) -> list[str]:
    group = (settings or fleet.settings).schedule_group
    listed = fleet.access.client("scheduler").list_schedules(GroupName=group)["Schedules"]
    return sorted(schedule["Name"] for schedule in listed)


def function(fleet: Fleet) -> dict[str, Any]:
    return fleet.access.client("lambda").get_function(FunctionName=fleet.settings.reaper_function)["Configuration"]


def everything(fleet: Fleet) -> dict[str, Any]:
    """What is there, without what changes by itself."""
    access, name = fleet.access, fleet.settings.reaper_function
    rules = access.client("events").list_rules(NamePrefix=name)["Rules"]
    permissions = json.loads(access.client("lambda").get_policy(FunctionName=name)["Policy"])["Statement"]
    alarms = access.client("cloudwatch").describe_alarms(AlarmNames=[f"{name}-overdue"])["MetricAlarms"]
    return {
        "schedules": {
            schedule: access.client("scheduler").get_schedule(GroupName=fleet.settings.schedule_group, Name=schedule)[
                "StartDate"
            ]
            for schedule in schedules(fleet)
        },
        "function": {key: function(fleet)[key] for key in ("CodeSha256", "Role", "Environment", "Timeout")},
        "rules": rules,
        "targets": [access.client("events").list_targets_by_rule(Rule=rule["Name"])["Targets"] for rule in rules],
        "permissions": sorted(permission["Sid"] for permission in permissions),
        "alarm": [(alarm["AlarmActions"], alarm["Threshold"], alarm["MetricName"]) for alarm in alarms],
    }


def test_everything_is_there_once(fleet: Fleet) -> None:
    before, name = everything(fleet), fleet.settings.reaper_function
    assert [rule["Name"] for rule in before["rules"]] == [f"{name}-pass", f"{name}-spot-warning"]
    assert before["rules"][0]["ScheduleExpression"] == "rate(1 minute)"
    assert before["permissions"] == [f"{name}-overdue", f"{name}-pass", f"{name}-spot-warning"]
    arn = function(fleet)["FunctionArn"]
    assert [[target["Arn"] for target in targets] for targets in before["targets"]] == [[arn], [arn]]
    assert before["alarm"] == [([arn], 0.0, "OverdueInstances")]
    assert before["function"]["Environment"]["Variables"] == {
        "DEPLOYMENT": fleet.settings.deployment,
        "BUCKET": fleet.settings.bucket,
    }
    ensure_killers(fleet.settings)
    assert everything(fleet) == before


def test_passes_are_as_close_as_the_interval(fleet: Fleet) -> None:
    """A rate is at least a minute; several schedules share it, each at its own time."""
    name = fleet.settings.reaper_function
    assert schedules(fleet) == [f"{name}-pass-{number}-of-6" for number in range(1, 7)]
    starts = sorted(everything(fleet)["schedules"].values())
    assert {later - earlier for earlier, later in itertools.pairwise(starts)} == {timedelta(seconds=10)}
    slower = fleet.settings.model_copy(update={"reap_interval": timedelta(seconds=30)})
    ensure_killers(slower)
    assert schedules(fleet) == [f"{name}-pass-{number}-of-2" for number in (1, 2)]
    ensure_killers(fleet.settings.model_copy(update={"reap_interval": timedelta(minutes=5)}))
    assert schedules(fleet) == []
    assert everything(fleet)["rules"][0]["ScheduleExpression"] == "rate(5 minutes)"


def test_how_close_passes_are() -> None:
    assert close_passes(timedelta(minutes=1)) == []
    assert close_passes(timedelta(seconds=30)) == [timedelta(seconds=30), timedelta(seconds=60)]
    assert len(close_passes(timedelta(seconds=25))) == 3


def test_a_changed_source_is_brought_over(fleet: Fleet, tmp_path: Path) -> None:
    root = tmp_path / "project"
    for folder in ("lambda", "policies"):
        shutil.copytree(fleet.settings.project_root / "infra" / folder, root / "infra" / folder)
    with (root / "infra" / "lambda" / "reaper.py").open("a") as source:
        source.write("\nCHANGED = True\n")
    before = function(fleet)["CodeSha256"]
    ensure_killers(fleet.settings.model_copy(update={"project_root": root, "bucket": "another"}))
    after = function(fleet)
    assert after["CodeSha256"] != before
    assert after["Environment"]["Variables"]["BUCKET"] == "another"
    ensure_killers(fleet.settings)
    assert function(fleet)["CodeSha256"] == before


def test_a_missing_source_is_said(fleet: Fleet, tmp_path: Path) -> None:
    elsewhere = fleet.settings.model_copy(update={"project_root": tmp_path})
    with pytest.raises(CloudError, match=r"scheduler-trust\.json"):
        ensure_killers(elsewhere)
    shutil.copytree(fleet.settings.project_root / "infra" / "policies", tmp_path / "infra" / "policies")
    with pytest.raises(CloudError, match=r"reaper\.py"):
        ensure_killers(elsewhere)


def test_the_timers_role_is_for_its_group_and_its_instances_alone(fleet: Fleet) -> None:
    iam = fleet.access.client("iam")
    role = (fleet.settings.scheduler_role_arn or "").rpartition("/")[2]
    (trust,) = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"]["StringEquals"]["aws:SourceArn"].endswith(
        f":schedule-group/{fleet.settings.schedule_group}"
    )
    policy = iam.get_role_policy(RoleName=role, PolicyName="janitor")["PolicyDocument"]["Statement"]
    (terminate,) = [one for one in policy if one["Action"] == "ec2:TerminateInstances"]
    assert terminate["Condition"] == {"StringEquals": {"aws:ResourceTag/janitor:deployment": fleet.settings.deployment}}


def test_without_a_reaper_the_timers_role_calls_no_function(fleet: Fleet, killers_cloud: LocalCloudServer) -> None:
    ensure_killers(fleet.settings.model_copy(update={"reaper_function": None}))
    role = str(fleet.settings.scheduler_role_arn).rpartition("/")[2]
    policy = killers_cloud.client("iam").get_role_policy(RoleName=role, PolicyName="janitor")["PolicyDocument"]
    assert [one["Action"] for one in policy["Statement"]] == ["ec2:TerminateInstances"]


def test_elsewhere_nothing_is_made(fleet: Fleet, killers_cloud: LocalCloudServer) -> None:
    """On AWS Terraform makes the killers."""
    external = fleet.settings.model_copy(
        update={"stack": StackKind.EXTERNAL, "schedule_group": "never", "reaper_function": "never"}
    )
    ensure_foundation(external)
    groups = killers_cloud.client("scheduler").list_schedule_groups()["ScheduleGroups"]
    assert "never" not in {group["Name"] for group in groups}


def test_without_names_nothing_is_made(killers_settings: Settings) -> None:
    nowhere = {"aws_endpoint_url": "http://127.0.0.1:9", "schedule_group": None, "reaper_function": None}
    ensure_killers(killers_settings.model_copy(update=nowhere))


def test_a_refusal_says_what_to_do(fleet: Fleet, killers_cloud: LocalCloudServer) -> None:
    killers_cloud.set_faults({"api": "PutRule", "code": "AccessDeniedException", "http_status": 400})
    try:
        with pytest.raises(CloudError, match=r"JANITOR_REAPER_FUNCTION.*local\.env"):
            ensure_killers(fleet.settings)
    finally:
        killers_cloud.set_faults()


def test_the_function_runs_as_it_is_packed(killers_settings: Settings) -> None:
    """Through Lambda, from its zip, with its environment: one overdue instance goes, with a notice."""

    def invoke(fleet: Fleet) -> dict[str, Any]:
        answer = fleet.access.client("lambda").invoke(FunctionName=fleet.settings.reaper_function, Payload=b"{}")
        body: dict[str, Any] = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, body
        return body

    def look_once(fleet: Fleet, record: InstanceRecord) -> dict[str, Any]:
        fleet.leave_only(None, record)
        return invoke(fleet)

    with short_lived(killers_settings, look_once) as (fleet, record, first):
        assert (first["looked_at"], first["terminated"]) == (1, [])
        found = eventually("the end of its time", lambda: [one for one in [invoke(fleet)] if one["terminated"]], 300)
        assert found[0]["terminated"] == [record.instance_id]
        key = f"janitor-notices/{fleet.settings.deployment}/terminated/{record.instance_id}.json"
        body = json.load(fleet.access.client("s3").get_object(Bucket=fleet.settings.bucket, Key=key)["Body"])
        assert (body["killer"], body["instance_id"]) == (fleet.settings.reaper_function, record.instance_id)


def test_the_clock_calls_the_function(fleet: Fleet) -> None:
    """The passes run by themselves, and tell how many instances there are."""
    fleet.launch_plain(datetime.now(timezone.utc) + timedelta(hours=1))
    now = datetime.now(timezone.utc)

    def told() -> float:
        points = fleet.access.client("cloudwatch").get_metric_statistics(
            Namespace="Janitor",
            MetricName="InstancesAlive",
            Dimensions=[{"Name": "Deployment", "Value": fleet.settings.deployment}],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(hours=1),
            Period=60,
            Statistics=["Maximum"],
        )["Datapoints"]
        return max((float(point["Maximum"]) for point in points), default=0.0)

    eventually("a pass that saw the instance", lambda: told() == 1.0, 120)


def test_an_alarm_calls_the_function(fleet: Fleet) -> None:
    """Whoever sees an overdue instance may say so in the metric: the alarm calls the function."""
    fleet.disable_passes()
    instance_id = fleet.launch_plain(datetime.now(timezone.utc))
    fleet.access.client("cloudwatch").put_metric_data(
        Namespace="Janitor",
        MetricData=[
            {
                "MetricName": "OverdueInstances",
                "Dimensions": [{"Name": "Deployment", "Value": fleet.settings.deployment}],
                "Value": 1,
            }
        ],
    )
    eventually("the end", lambda: fleet.state(instance_id) == "terminated", 120)


def test_a_spot_warning_reaches_the_bucket(fleet: Fleet) -> None:
    """EventBridge's rule calls the function, which leaves word for the run."""
    record = fleet.launch()
    fleet.access.client("events").put_events(
        Entries=[
            {
                "Source": "aws.ec2",
                "DetailType": "EC2 Spot Instance Interruption Warning",
                "Detail": json.dumps({"instance-id": record.instance_id, "instance-action": "terminate"}),
            }
        ]
    )
    settings = fleet.settings
    eventually("the notice", lambda: spot_warnings(fleet.access, settings.bucket, settings.deployment), 120)
    assert spot_warnings(fleet.access, settings.bucket, settings.deployment) == {record.instance_id}


def test_its_package_holds_the_handler(fleet: Fleet) -> None:
    from janitor.stack.provision.function_package import REAPER_HANDLER, REAPER_SOURCE, build_package

    package = build_package(fleet.settings.project_root / REAPER_SOURCE)
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        module, _, name = REAPER_HANDLER.partition(".")
        assert f"def {name}(" in archive.read(f"{module}.py").decode()
