"""The plain alternative for long validations: the providers' own operators, deferred, each with a trigger of its own.

What the synchronous plain DAG can't do: a hundred of its tasks would hold a hundred workers.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.providers.amazon.aws.operators.ec2 import EC2CreateInstanceOperator, EC2TerminateInstanceOperator
from airflow.providers.amazon.aws.operators.ssm import SsmRunCommandOperator
from airflow.providers.amazon.aws.sensors.ec2 import EC2InstanceStateSensor
from airflow.sdk import DAG, Param, task, task_group

RETRY = {"retries": 20, "retry_delay": timedelta(seconds=1)}
POLL_SECONDS = 15

with DAG(
    "plain_waiting",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_tasks=128,
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
            run_command_kwargs={"InstanceIds": launch.output, "Parameters": {"commands": command}},
            deferrable=True,
            waiter_delay=POLL_SECONDS,
            waiter_max_attempts=200,
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
