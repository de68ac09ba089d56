"""Airflow's own EC2 and SSM operators, unchanged, in a process that knows the cloud from AWS's standard variables."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cloud import IMAGE_ID, INSTANCE_TYPE, Cloud
from tests.support.localcloud_server import LocalCloudServer

pytestmark = pytest.mark.local_only

OPERATORS = """
import json, sys, time
from airflow.providers.amazon.aws.hooks.ssm import SsmHook
from airflow.providers.amazon.aws.operators.ec2 import EC2CreateInstanceOperator, EC2TerminateInstanceOperator
from airflow.providers.amazon.aws.operators.ssm import SsmRunCommandOperator
from botocore.exceptions import WaiterError

class TaskInstance:
    dag_id, task_id, run_id, map_index, try_number = "dag", "task", "run", -1, 1
    def xcom_push(self, *args, **kwargs):
        pass

context = {"ti": TaskInstance(), "task_instance": TaskInstance()}
common = {"aws_conn_id": None, "region_name": "us-east-1"}
image, kind = sys.argv[1:]

create = EC2CreateInstanceOperator(
    task_id="launch", image_id=image, wait_for_completion=True, poll_interval=1, **common,
    config={"InstanceType": kind, "InstanceInitiatedShutdownBehavior": "terminate", "ClientToken": "airflow-token"},
)
(instance_id,) = create.execute(context)

ssm = SsmHook(aws_conn_id=None, region_name="us-east-1").conn
deadline = time.monotonic() + 30
while not ssm.describe_instance_information(Filters=[{"Key": "InstanceIds", "Values": [instance_id]}])[
    "InstanceInformationList"
]:
    assert time.monotonic() < deadline
    time.sleep(0.1)

def run(script, **arguments):
    return SsmRunCommandOperator(
        task_id="run", document_name="AWS-RunShellScript", waiter_delay=1, waiter_max_attempts=30, **common,
        run_command_kwargs={"InstanceIds": [instance_id], "Parameters": {"commands": [script]}}, **arguments,
    ).execute(context)

succeeded = run("echo from airflow")
try:
    run("exit 7")
except WaiterError as error:
    failure = error.last_response["Status"]
tolerated = run("exit 7", fail_on_nonzero_exit=False)
EC2TerminateInstanceOperator(
    task_id="end", instance_ids=instance_id, wait_for_completion=True, poll_interval=1, **common
).execute(context)
print("RESULT " + json.dumps({"id": instance_id, "good": succeeded, "failure": failure, "tolerated": tolerated}))
"""


def test_operators_run_unchanged(cloud: Cloud, server: LocalCloudServer, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "AIRFLOW_"))}
    result = subprocess.run(
        [sys.executable, "-c", OPERATORS, IMAGE_ID, INSTANCE_TYPE],
        env={**environment, **server.environment(), "AIRFLOW_HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-4000:]
    found = json.loads(result.stdout.rpartition("RESULT ")[2])
    assert found["failure"] == "Failed"
    assert cloud.invocation(found["good"], found["id"])["StandardOutputContent"] == "from airflow\n"
    assert cloud.invocation(found["tolerated"], found["id"])["ResponseCode"] == 7
    instance = cloud.describe(found["id"])
    assert (instance["State"]["Name"], instance["ClientToken"]) == ("terminated", "airflow-token")
