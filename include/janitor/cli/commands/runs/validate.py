"""A parallel run in any environment."""

from __future__ import annotations

import click

from janitor.cli.exit_codes import ExitCode
from janitor.cli.options import Count, repository_option, timeout_option
from janitor.cli.orders import check_order, show_plan
from janitor.cli.registry import ExampleCommand
from janitor.cli.runs import carry_out
from janitor.cli.session import Session, json_option, pass_session, shared_options
from janitor.cli.terminal.asking import yes_option
from janitor.cli.terminal.console import Console
from janitor.domain.config.limits import MAX_CONCURRENT_INSTANCES
from janitor.stack.stack import require_up


@click.command(
    cls=ExampleCommand,
    examples=(
        "janitor validate-all-workers --env dev --config infra/workers-config.yaml",
        "janitor validate-all-workers --timeout-minutes 45 --no-follow",
        "janitor validate-all-workers --repo worker-basic --json | jq .successful",
    ),
)
@click.option("--config", metavar="FILE", help="Workers configuration. Default: the environment's own.")
@repository_option
@timeout_option
@click.option(
    "--max-concurrent-instances",
    type=Count(1, MAX_CONCURRENT_INSTANCES),
    help="Most instances at once, over all runs. Default: the configuration's.",
)
@click.option("--follow/--no-follow", default=True, show_default=True, help="Stay until the run has ended.")
@yes_option
@json_option
@shared_options
@pass_session
def validate_all_workers(
    session: Session,
    *,
    config: str | None,
    repository: str | None,
    timeout_minutes: float | None,
    max_concurrent_instances: int | None,
    follow: bool,
    yes: bool,
    as_json_text: bool,
) -> ExitCode:
    """Start a parallel run and follow it.

    One instance for each repository: a line as each is launched, then live progress, at the end the result of each
    repository and of the whole. The configuration is checked before anything starts, and the price is shown: what is
    expected from history, and the worst case. At a terminal it is asked where that is above `confirm_above_usd`.
    """
    console = Console(quiet=as_json_text)
    settings = session.settings()
    order = check_order(
        settings,
        config=config,
        repository=repository,
        timeout_minutes=timeout_minutes,
        max_concurrent_instances=max_concurrent_instances,
    )
    require_up(settings)
    show_plan(console, settings, order, yes=yes, as_json_text=as_json_text)
    return carry_out(session, console, settings, order, follow=follow, as_json_text=as_json_text)
