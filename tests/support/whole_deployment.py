"""A whole deployment outside the local stack, which lacks nothing: in a local cloud, with a database and an Airflow.

The cloud, the database and the function are real ones of this machine; Airflow is a server that answers its REST API.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

from janitor.cloud.session import CloudAccess
from janitor.domain.findings import Finding
from janitor.services.examination.examine import examine
from janitor.settings import Settings, load_settings
from janitor.stack.provision.foundation import ensure_foundation
from janitor.stack.provision.killers import ensure_killers
from tests.support.airflow_doors import Asked, listening
from tests.support.localcloud_server import LocalCloudServer
from tests.support.postgres import TestDatabase

ROOT = Path(__file__).resolve().parents[2]
ZONE = "us-east-1a"
SPOT_ROLE = "AWSServiceRoleForEC2Spot"
CONFIG = """\
default_market: spot-then-on-demand
default_instance_type: g5.xlarge
repositories:
  - {name: one, organization: tests, prompt: look}
  - {name: two, organization: tests, prompt: look}
"""


@dataclass
class Airflow:
    """What the REST API of a healthy Airflow with this deployment's settings says; a test changes it."""

    schedule: str = "0 3 * * *"
    interval: str = "0:05:00"
    config: str = ""
    repos: str = "infra/repos.yaml"
    is_paused: bool = False
    version: str = "3.3.2"
    heartbeat_age: timedelta = timedelta(seconds=3)
    token: str = "the-token"
    lacks: tuple[str, ...] = ()
    """DAGs that it doesn't have."""

    def __call__(self, asked: Asked) -> tuple[int, Any]:
        path = asked.path.partition("?")[0].removeprefix("/api/v2")
        # Anybody is told these two. Source: airflow/api_fastapi/core_api/routes/public/__init__.py.
        is_open = path in ("/version", "/monitor/health")
        if not is_open and asked.headers.get("Authorization") != f"Bearer {self.token}":
            return 401, {"detail": "Not authenticated"}
        beat = (datetime.now(timezone.utc) - self.heartbeat_age).isoformat()
        programs = ("scheduler", "dag_processor", "triggerer")
        dags = {
            "/dags/validate_workers/details": (self.schedule, {"config_path": {"value": self.config}}),
            "/dags/run_janitor/details": ("None", {"config_path": {"value": self.repos}}),
            "/dags/reap_instances/details": (self.interval, {}),
        }
        if path in dags and not any(f"/{dag_id}/" in path for dag_id in self.lacks):
            summary, params = dags[path]
            return 200, {"timetable_summary": summary, "is_paused": self.is_paused, "params": params}
        answers = {
            "/version": {"version": self.version},
            "/monitor/health": {name: {"status": "healthy", f"latest_{name}_heartbeat": beat} for name in programs},
            "/importErrors": {"import_errors": []},
        }
        return (200, answers[path]) if path in answers else (404, {"detail": "not found"})


@dataclass(frozen=True)
class Deployment:
    """A whole deployment in the local cloud."""

    settings: Settings
    environ: dict[str, str]
    airflow: Airflow
    cache: str
    """Its cache volume."""
    topic: str
    """ARN of what its alarms tell."""

    def client(self, service: str) -> Any:
        """A boto3 client of its cloud."""
        return CloudAccess.of(self.settings).client(service)

    def findings(self, **changed: Any) -> dict[str, list[Finding]]:
        """What an examination finds, by subject, with other settings."""
        by_subject: dict[str, list[Finding]] = {}
        for finding in examine(self.settings.model_copy(update=changed)):
            by_subject.setdefault(finding.subject, []).append(finding)
        return by_subject


def make_spot_role(cloud: LocalCloudServer) -> None:
    """What AWS makes at an account's first request for a spot instance, if that may."""
    iam = cloud.client("iam")
    if SPOT_ROLE not in {each["RoleName"] for each in iam.list_roles(MaxItems=1000)["Roles"]}:
        iam.create_role(RoleName=SPOT_ROLE, AssumeRolePolicyDocument="{}", Path="/aws-service-role/spot.amazonaws.com/")


