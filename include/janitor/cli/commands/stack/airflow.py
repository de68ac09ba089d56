"""Airflow's own command, in the environment of the local stack."""

from __future__ import annotations

import click

from janitor.cli.registry import ExampleCommand
from janitor.cli.session import Session, pass_session, shared_options
from janitor.stack.stack import exec_airflow


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

    Everything after `--` is Airflow's: its home, its database and its keys are those of the stack.
    """
    exec_airflow(session.settings(), arguments)
