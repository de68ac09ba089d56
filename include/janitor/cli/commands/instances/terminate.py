"""Ending one instance."""

from __future__ import annotations

import getpass
import re

import click

from janitor.cli.completion import complete_instance
from janitor.cli.exit_codes import ExitCode
from janitor.cli.registry import ExampleCommand
from janitor.cli.render.instances.kill import terminate_question, terminate_text
from janitor.cli.session import Session, json_option, pass_session, shared_options
from janitor.cli.terminal.asking import require_yes, yes_option
from janitor.cli.terminal.console import Console
from janitor.services.reap.terminate_one import terminable, terminate_instance
from janitor.views.document import as_json
from janitor.views.endings import terminate_dict

_INSTANCE = re.compile(r"i-[0-9a-f]{8,32}")


class InstanceId(click.ParamType[str]):
    """The id of an EC2 instance, whole."""

    name = "instance id"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check its form; anything else is a usage error."""
        text = str(value).strip()
        if not _INSTANCE.fullmatch(text):
            self.fail(
                f"{text[:40]!r} is no instance id such as i-1234567890abcdef0; see `janitor instances`", param, ctx
            )
        return text


@click.command(
    cls=ExampleCommand,
    examples=(
        "janitor terminate i-1234567890abcdef0",
        "janitor terminate i-1234567890abcdef0 --yes --env dev",
    ),
)
@click.argument("instance", type=InstanceId(), shell_complete=complete_instance)
@yes_option
@json_option
@shared_options
@pass_session
def terminate(session: Session, instance: str, yes: bool, as_json_text: bool) -> ExitCode:
    """Terminate one instance and verify it.

    Asks on a terminal. INSTANCE is the whole id, as `janitor instances` shows it; one that `keep` holds is ended too,
    one of another deployment never. A validation that runs on it ends with it, as error; one that was still being
    launched may have another instance. The rest of the run goes on; `janitor cancel` ends that, too. Exit code 0: EC2
    shows it terminated; 2: it is none of this deployment's or gone already, or you said no, and nothing was changed;
    3: it remains, or EC2 could not be asked.
    """
    console = Console(quiet=as_json_text)
    settings = session.settings()
    found = terminable(settings, instance)
    require_yes(terminate_question(found), yes=yes, as_json_text=as_json_text)
    session.on_interrupt = f"The instance may be left: run `make terminate INSTANCE={instance}` again."
    with console.working(f"Terminating {instance}") as step:
        report = terminate_instance(settings, found, requested_by=getpass.getuser(), progress=step)
    session.on_interrupt = None
    console.result(as_json(terminate_dict(found, report)) if as_json_text else terminate_text(found, report))
    return ExitCode.INFRASTRUCTURE if report.remaining else ExitCode.OK