@contextmanager
def whole_deployment(cloud: LocalCloudServer, database: TestDatabase, folder: Path) -> Iterator[Deployment]:
    """One that lacks nothing."""
    mark = uuid4().hex[:8]
    ec2 = cloud.client("ec2")
    image = ec2.register_image(Name=f"janitor-{mark}", Architecture="x86_64", RootDeviceName="/dev/sda1")["ImageId"]
    role = f"janitor-{mark}-instance"
    iam = cloud.client("iam")
    iam.create_role(RoleName=role, AssumeRolePolicyDocument="{}")
    iam.create_instance_profile(InstanceProfileName=role)
    iam.add_role_to_instance_profile(InstanceProfileName=role, RoleName=role)
    ec2.create_launch_template(
        LaunchTemplateName=f"janitor-{mark}",
        LaunchTemplateData={
            "ImageId": image,
            "IamInstanceProfile": {"Name": role},
            "MetadataOptions": {"HttpTokens": "required"},
            "BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 100}}],
        },
    )
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24", AvailabilityZone=ZONE)["Subnet"]["SubnetId"]
    ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
    make_spot_role(cloud)
    config = folder / "workers.yaml"
    config.write_text(CONFIG)
    airflow = Airflow(config=str(config))
    with listening(airflow) as door:
        environ = {
            "JANITOR_DEPLOYMENT": f"doctor-{mark}",
            "JANITOR_BUCKET": f"janitor-{mark}",
            "JANITOR_LOG_GROUP": f"/janitor-{mark}",
            "JANITOR_LAUNCH_TEMPLATE": f"janitor-{mark}",
            "JANITOR_SUBNET_IDS": subnet,
            "JANITOR_SCHEDULE_GROUP": f"janitor-{mark}",
            "JANITOR_SCHEDULER_ROLE_ARN": f"arn:aws:iam::123456789012:role/scheduler-{mark}",
            "JANITOR_REAPER_FUNCTION": f"janitor-{mark}",
            "JANITOR_REGION": "us-east-1",
            "JANITOR_AWS_ENDPOINT_URL": cloud.endpoint_url,
            "JANITOR_AWS_ACCESS_KEY_ID": cloud.access_key_id,
            "JANITOR_AWS_SECRET_ACCESS_KEY": cloud.secret_access_key,
            "JANITOR_DATABASE_URL": database.writer_url,
            "JANITOR_READER_DATABASE_URL": database.reader_url,
            "JANITOR_OWNER_DATABASE_URL": database.owner_url,
            "JANITOR_AIRFLOW_URL": door.url,
            "JANITOR_AIRFLOW_TOKEN": airflow.token,
            "JANITOR_SCHEDULE": "0 3 * * *",
            "JANITOR_DEFAULT_CONFIG": str(config),
        }
        settings = load_settings("prod", environ={"PATH": "/usr/bin:/bin", **environ}, project_root=ROOT)
        ensure_foundation(settings)
        ensure_killers(settings)
        CloudAccess.of(settings).client("lambda").invoke(FunctionName=f"janitor-{mark}", Payload=b"{}")
        cache = _cache_volume(cloud, settings.deployment)
        yield Deployment(settings, environ, airflow, cache, _alarms(cloud, f"janitor-{mark}"))


def _cache_volume(cloud: LocalCloudServer, deployment: str) -> str:
    """As Terraform makes it, in the place of the local stack's, which isn't encrypted."""
    own = [{"Name": "tag:janitor:cache", "Values": [deployment]}]
    for made in cloud.client("ec2").describe_volumes(Filters=own)["Volumes"]:
        cloud.client("ec2").delete_volume(VolumeId=made["VolumeId"])
    tags = [{"ResourceType": "volume", "Tags": [{"Key": "janitor:cache", "Value": deployment}]}]
    made = cloud.client("ec2").create_volume(
        AvailabilityZone=ZONE, Size=50, VolumeType="gp3", Encrypted=True, TagSpecifications=tags
    )
    return str(made["VolumeId"])


def _alarms(cloud: LocalCloudServer, function: str) -> str:
    """A topic with somebody who has confirmed, and an alarm of the function that tells it."""
    topic = cloud.client("sns").create_topic(Name=f"{function}-alarms")["TopicArn"]
    cloud.client("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint="somebody@example.com")
    cloud.client("cloudwatch").put_metric_alarm(
        AlarmName=f"{function}-silent",
        Namespace="AWS/Lambda",
        MetricName="Invocations",
        Dimensions=[{"Name": "FunctionName", "Value": function}],
        Statistic="Sum",
        Period=900,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="LessThanThreshold",
        TreatMissingData="notBreaching",
        AlarmActions=[topic],
    )
    return str(topic)
