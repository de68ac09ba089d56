"""The plain alternatives: the same validations with nothing but the providers' own operators.

They launch, wait for running, run the command, terminate, wait for terminated: what a first draft does. They keep no
ledger, adopt nothing on a retry, enforce no limit over restarts, record nothing and prove nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.providers.amazon.aws.operators.ec2 import EC2CreateInstanceOperator, EC2TerminateInstanceOperator
from airflow.providers.amazon.aws.operators.ssm import SsmRunCommandOperator
from airflow.providers.amazon.aws.sensors.ec2 import EC2InstanceStateSensor
from airflow.sdk import DAG, Param, task, task_group

RETRY = {"retries": 20, "retry_delay": timedelta(seconds=1)}


def plain_dag(dag_id: str, *, max_active_tasks: int, waiting: dict[str, Any]) -> DAG:
    """A DAG that runs one command for each repository, each on an instance of its own.

    Args:
        dag_id: Its name.
        max_active_tasks: How many of its tasks may run or wait at once.
        waiting: Arguments of the operator that waits for the command.
    """
    with DAG(
        dag_id,
        schedule=None,
        start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
        catchup=False,
        max_active_tasks=max_active_tasks,
        params={"commands": Param([], type="array")},
    ) as dag:

        @task
        def plan(params: dict | None = None) -> list[list[str]]:
            """One command list for each repository."""
            return params["commands"]  # type: ignore[index]  # it is there

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
                run_command_kwargs={"InstanceIds": launch.output, "Parameters": {"commands": command}},
                aws_conn_id=None,
                **waiting,
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
    return dag


# Instant validations: waits in the worker.
plain_validate = plain_dag(
    "plain_validate",
    max_active_tasks=64,
    waiting={"wait_for_completion": True, "waiter_delay": 1, "waiter_max_attempts": 300},
)
# Long ones: a hundred of them would hold a hundred workers, so that each is deferred with a trigger of its own.
plain_waiting = plain_dag(
    "plain_waiting",
    max_active_tasks=128,
    waiting={"deferrable": True, "waiter_delay": 15, "waiter_max_attempts": 200},
)
