"""Plan, apply and destroy what a deployment has in the cloud, and tell the settings of it."""

from __future__ import annotations

import click

from janitor.cli.exit_codes import ExitCode
from janitor.cli.registry import ExampleCommand
from janitor.cli.session import Session, pass_session, shared_options
from janitor.cli.terminal.asking import require_somebody, require_yes, yes_option
from janitor.cli.terminal.console import Console
from janitor.infrastructure.actions import UNFINISHED_DESTROY, Infrastructure, require_no_instances
from janitor.infrastructure.place import require_same_place
from janitor.services.reap.kill import kill_all
from janitor.settings import Settings, StackKind
from janitor.settings.process import process_environment
from janitor.settings.project import shown

_HALF_WAY = "Terraform ended what it was at; its state knows what is there. Run the command again."


@click.command(cls=ExampleCommand, examples=("janitor infra-plan --env dev",))
@shared_options
@pass_session
def infra_plan(session: Session) -> ExitCode:
    """Show what Terraform would change; change nothing."""
    console = Console()
    settings = session.settings_before_apply()
    _open(settings, console).plan()
    return ExitCode.OK


@click.command(cls=ExampleCommand, examples=("janitor infra-apply --env dev", "janitor infra-apply --env dev --yes"))
@yes_option
@shared_options
@pass_session
def infra_apply(session: Session, yes: bool) -> ExitCode:
    """Make or change what the deployment has in the cloud, and tell the settings.

    Shows the plan and asks; where nobody can be asked it takes --yes, and else ends with exit code 2. The local cloud
    costs nothing, and nothing is asked there. At the end the outputs are in the environment's settings, as
    `janitor env-file` writes them.
    """
    console = Console()
    settings = session.settings_before_apply()
    infrastructure = _open(settings, console)
    if infrastructure.plan():
        if settings.stack is not StackKind.EMBEDDED:
            require_somebody(yes=yes, what=f"carry this out in ENV={settings.environment}")
            require_yes(f"Carry this out in ENV={settings.environment}?", yes=yes, as_json_text=False)
        session.on_interrupt = _HALF_WAY
        infrastructure.apply()
    _tell(infrastructure, settings, console)
    return ExitCode.OK


@click.command(cls=ExampleCommand, examples=("janitor env-file --env dev",))
@shared_options
@pass_session
def env_file(session: Session) -> ExitCode:
    """Write what Terraform made into the environment's settings.

    Names, ids and ARNs; never a secret: passwords and keys are given to the process (docs/deploy.md).
    """
    console = Console()
    settings = session.settings_before_apply()
    _tell(_open(settings, console), settings, console)
    return ExitCode.OK


@click.command(
    cls=ExampleCommand,
    examples=("janitor destroy --env dev", "janitor destroy --env dev --kill-all-workers --yes"),
)
@click.option("--kill-all-workers", "kill", is_flag=True, help="First end every run and instance of the deployment.")
@yes_option
@shared_options
@pass_session
def destroy(session: Session, kill: bool, yes: bool) -> ExitCode:
    """Remove everything that Terraform made for the deployment.

    Refuses while instances live: without their roles and killers nobody would end them. Shows what goes and asks; where
    nobody can be asked it takes --yes, and else ends with exit code 2. One that did not come to its end is finished by
    the next.
    """
    console = Console()
    settings = session.settings_before_apply()
    require_somebody(yes=yes, what=f"remove everything of ENV={settings.environment}")
    require_same_place(settings)  # before anything is ended or asked for: in the other region nothing lives
    if kill:
        with console.working("Ending runs and instances") as step:
            kill_all(settings, progress=step)
    require_no_instances(settings)
    infrastructure = _open(settings, console)
    infrastructure.require_applied()
    infrastructure.plan(destroy=True)
    require_yes(f"Remove all of this from ENV={settings.environment}?", yes=yes, as_json_text=False)
    require_no_instances(settings)  # one may have been launched while the person read
    session.on_interrupt = f"Terraform ended what it was at. {UNFINISHED_DESTROY}"
    infrastructure.destroy()
    console.result(f"Everything of ENV={settings.environment} is removed, and the settings know nothing of it any more")
    return ExitCode.OK


def _open(settings: Settings, console: Console) -> Infrastructure:
    return Infrastructure(settings, process_environment(None), console.progress)


def _tell(infrastructure: Infrastructure, settings: Settings, console: Console) -> None:
    path = infrastructure.tell_settings()
    console.result(f"What Terraform made is in {shown(path, settings.project_root)}")
