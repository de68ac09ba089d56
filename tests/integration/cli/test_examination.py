"""`janitor doctor` of a deployment outside the local stack: all is there, and each thing taken away is named."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from janitor.cli.main import main
from janitor.domain.findings import FindingLevel
from janitor.stack.provision.killers import ensure_killers
from tests.support.localcloud_server import LocalCloudServer
from tests.support.postgres import TestDatabase
from tests.support.whole_deployment import SPOT_ROLE, Airflow, Deployment, make_spot_role, whole_deployment


@pytest.fixture(scope="module")
def shared(
    cloud: LocalCloudServer, database: TestDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """For the tests that take nothing away in the cloud."""
    with whole_deployment(cloud, database, tmp_path_factory.mktemp("deployment")) as made:
        yield made


@pytest.fixture
def deployment(shared: Deployment) -> Deployment:
    """With an Airflow that is well again."""
    for name, value in vars(Airflow(config=shared.airflow.config)).items():
        setattr(shared.airflow, name, value)
    return shared


def test_a_whole_deployment_lacks_nothing(deployment: Deployment, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    for name, value in {"JANITOR_ENV": "prod", **deployment.environ}.items():
        monkeypatch.setenv(name, value)
    code = main(["doctor", "--json"])
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert [each for each in findings if each["level"] in ("problem", "unknown")] == []
    assert code == 0
    subjects = {each["subject"] for each in findings if each["level"] == "ok"}
    assert {
        *("credentials", "clock", "region", "prices", "quota L-DB2E81BA", "quota L-3819A6DF", "spot role"),
        *("launch template", "image", "subnets", "zones", "launch", "bucket", "log group", "external timer"),
        *("external timer's role", "reaper function", "database (writing)", "database (reading)", "database schema"),
        *("airflow", "airflow's scheduler", "airflow's triggerer", "dag validate_workers", "dag reap_instances"),
        *("JANITOR_SCHEDULE", "JANITOR_DEFAULT_CONFIG", "JANITOR_REAP_INTERVAL_SECONDS"),
        *("dag run_janitor", "JANITOR_DEFAULT_REPOS_FILE", "cache volume", "alarms"),
    } <= subjects


def without_bucket(deployment: Deployment) -> None:
    deployment.client("s3").delete_bucket(Bucket=deployment.settings.bucket)


def without_log_group(deployment: Deployment) -> None:
    deployment.client("logs").delete_log_group(logGroupName=deployment.settings.log_group)


def without_template(deployment: Deployment) -> None:
    deployment.client("ec2").delete_launch_template(LaunchTemplateName=deployment.settings.launch_template)


def with_network_interfaces(deployment: Deployment) -> None:
    name = deployment.settings.launch_template
    made = deployment.client("ec2").create_launch_template_version(
        LaunchTemplateName=name,
        LaunchTemplateData={"ImageId": "ami-1", "NetworkInterfaces": [{"DeviceIndex": 0}]},
    )
    version = str(made["LaunchTemplateVersion"]["VersionNumber"])
    deployment.client("ec2").modify_launch_template(LaunchTemplateName=name, DefaultVersion=version)


def without_image(deployment: Deployment) -> None:
    ec2, name = deployment.client("ec2"), deployment.settings.launch_template
    version = ec2.describe_launch_template_versions(LaunchTemplateName=name)["LaunchTemplateVersions"][0]
    ec2.deregister_image(ImageId=version["LaunchTemplateData"]["ImageId"])


def without_profile(deployment: Deployment) -> None:
    iam, name = deployment.client("iam"), f"{deployment.settings.launch_template}-instance"
    iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=name)
    iam.delete_instance_profile(InstanceProfileName=name)


def without_subnet(deployment: Deployment) -> None:
    deployment.client("ec2").delete_subnet(SubnetId=deployment.settings.subnet_ids[0])


def without_spot_role(deployment: Deployment) -> None:
    deployment.client("iam").delete_role(RoleName=SPOT_ROLE)


def without_quota(code: str) -> Callable[[Deployment], None]:
    def take(deployment: Deployment) -> None:
        deployment.client("service-quotas").request_service_quota_increase(
            ServiceCode="ec2", QuotaCode=code, DesiredValue=0
        )

    return take


def without_group(deployment: Deployment) -> None:
    deployment.client("scheduler").delete_schedule_group(Name=deployment.settings.schedule_group)


def without_scheduler_role(deployment: Deployment) -> None:
    name = str(deployment.settings.scheduler_role_arn).rpartition("/")[2]
    iam = deployment.client("iam")
    iam.delete_role_policy(RoleName=name, PolicyName="janitor")
    iam.delete_role(RoleName=name)


def without_function(deployment: Deployment) -> None:
    deployment.client("lambda").delete_function(FunctionName=deployment.settings.reaper_function)


def with_another_deployments_function(deployment: Deployment) -> None:
    deployment.client("lambda").update_function_configuration(
        FunctionName=deployment.settings.reaper_function,
        Environment={"Variables": {"DEPLOYMENT": "another", "BUCKET": deployment.settings.bucket}},
    )


TAKEN: tuple[tuple[Callable[[Deployment], None], str, str, str], ...] = (
    (without_bucket, "bucket", "isn't there", "JANITOR_BUCKET"),
    (without_log_group, "log group", "isn't there in us-east-1", "JANITOR_LOG_GROUP"),
    (without_profile, "launch", "Invalid IAM Instance Profile", "check image, subnets"),
    (without_image, "image", "isn't there, or not shared", "build one"),
    (with_network_interfaces, "launch template", "refuses its network interfaces", "subnets"),
    (without_template, "launch template", "isn't there in us-east-1", "JANITOR_LAUNCH_TEMPLATE"),
    (without_subnet, "subnets", "is not there in us-east-1", "JANITOR_SUBNET_IDS"),
    (without_spot_role, "spot role", "no spot instance is launched", "create-service-linked-role"),
    (without_quota("L-DB2E81BA"), "quota L-DB2E81BA", "0 vCPUs; one instance has 4", "Service Quotas"),
    (without_quota("L-3819A6DF"), "quota L-3819A6DF", "none can be launched", "ask for 8"),
    (without_group, "external timer", "no instance gets its timer", "JANITOR_SCHEDULE_GROUP"),
    (without_scheduler_role, "external timer's role", "would fire and end nothing", "Terraform"),
    (
        with_another_deployments_function,
        *("reaper function", "looks after another deployment (DEPLOYMENT=another)", "apply Terraform"),
    ),
    (without_function, "reaper function", "isn't there in us-east-1", "JANITOR_REAPER_FUNCTION"),
)
"""One after the other: a template that is gone takes its image along."""


@pytest.fixture
def whole_again(cloud: LocalCloudServer) -> Iterator[None]:
    """What belongs to the account, and not to the deployment, comes back."""
    yield
    for code in ("L-DB2E81BA", "L-3819A6DF"):
        cloud.client("service-quotas").request_service_quota_increase(
            ServiceCode="ec2", QuotaCode=code, DesiredValue=64
        )
    make_spot_role(cloud)


@pytest.mark.usefixtures("whole_again")
def test_each_thing_that_is_taken_away_is_named_with_the_next_step(
    cloud: LocalCloudServer, database: TestDatabase, tmp_path: Path
) -> None:
    blamed: set[str] = set()
    with whole_deployment(cloud, database, tmp_path) as deployment:
        for take, subject, said, step in TAKEN:
            take(deployment)
            found = deployment.findings()
            problems = [each for each in found[subject] if each.level is FindingLevel.PROBLEM]
            assert problems
            for finding in problems:
                assert said in finding.message
                assert step in str(finding.next_step)
            blamed.add(subject)
            every = [each for of_subject in found.values() for each in of_subject]
            # Nothing else is, but what was taken away before.
            assert {each.subject for each in every if each.level is FindingLevel.PROBLEM} <= blamed
            assert [each for each in every if each.level is FindingLevel.UNKNOWN] == []


def test_a_function_that_nobody_calls_is_dead(deployment: Deployment) -> None:
    name = f"idle-{uuid4().hex[:8]}"
    ensure_killers(deployment.settings.model_copy(update={"reaper_function": name, "schedule_group": None}))
    (finding,) = deployment.findings(reaper_function=name)["reaper function"]
    assert finding.level is FindingLevel.PROBLEM
    assert "has not run in the last 15 minutes" in finding.message


def test_an_account_that_doesnt_know_who_asks(deployment: Deployment) -> None:
    found = deployment.findings(aws_access_key_id="AKIAUNKNOWN000000000")
    assert found["credentials"][0].level is FindingLevel.PROBLEM
    assert "aws sso login" in str(found["credentials"][0].next_step)
    assert found["account"][0].level is FindingLevel.UNKNOWN
    assert "bucket" not in found
    # The other parts are asked all the same.
    assert found["database schema"][0].level is FindingLevel.OK


def test_a_question_that_is_refused_is_unknown_and_never_right(deployment: Deployment, cloud: LocalCloudServer) -> None:
    cloud.set_faults({"api": "GetServiceQuota", "code": "AccessDeniedException"})
    try:
        found = deployment.findings()
    finally:
        cloud.set_faults()
    (finding,) = found["quotas"]
    assert finding.level is FindingLevel.UNKNOWN
    assert "not allowed to ask" in finding.message


@pytest.mark.parametrize(
    ("code", "level", "step"),
    [
        ("UnauthorizedOperation", FindingLevel.PROBLEM, "-controller (Terraform's output controller_policy_arn)"),
        ("VcpuLimitExceeded", FindingLevel.PROBLEM, "L-DB2E81BA"),
        ("InternalError", FindingLevel.UNKNOWN, "run this again"),
    ],
)
def test_a_launch_that_would_be_refused(
    deployment: Deployment, cloud: LocalCloudServer, code: str, level: FindingLevel, step: str
) -> None:
    said = "You are not authorized to perform this operation. Encoded authorization failure message: AbCdEf"
    status = 500 if code == "InternalError" else 403
    cloud.set_faults({"api": "RunInstances", "code": code, "message": said, "http_status": status})
    try:
        found = deployment.findings()["launch"]
    finally:
        cloud.set_faults()
    assert {each.message.split(", ")[1] for each in found} == {"spot", "on-demand"}
    for finding in found:
        assert finding.level is level
        assert code in finding.message
        assert "AbCdEf" not in finding.message
        assert step in str(finding.next_step)
    ec2 = deployment.client("ec2")
    tag = {"Name": "tag:janitor:deployment", "Values": [deployment.settings.deployment]}
    assert ec2.describe_instances(Filters=[tag])["Reservations"] == []


@pytest.mark.parametrize(
    ("changed", "subject", "said"),
    [
        ({"region": "us-east-9"}, "region", "us-east-9 is no region of EC2; did you mean us-east-"),
        ({"default_config": "infra/nowhere.yaml"}, "configuration", "there is no such file"),
        ({"default_repos_file": "infra/nowhere.yaml"}, "repositories", "there is no such file"),
        ({"volume_gib": 50}, "root volume", "100 GiB in the template, 50 GiB in the costs"),
        ({"subnet_ids": ()}, "subnets", "none are named"),
    ],
)
def test_settings_that_dont_fit(deployment: Deployment, changed: dict[str, Any], subject: str, said: str) -> None:
    assert said in deployment.findings(**changed)[subject][0].message


def test_a_zone_without_the_type(deployment: Deployment) -> None:
    ec2 = deployment.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.0.0/24", AvailabilityZone="us-east-1e")["Subnet"]["SubnetId"]
    found = deployment.findings(subnet_ids=(subnet,))
    (zones,) = found["zones"]
    assert zones.level is FindingLevel.PROBLEM
    assert "no subnet is in a zone that offers g5.xlarge, which is offered in us-east-1a" in zones.message
    assert "no public address" in found["subnets"][0].message


def test_an_airflow_that_read_other_settings(deployment: Deployment) -> None:
    deployment.airflow.schedule, deployment.airflow.interval = "None", "0:10:00"
    deployment.airflow.is_paused, deployment.airflow.heartbeat_age = True, timedelta(hours=1)
    found = deployment.findings()
    assert found["JANITOR_SCHEDULE"][0].message == "Airflow has none, ENV=prod says 0 3 * * *"
    assert "Airflow has 0:10:00, ENV=prod says 0:05:00" in found["JANITOR_REAP_INTERVAL_SECONDS"][0].message
    assert found["JANITOR_DEFAULT_CONFIG"][0].level is FindingLevel.OK
    assert "is paused" in found["dag validate_workers"][0].message
    assert "is paused" in found["dag run_janitor"][0].message
    assert found["airflow's triggerer"][0].level is FindingLevel.PROBLEM


def test_an_airflow_without_the_dag_of_sequential_runs_or_with_another_list(deployment: Deployment) -> None:
    deployment.airflow.repos = "infra/others.yaml"
    (differs,) = deployment.findings()["JANITOR_DEFAULT_REPOS_FILE"]
    assert differs.message == "Airflow has infra/others.yaml, ENV=prod says infra/repos.yaml"
    deployment.airflow.lacks = ("run_janitor",)
    found = deployment.findings()
    assert found["dag run_janitor"][0].level is FindingLevel.PROBLEM
    assert "Airflow doesn't have it" in found["dag run_janitor"][0].message
    assert found["dag validate_workers"][0].level is FindingLevel.OK


REPOS = """\
default_instance_type: {instance_type}
default_market: {market}
repositories:
  - {{name: one, organization: tests, prompt: look}}
