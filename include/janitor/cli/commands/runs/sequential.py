"""A sequential run in any environment."""

from __future__ import annotations

import click

from janitor.cli.exit_codes import ExitCode
from janitor.cli.options import repository_option, timeout_option
from janitor.cli.orders import check_order, show_plan
from janitor.cli.registry import ExampleCommand
from janitor.cli.runs import carry_out
from janitor.cli.session import Session, json_option, pass_session, shared_options
from janitor.cli.terminal.asking import yes_option
from janitor.cli.terminal.console import Console
from janitor.domain.states import RunKind
from janitor.stack.stack import require_up


@click.command(
    cls=ExampleCommand,
    examples=(
        "janitor run-janitor infra/repos.yaml --env dev",
        "janitor run-janitor infra/local/repos.yaml --repo echo-worker",
        "janitor run-janitor --no-follow --json | jq -r .run_id",
    ),
)
@click.argument("repos_file", required=False)
@repository_option
@timeout_option
@click.option("--follow/--no-follow", default=True, show_default=True, help="Stay until the run has ended.")
@yes_option
@json_option
@shared_options
@pass_session
def run_janitor(
    session: Session,
    repos_file: str | None,
    *,
    repository: str | None,
    timeout_minutes: float | None,
    follow: bool,
    yes: bool,
    as_json_text: bool,
) -> ExitCode:
    """Validate repositories in turn on one instance, with the cache volume.

    REPOS_FILE is a configuration of its own kind; default: the environment's. Each repository has its hard limit, and
    all together have one. The run fails where one isn't successful, and where its log has an ERROR line that
    `expected_errors` doesn't expect. Exit code 0 only if all is well; the reports are brought by fetch-report.
    """
    console = Console(quiet=as_json_text)
    settings = session.settings()
    order = check_order(
        settings,
        config=repos_file,
        repository=repository,
        timeout_minutes=timeout_minutes,
        kind=RunKind.SEQUENTIAL,
    )
    require_up(settings)
    show_plan(console, settings, order, yes=yes, as_json_text=as_json_text)
    return carry_out(session, console, settings, order, follow=follow, as_json_text=as_json_text)
