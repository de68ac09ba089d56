"""What a run would cost, without launching anything."""

from __future__ import annotations

import click

from janitor.cli.exit_codes import ExitCode
from janitor.cli.options import repository_option, timeout_option
from janitor.cli.orders import manual_request
from janitor.cli.registry import ExampleCommand
from janitor.cli.render.runs.estimate import estimate_text
from janitor.cli.session import Session, json_option, pass_session, shared_options
from janitor.cli.terminal.console import Console
from janitor.services.launch.blueprint import blueprint_of, check_blueprint
from janitor.views.document import as_json
from janitor.views.estimate import estimate_dict


@click.command(
    cls=ExampleCommand,
    examples=(
        "janitor estimate infra/workers-config.yaml",
        "janitor estimate --repo worker-basic --timeout-minutes 10",
        "janitor estimate infra/workers-config.yaml --json | jq -r .worst_case_usd",
    ),
)
@click.argument("config", required=False)
@repository_option
@timeout_option
@json_option
@shared_options
@pass_session
def estimate(
    session: Session, config: str | None, repository: str | None, timeout_minutes: float | None, as_json_text: bool
) -> ExitCode:
    """Say what a run would cost at the worst; launch nothing.

    For each repository the instance types that are tried, hours and dollars; the totals; and whether the budgets of
    the run and of the day allow it. CONFIG defaults to the environment's own. Only what is left of the day needs the
    database. The exit code is 2 where the run would be refused.
    """
    settings = session.settings_before_apply()
    request = manual_request(settings, config=config, repository=repository, timeout_minutes=timeout_minutes)
    checked = check_blueprint(settings, blueprint_of(settings, request))
    Console().result(as_json(estimate_dict(checked)) if as_json_text else estimate_text(checked))
    return ExitCode.OK if checked.refusal is None else ExitCode.USAGE
