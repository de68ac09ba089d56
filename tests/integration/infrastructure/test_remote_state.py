"""State in S3, one key for each environment, and its lock: by the command, against a local cloud in AWS's place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.janitor_command import janitor
from tests.support.localcloud_server import LocalCloudServer
from tests.support.stack import stack_environ
from tests.support.terraform import a_cloud, require_terraform

pytestmark = pytest.mark.timeout(1800)
LOCK = {
    "ID": "8f4a2c1e-0000-4000-8000-000000000000",
    "Operation": "OperationTypeApply",
    "Info": "",
    "Who": "a-colleague@elsewhere",
    "Version": "1.11.4",
    "Created": "2026-01-01T00:00:00Z",
    "Path": "state",
}


def environment_of(server: LocalCloudServer, folder: Path) -> dict[str, str]:
    given = {**stack_environ(folder / "state"), **server.environment()}
    return {**given, "JANITOR_TERRAFORM_STATE_BUCKET": "states"}


def test_a_colleagues_apply_is_not_disturbed(tmp_path: Path) -> None:
    require_terraform()
    with a_cloud(tmp_path) as server:
        environment = environment_of(server, tmp_path)
        s3 = server.client("s3")
        s3.create_bucket(Bucket="states")
        s3.put_object(Bucket="states", Key="janitor/dev/terraform.tfstate.tflock", Body=json.dumps(LOCK).encode())
        refused = janitor(environment, "infra-plan", "--env", "dev")
        assert refused.returncode == 3, refused.stdout
        assert "a-colleague@elsewhere" in refused.stdout
        free = janitor(environment, "infra-plan", "--env", "prod")  # another key, another lock
        assert free.returncode == 0, free.stdout
        assert "aws_launch_template.gpu" in free.stdout
        keys = {one["Key"] for one in s3.list_objects_v2(Bucket="states")["Contents"]}
        assert keys == {"janitor/dev/terraform.tfstate.tflock"}  # a plan leaves no lock behind


def test_the_states_bucket_is_made_private_and_versioned(tmp_path: Path) -> None:
    from janitor.cloud.provisioning.state_bucket import default_state_bucket, ensure_state_bucket
    from janitor.cloud.session import CloudAccess

    with a_cloud(tmp_path) as server:
        access = CloudAccess(
            region="us-east-1",
            endpoint_url=server.endpoint_url,
            access_key_id=server.access_key_id,
            secret_access_key=server.secret_access_key,
        )
        name = default_state_bucket(access)
        assert name == "janitor-terraform-123456789012-us-east-1"
        for _ in range(2):
            ensure_state_bucket(access, name)
        s3 = server.client("s3")
        assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
        block = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
        assert set(block.values()) == {True}
