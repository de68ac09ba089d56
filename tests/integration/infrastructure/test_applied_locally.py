"""ENV=local: Terraform's own template, roles, group, function and logs are what a validation through the DAG uses."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from janitor.cloud.call_record import read_calls
from janitor.domain.states import RunStatus
from janitor.settings import load_settings
from janitor.settings.parts.infrastructure import Provisioner
from janitor.stack.provision.policies import read_policy
from tests.integration.infrastructure.conftest import ROOT, Applied
from tests.support.iam import actions_of, is_allowed
from tests.support.iam_requests import asked_of_kind
from tests.support.janitor_command import janitor

pytestmark = pytest.mark.timeout(2400)

OTHERWISE_NAMED = {
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectsV2": "s3:ListBucket",
    "sts:GetCallerIdentity": None,  # needs no permission
}
"""Calls whose permission has another name. Source: Service Authorization Reference, "Actions, resources and keys"."""
BY_DRY_RUN = "RunInstances"
"""What it is asked for, and that the policy allows it, is a test of `janitor doctor`, which sends the same."""
_DOCTOR = "`janitor doctor`, before the first run"
_IN_TURN = "a sequential run with a cache volume"
NOT_SENT = {
    "cloudwatch:DescribeAlarms": _DOCTOR,
    "cloudwatch:GetMetricStatistics": _DOCTOR,
    "ec2:AttachVolume": _IN_TURN,
    "ec2:DescribeImages": _DOCTOR,
    "ec2:DescribeInstanceTypeOfferings": _DOCTOR,
    "ec2:DescribeInstanceTypes": _DOCTOR,
    "ec2:DescribeSubnets": _IN_TURN,
    "ec2:DescribeVolumes": _IN_TURN,
    "iam:GetRole": _DOCTOR,
    "iam:GetRolePolicy": _DOCTOR,
    "lambda:GetFunctionConfiguration": _DOCTOR,
    "scheduler:GetScheduleGroup": _DOCTOR,
    "logs:DescribeLogGroups": _DOCTOR,
    "servicequotas:GetServiceQuota": _DOCTOR,
    "sns:ListSubscriptionsByTopic": _DOCTOR,
    "ec2:CreateTags": "RunInstances sends the tags with it, and `janitor keep` sets its own",
    "ec2:DescribeSpotPriceHistory": "for spot instances; the run had none",
    "iam:PassRole": "no call: EC2 and Scheduler ask for it when they are given a role",
    "logs:FilterLogEvents": "signs of life of a validation that lasts longer than this one",
    "logs:GetLogEvents": "`janitor logs`, and the end of a validation that failed",
    "scheduler:UpdateSchedule": "a debug lease that is made longer, and a timer that is armed again",
    "scheduler:GetSchedule": "the reaper's look at the timers of instances that live longer",
    "scheduler:ListSchedules": "the reaper's look at the timers of instances that live longer",
    "ssm:CancelCommand": "a validation that is cancelled or over its limit",
    "ssm:GetParameters": "no call: EC2 asks for it where a template says resolve:ssm",
}
"""Actions of the controller's policy that one good run may not need."""


def test_the_second_plan_is_empty(applied: Applied) -> None:
    assert "No changes." in applied.second_plan, applied.second_plan[-6000:]
    assert "\x1b[" not in applied.second_plan  # colours are for terminals


def test_the_settings_name_what_terraform_made(applied: Applied) -> None:
    settings, name = applied.settings, f"janitor-{applied.settings.deployment}"
    assert settings.provisioned_by is Provisioner.TERRAFORM
    assert (settings.launch_template, settings.schedule_group, settings.reaper_function) == (
        name,
        name,
        f"{name}-reaper",
    )
    assert settings.bucket != applied.before.bucket
    assert settings.subnet_ids
    assert settings.deployment == applied.before.deployment


def test_a_validation_uses_it(applied: Applied) -> None:
    settings, name = applied.settings, f"janitor-{applied.settings.deployment}"
    assert applied.run.status is RunStatus.SUCCESS
    ec2: Any = applied.client("ec2")
    (instance,) = applied.instances
    assert instance["IamInstanceProfile"]["Arn"].endswith(f":instance-profile/{name}-instance")
    volumes = ec2.describe_launch_template_versions(LaunchTemplateName=name, Versions=["$Default"])
    data = volumes["LaunchTemplateVersions"][0]["LaunchTemplateData"]
    assert data["BlockDeviceMappings"][0]["Ebs"]["VolumeSize"] == settings.volume_gib
    assert data["MetadataOptions"]["HttpTokens"] == "required"
    launched = json.loads(_launch_of(applied))
    assert launched["subnet_id"] in settings.subnet_ids
    assert any(one.endswith(instance["InstanceId"]) for one in applied.timers)
    logs: Any = applied.client("logs")
    streams = logs.describe_log_streams(logGroupName=settings.log_group)["logStreams"]
    assert any(instance["InstanceId"] in one["logStreamName"] for one in streams)
    s3: Any = applied.client("s3")
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=settings.bucket)["Contents"]]
    assert any(key.startswith(f"janitor-reports/{applied.run.run_id}/") for key in keys)


