"""A destroy that was not finished, by the command with real Terraform and a local cloud in AWS's place: what is left is
known from the state alone, the settings name nothing that goes, and the next destroy removes the rest.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from janitor.domain.errors import SettingsError
from janitor.infrastructure.env_file import WRITTEN, write_settings
from janitor.settings import Settings, load_settings
from janitor.settings.parts.infrastructure import Provisioner
from tests.support.janitor_command import janitor
from tests.support.localcloud_server import LocalCloudServer
from tests.support.stack import stack_environ
from tests.support.terraform import ROOT, a_cloud, require_terraform

pytestmark = pytest.mark.timeout(1800)
BUCKET = "janitor-dev-123456789012"
STATE = {"Bucket": "states", "Key": "janitor/dev/terraform.tfstate"}
VARIABLES = """
deployment = "dev"
region     = "us-east-1"
log_group  = "/janitor-runner"
"""


class Project:
    """A project's folder of its own, whose files the command writes; and what an interrupted destroy left behind."""

    def __init__(self, folder: Path, server: LocalCloudServer) -> None:
        self.root = folder / "project"
        ignored = shutil.ignore_patterns(".terraform*", "*.override.env", "__pycache__")
        for name in ("infra/env", "infra/terraform", "infra/policies", "infra/lambda"):
            shutil.copytree(ROOT / name, self.root / name, ignore=ignored)
        terraform = self.root / "infra" / "terraform"
        (terraform / "dev.tfvars").write_text((terraform / "local.tfvars").read_text() + VARIABLES)
        self.env_file = self.root / "infra" / "env" / "dev.env"
        self.server = server
        self.environment = {
            **stack_environ(folder / "state"),
            **server.environment(),
            "JANITOR_PROJECT_ROOT": str(self.root),
            "JANITOR_TERRAFORM_STATE_BUCKET": STATE["Bucket"],
        }
        self._leave_behind()

    def _leave_behind(self) -> None:
        s3: Any = self.server.client("s3")
        vpc = self.server.client("ec2").create_vpc(CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
        s3.create_bucket(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key="janitor-reports/one", Body=b"kept")
        s3.create_bucket(Bucket=STATE["Bucket"])
        state = {
            "version": 4,
            "terraform_version": "1.10.0",
            "serial": 7,
            "lineage": "0d9f3c1e-0000-4000-8000-000000000000",
            "outputs": {},
            "resources": [_resource("aws_vpc", id=vpc), _resource("aws_s3_bucket", id=BUCKET, bucket=BUCKET)],
        }
        s3.put_object(**STATE, Body=json.dumps(state).encode())

    def settings(self, *, before_apply: bool = True) -> Settings:
        """As a command reads them."""
        return load_settings("dev", environ=self.environment, project_root=self.root, before_apply=before_apply)

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run the command for dev."""
        done = janitor(self.environment, *arguments, "--env", "dev")
        return done.returncode, done.stdout

    def left(self) -> set[str]:
        """The types of what the state in S3 holds."""
        body = self.server.client("s3").get_object(**STATE)["Body"].read()
        return {one["type"] for one in json.loads(body)["resources"] if one["mode"] == "managed"}


def _resource(kind: str, **attributes: str) -> dict[str, Any]:
    return {
        "mode": "managed",
        "type": kind,
        "name": "janitor",
        "provider": 'provider["registry.terraform.io/hashicorp/aws"]',
        "instances": [{"schema_version": 0, "attributes": attributes}],
    }


def test_a_destroy_is_finished_by_the_next(tmp_path: Path) -> None:
    require_terraform()
    with a_cloud(tmp_path) as server:
        project = Project(tmp_path, server)
        as_committed = project.env_file.read_text()
        values = dict.fromkeys(WRITTEN, "x") | {"JANITOR_DEPLOYMENT": "dev", "JANITOR_REGION": "us-east-1"}
        values |= {"JANITOR_REAP_INTERVAL_SECONDS": "300", "JANITOR_VOLUME_GIB": "100", "JANITOR_BUCKET": BUCKET}
        values |= {"JANITOR_SECRETS_PREFIX": "janitor/dev/", "JANITOR_LOG_GROUP": "/janitor-runner"}
        write_settings(project.settings(), {**values, "JANITOR_PROVISIONED_BY": Provisioner.TERRAFORM.value})
        _say_what_is_there(project)

        code, said = project.run("destroy", "--yes")
        assert code == 3, said[-6000:]
        assert "BucketNotEmpty" in said
        assert "`make destroy` again removes the rest" in said
        assert project.left() == {"aws_s3_bucket"}
        assert project.env_file.read_text() == as_committed
        with pytest.raises(SettingsError, match="JANITOR_BUCKET: not set"):
            project.settings(before_apply=False)

        _refuse_while_one_lives(project)
        server.client("s3").delete_object(Bucket=BUCKET, Key="janitor-reports/one")
        code, said = project.run("destroy", "--yes")
        assert code == 0, said[-6000:]
        assert project.left() == set()
        code, said = project.run("destroy", "--yes")
        assert (code, "nothing of ENV=dev is applied" in said) == (3, True), said[-6000:]


def _say_what_is_there(project: Project) -> None:
    """Nothing of it goes on unasked."""
    assert project.settings().launch_template == "x"
    code, said = project.run("env-file")
    assert (code, "its state holds 2 resources" in said) == (3, True), said[-6000:]
    code, said = project.run("infra-apply")
    assert (code, "nobody can be asked here" in said) == (2, True), said[-6000:]
    assert "aws_launch_template.gpu" in said, "the plan is shown all the same"
    assert project.settings().provisioned_by is Provisioner.TERRAFORM


def _refuse_while_one_lives(project: Project) -> None:
    """By the deployment's name alone: there are no outputs, and no template any more."""
    ec2: Any = project.server.client("ec2")
    tags = [{"Key": "janitor:deployment", "Value": "dev"}]
    launched = ec2.run_instances(
        MinCount=1,
        MaxCount=1,
        ImageId="ami-0c10ca1ca10ca1ca1",
        InstanceType="g5.xlarge",
        TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
    )
    instance_id = launched["Instances"][0]["InstanceId"]
    code, said = project.run("destroy", "--yes")
    assert (code, f"1 instance of dev still alive: {instance_id}" in said) == (3, True), said[-6000:]
    ec2.terminate_instances(InstanceIds=[instance_id])
    ec2.get_waiter("instance_terminated").wait(InstanceIds=[instance_id], WaiterConfig={"Delay": 2})
