"""What a deployment costs while nothing runs."""

from __future__ import annotations

from pathlib import Path

import click
import yaml

from janitor.cli.exit_codes import ExitCode
from janitor.cli.registry import ExampleCommand
from janitor.cli.render.infrastructure.idle_cost import idle_cost_text
from janitor.cli.session import Session, pass_session, shared_options
from janitor.cli.terminal.console import Console
from janitor.infrastructure.actions import Infrastructure
from janitor.infrastructure.idle_cost import idle_cost as price
from janitor.settings.process import process_environment

_PRICES = Path("infra/idle-prices.yaml")


@click.command(
    cls=ExampleCommand,
    examples=("janitor idle-cost --env dev", "janitor idle-cost --env prod"),
)
@click.option(
    "--plan-json",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A plan as `terraform show -json` writes it; default: plan anew.",
)
@shared_options
@pass_session
def idle_cost(session: Session, plan_json: Path | None) -> ExitCode:
    """Say what the deployment costs a day while nothing runs.

    From Terraform's plan and infra/idle-prices.yaml. A type of resource without a price there is an error. The exit
    code is 1 where it is more than the table allows.
    """
    console = Console()
    settings = session.settings_before_apply()
    if plan_json is None:
        infrastructure = Infrastructure(settings, process_environment(None), console.progress)
        infrastructure.plan(shown=False)
        plan = infrastructure.plan_json()
    else:
        plan = plan_json.read_text(encoding="utf-8")
    cost = price(plan, yaml.safe_load((settings.project_root / _PRICES).read_text(encoding="utf-8")))
    console.result(idle_cost_text(cost))
    return ExitCode.OK if cost.is_within else ExitCode.NOT_SUCCESSFUL