def _launch_of(applied: Applied) -> str:
    """Where the run's one instance was launched, by the ledger."""
    from janitor.stores.database import transaction

    with transaction(applied.settings.writer_url) as connection:
        row = connection.execute(
            "select a.subnet_id from placement_attempts a join instances i using (ledger_id)"
            " where i.run_id = %s and a.result = 'launched'",
            (applied.run.run_id,),
        ).fetchone()
    assert row is not None
    return json.dumps({"subnet_id": row["subnet_id"] if isinstance(row, dict) else row[0]})


def test_the_function_that_terraform_made_is_called_by_its_rule(applied: Applied) -> None:
    cloudwatch: Any = applied.client("cloudwatch")
    now, deadline = datetime.now(timezone.utc), time.monotonic() + 150
    while True:
        points = cloudwatch.get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName="Invocations",
            Dimensions=[{"Name": "FunctionName", "Value": applied.settings.reaper_function}],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(hours=1),
            Period=60,
            Statistics=["Sum"],
        )["Datapoints"]
        if sum(point["Sum"] for point in points) >= 1:
            break
        assert time.monotonic() < deadline, "no pass of the function within 150 s"
        time.sleep(2)
    function: Any = applied.client("lambda")
    answer = function.invoke(FunctionName=applied.settings.reaper_function, Payload=b"{}")
    assert "FunctionError" not in answer
    assert json.loads(answer["Payload"].read())["failed"] == []
    variables = function.get_function_configuration(FunctionName=applied.settings.reaper_function)["Environment"]
    assert variables["Variables"] == {"DEPLOYMENT": applied.settings.deployment, "BUCKET": applied.settings.bucket}


def test_the_dashboard_is_told_how_the_run_ended(applied: Applied) -> None:
    cloudwatch: Any = applied.client("cloudwatch")
    metrics = cloudwatch.list_metrics(Namespace="Janitor")["Metrics"]
    told = {
        (one["MetricName"], next((d["Value"] for d in one["Dimensions"] if d["Name"] in ("Verdict", "Result")), ""))
        for one in metrics
    }
    assert {("Verdicts", "success"), ("Launches", "launched"), ("CostUsd", "")} <= told
    (dashboard,) = cloudwatch.list_dashboards()["DashboardEntries"]
    body = json.loads(cloudwatch.get_dashboard(DashboardName=dashboard["DashboardName"])["DashboardBody"])
    titles = " ".join(widget["properties"]["title"] for widget in body["widgets"])
    for subject in (
        "Live instances",
        "Launches by result",
        "Verdicts",
        "Overdue",
        "Cost to date",
        "Passes",
        "Errors of all",
    ):
        assert subject in titles


def test_every_call_is_in_the_policy_and_every_action_was_sent_or_has_its_reason(applied: Applied) -> None:
    kinds = read_calls(applied.calls_file)
    sent = {f"{kind.service}:{kind.action}" for kind in kinds}
    assert len(sent) >= 12, sent
    needed = {name for call in sent if (name := OTHERWISE_NAMED.get(call, call))}
    policy = _policy(applied)
    allowed = actions_of(policy)
    assert needed - allowed == set()
    assert allowed - needed - NOT_SENT.keys() == set()
    assert NOT_SENT.keys() <= allowed, "a reason without an action"
    # And on what they were sent to: each folder of the bucket, group, document and namespace.
    values = _values(applied)
    asked = [one for kind in kinds if kind.action != BY_DRY_RUN for one in asked_of_kind(kind, values)]
    assert [
        (one.action, one.resource) for one in asked if not is_allowed(policy, one.action, one.resource, one.context)
    ] == []
    folders = {kind.where for kind in kinds if kind.service == "s3" and kind.where}
    assert {"janitor-artefacts", "janitor-reports", "janitor-specs"} <= folders


def _values(applied: Applied) -> dict[str, str]:
    settings = applied.settings
    return {
        "account": "123456789012",
        "region": settings.region,
        "deployment": settings.deployment,
        "bucket": settings.bucket,
        "notice_prefix": "janitor-notices",
        "reaper_function": f"janitor-{settings.deployment}-reaper",
    }


def _policy(applied: Applied) -> dict[str, Any]:
    """As IAM has it, rendered by Terraform."""
    iam: Any = applied.client("iam")
    name = f"janitor-{applied.settings.deployment}-controller"
    (found,) = [one for one in iam.list_policies(Scope="Local")["Policies"] if one["PolicyName"] == name]
    version = iam.get_policy_version(PolicyArn=found["Arn"], VersionId=found["DefaultVersionId"])
    document: dict[str, Any] = version["PolicyVersion"]["Document"]
    return document