"""


def test_the_types_of_sequential_runs_are_asked_for_too(deployment: Deployment, tmp_path: Path) -> None:
    repos = tmp_path / "repos.yaml"
    repos.write_text(REPOS.format(instance_type="p4d.24xlarge", market="spot"))
    found = deployment.findings(default_repos_file=str(repos))
    assert found["quota L-7212CCBC"][0].level is FindingLevel.OK
    assert {"g5.xlarge", "p4d.24xlarge"} == {each.message.partition(" ")[0] for each in found["zones"]}
    assert {each.message.partition(",")[0] for each in found["launch"]} == {"g5.xlarge", "p4d.24xlarge"}
    repos.write_text(REPOS.format(instance_type="g99.xlarge", market="on-demand"))
    found = deployment.findings(default_repos_file=str(repos))
    assert "g99.xlarge isn't offered in us-east-1" in found["instance types"][0].message
    assert str(repos) in str(found["instance types"][0].next_step)


@pytest.mark.usefixtures("whole_again")
def test_a_quota_is_judged_by_each_configuration(deployment: Deployment, tmp_path: Path) -> None:
    """Enough for a parallel run, and not for the one larger instance of a sequential one."""
    repos = tmp_path / "repos.yaml"
    repos.write_text(REPOS.format(instance_type="g5.12xlarge", market="on-demand"))
    deployment.client("service-quotas").request_service_quota_increase(
        ServiceCode="ec2", QuotaCode="L-DB2E81BA", DesiredValue=8
    )
    (quota,) = deployment.findings(default_repos_file=str(repos))["quota L-DB2E81BA"]
    assert quota.level is FindingLevel.PROBLEM
    assert f"8 vCPUs; one instance has 48, so none can be launched ({repos})" in quota.message
    assert "ask for 48" in str(quota.next_step)


def test_an_airflow_of_another_version_and_one_that_refuses(deployment: Deployment) -> None:
    deployment.airflow.version = "3.0.6"
    assert "version 3.0.6; this checkout is tested with" in deployment.findings()["airflow"][0].message
    deployment.airflow.token = "another"
    (refused,) = deployment.findings()["airflow"]
    assert refused.level is FindingLevel.PROBLEM
    assert "(401)" in refused.message


def test_a_role_without_its_group(deployment: Deployment, database: TestDatabase) -> None:
    """The reading role in the writing one's place logs in, and may not write."""
    (writing,) = deployment.findings(database_url=deployment.settings.reader_database_url)["database (writing)"]
    assert writing.level is FindingLevel.PROBLEM
    assert "make db-roles" in str(writing.next_step)
