"""Airflow's own command, in the environment of the local stack."""

from __future__ import annotations

from datetime import datetime, timezone

import click

from janitor.cli.airflow_trigger import read_trigger
from janitor.cli.registry import ExampleCommand
from janitor.cli.session import Session, pass_session, shared_options
from janitor.cli.terminal.console import Console
from janitor.stack.stack import exec_airflow, require_up
from janitor.views.text.commands import make_command


@click.command(
    cls=ExampleCommand,
    examples=(
        "janitor airflow dags trigger validate_workers",
        """janitor airflow -- dags trigger validate_workers --conf '{"repository": "echo-worker"}'""",
        "janitor airflow -- dags list-runs validate_workers",
    ),
    context_settings={"ignore_unknown_options": True},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@shared_options
@pass_session
def airflow(session: Session, arguments: tuple[str, ...]) -> None:
    """Run Airflow's own command on the local stack.

    Everything after `--` is Airflow's: its home, its database and its keys are those of the stack. A trigger of the
    validation DAG is refused where its conf is no JSON object or has a key that no run takes, and is told the
    run's id.
    """
    settings = session.settings()
    trigger = read_trigger(
        arguments, deployment=settings.deployment, dag_id=settings.airflow_dag_id, now=datetime.now(timezone.utc)
    )
    if trigger is None:
        exec_airflow(settings, arguments)
    require_up(settings)
    follow = make_command(f"follow RUN_ID={trigger.run_id}", settings.environment)
    Console().notice(f"Run ID: {trigger.run_id}; once it is triggered, follow it with `{follow}`")
    exec_airflow(settings, trigger.arguments)