def test_the_local_stacks_reader_renders_the_same_text(applied: Applied) -> None:
    """One definition: what Terraform's templatefile makes of a file is what `read_policy` makes of it."""
    iam: Any = applied.client("iam")
    name = f"janitor-{applied.settings.deployment}"
    made = iam.get_role_policy(RoleName=f"{name}-reaper", PolicyName="janitor")["PolicyDocument"]
    assert made == read_policy(ROOT, "reaper", _values(applied))


def test_z_destroy_refuses_while_an_instance_lives_and_then_leaves_nothing(applied: Applied) -> None:
    """Last of this file: it takes away what the others look at."""
    settings, ec2 = applied.settings, applied.client("ec2")
    tags = [{"Key": "janitor:deployment", "Value": settings.deployment}]
    launched = ec2.run_instances(
        MinCount=1,
        MaxCount=1,
        InstanceType="g5.xlarge",
        LaunchTemplate={"LaunchTemplateName": settings.launch_template},
        TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
    )
    instance_id = launched["Instances"][0]["InstanceId"]
    refused = janitor(applied.environment, "destroy", "--env", "local", "--yes")
    assert refused.returncode == 3, refused.stdout
    assert instance_id in refused.stdout
    assert "make kill-all-workers" in refused.stdout
    assert _left(applied), "a refusal destroyed something"
    done = janitor(applied.environment, "destroy", "--env", "local", "--kill-all-workers", "--yes")
    assert done.returncode == 0, done.stdout
    assert _left(applied) == []
    state = json.loads((settings.state_dir / "terraform" / "local" / "terraform.tfstate").read_text())
    assert state["resources"] == []
    after = load_settings("local", environ=applied.environment, project_root=ROOT)
    assert after.provisioned_by is Provisioner.OWN
    assert after.bucket == applied.before.bucket


def _left(applied: Applied) -> list[str]:
    """Everything with Terraform's name that is still in the cloud."""
    name = f"janitor-{applied.settings.deployment}"
    ask: Any = applied.client
    asked: dict[str, list[str]] = {
        "template": [one["LaunchTemplateName"] for one in ask("ec2").describe_launch_templates()["LaunchTemplates"]],
        # The stack's own cache volume has the same name, and not Terraform's tag.
        "volume": _names(
            ask("ec2").describe_volumes(Filters=[{"Name": "tag-key", "Values": ["janitor:stack"]}])["Volumes"]
        ),
        "vpc": _names(ask("ec2").describe_vpcs()["Vpcs"]),
        "subnet": _names(ask("ec2").describe_subnets()["Subnets"]),
        "gateway": _names(ask("ec2").describe_internet_gateways()["InternetGateways"]),
        # EC2 shows a deleted one for a while, as it does instances.
        "endpoint": _names(
            [each for each in ask("ec2").describe_vpc_endpoints()["VpcEndpoints"] if each["State"] != "deleted"]
        ),
        "security group": [one["GroupName"] for one in ask("ec2").describe_security_groups()["SecurityGroups"]],
        "role": [one["RoleName"] for one in ask("iam").list_roles()["Roles"]],
        "policy": [one["PolicyName"] for one in ask("iam").list_policies(Scope="Local")["Policies"]],
        "profile": [one["InstanceProfileName"] for one in ask("iam").list_instance_profiles()["InstanceProfiles"]],
        "bucket": [one["Name"] for one in ask("s3").list_buckets()["Buckets"]],
        "group": [one["Name"] for one in ask("scheduler").list_schedule_groups()["ScheduleGroups"]],
        "function": [one["FunctionName"] for one in ask("lambda").list_functions()["Functions"]],
        "rule": [one["Name"] for one in ask("events").list_rules()["Rules"]],
        "alarm": [one["AlarmName"] for one in ask("cloudwatch").describe_alarms()["MetricAlarms"]],
        "dashboard": [one["DashboardName"] for one in ask("cloudwatch").list_dashboards()["DashboardEntries"]],
        "log group": [one["logGroupName"] for one in ask("logs").describe_log_groups()["logGroups"]],
        "topic": [one["TopicArn"].rpartition(":")[2] for one in ask("sns").list_topics()["Topics"]],
        "repository": [one["repositoryName"] for one in ask("ecr").describe_repositories()["repositories"]],
        "budget": [one["BudgetName"] for one in ask("budgets").describe_budgets(AccountId="123456789012")["Budgets"]],
    }
    ours = (name, f"/aws/lambda/{name}", f"/janitor-runner/{applied.settings.deployment}")
    return [f"{kind} {each}" for kind, names in asked.items() for each in names if each.startswith(ours)]


def _names(described: list[dict[str, Any]]) -> list[str]:
    return [tag["Value"] for one in described for tag in one.get("Tags", []) if tag["Key"] == "Name"]


def test_nothing_of_a_state_is_committed() -> None:
    import subprocess

    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert [one for one in listed.stdout.splitlines() if "tfstate" in one or ".terraform" in Path(one).parts] == []
