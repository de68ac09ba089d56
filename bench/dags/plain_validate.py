"""The plain alternative: the same instant validations with nothing but the providers' own operators.

It launches, waits for running, runs the command, terminates, waits for terminated: what a first draft does. It keeps no
ledger, adopts nothing on a retry, enforces no limit over restarts, records nothing and proves nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.providers.amazon.aws.operators.ec2 import EC2CreateInstanceOperator, EC2TerminateInstanceOperator
from airflow.providers.amazon.aws.operators.ssm import SsmRunCommandOperator
from airflow.providers.amazon.aws.sensors.ec2 import EC2InstanceStateSensor
from airflow.sdk import DAG, Param, task, task_group

RETRY = {"retries": 20, "retry_delay": timedelta(seconds=1)}

with DAG(
    "plain_validate",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_tasks=64,
    params={"commands": Param([], type="array")},
):

    @task
    def plan(params: dict | None = None) -> list[list[str]]:
        """One command list for each repository."""
        return params["commands"]  # type: ignore[index]

    @task_group
    def validate_repository(command: list[str]) -> None:
        """One repository."""
        launch = EC2CreateInstanceOperator(
            task_id="launch",
            image_id="ami-0c10ca1ca10ca1ca1",
            config={"InstanceType": "g5.xlarge"},
            aws_conn_id=None,
            **RETRY,
        )
        # No sensor knows when SSM reaches an instance: the command is tried until it does.
        running = EC2InstanceStateSensor(
            task_id="running",
            target_state="running",
            instance_id="{{ ti.xcom_pull(task_ids='validate_repository.launch', map_indexes=ti.map_index)[0] }}",
            aws_conn_id=None,
            poke_interval=1,
            timeout=120,
        )
        run = SsmRunCommandOperator(
            task_id="run",
            document_name="AWS-RunShellScript",
            run_command_kwargs={
                "InstanceIds": launch.output,
                "Parameters": {"commands": command},
            },
            wait_for_completion=True,
            waiter_delay=1,
            waiter_max_attempts=300,
            aws_conn_id=None,
            **RETRY,
        )
        terminate = EC2TerminateInstanceOperator(
            task_id="terminate",
            instance_ids=launch.output,
            wait_for_completion=True,
            poll_interval=1,
            max_attempts=60,
            aws_conn_id=None,
            trigger_rule="all_done",
        )
        launch >> running >> run >> terminate

    @task
    def verdict() -> str:
        """Reached when every repository is."""
        return "done"

    validate_repository.expand(command=plan()) >> verdict()
