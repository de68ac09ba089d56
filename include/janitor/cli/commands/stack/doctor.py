"""What is missing on this machine."""

from __future__ import annotations

import click

from janitor.cli.console import Console
from janitor.cli.exit_codes import ExitCode
from janitor.cli.registry import ExampleCommand
from janitor.cli.render.stack.doctor import doctor_text
from janitor.cli.session import Session, json_option, pass_session, shared_options
from janitor.stack import doctor as examination
from janitor.views.document import as_json


@click.command(cls=ExampleCommand, examples=("janitor doctor", "janitor doctor --env dev --json"))
@json_option
@shared_options
@pass_session
def doctor(session: Session, as_json_text: bool) -> ExitCode:
    """Say what is missing on this machine, in plain words.

    Changes nothing. The exit code is 3 if something won't work.
    """
    findings = examination.run(session.settings())
    if as_json_text:
        Console().result(as_json({"findings": [finding.to_dict() for finding in findings]}))
    else:
        Console().result(doctor_text(findings))
    broken = any(finding.level is examination.FindingLevel.PROBLEM for finding in findings)
    return ExitCode.INFRASTRUCTURE if broken else ExitCode.OK
