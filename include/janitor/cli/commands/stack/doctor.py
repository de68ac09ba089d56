"""What is missing: on this machine, and in an account before anything is launched there."""

from __future__ import annotations

import click

from janitor.cli.deployment import deployment_findings
from janitor.cli.exit_codes import ExitCode
from janitor.cli.registry import ExampleCommand
from janitor.cli.render.stack.doctor import doctor_text
from janitor.cli.session import Session, json_option, pass_session, shared_options
from janitor.cli.terminal.console import Console
from janitor.domain.findings import FindingLevel
from janitor.settings import StackKind
from janitor.stack import doctor as examination
from janitor.views.document import as_json


@click.command(cls=ExampleCommand, examples=("janitor doctor", "janitor doctor --env dev --json"))
@json_option
@shared_options
@pass_session
def doctor(session: Session, as_json_text: bool) -> ExitCode:
    """Say what is missing, in plain words.

    On the local stack it looks at this machine. Outside of it, it asks AWS, Postgres and Airflow before the first
    dollar is spent: credentials, clock, quotas, template, image, zones, bucket, killers, roles, DAGs, their settings.
    Before `infra-apply`, too: what that makes is one line then, and everything else is asked.

    Where the database answers, it ends with what the dashboard says of the deployment, in the same words.

    Changes nothing. The exit code is 3 if something is missing or won't work, 1 if something could not be told.
    """
    settings = session.settings_before_apply()
    if settings.stack is StackKind.EMBEDDED:
        settings = session.settings()  # whose file is whole before anything is applied
    findings = examination.run(settings)
    if settings.stack is StackKind.EXTERNAL:
        from janitor.services.examination.examine import examine

        findings = [*findings, *examine(settings)]
    findings = [*findings, *deployment_findings(settings)]
    if as_json_text:
        Console().result(as_json({"findings": [finding.to_dict() for finding in findings]}))
    else:
        Console().result(doctor_text(findings))
    levels = {finding.level for finding in findings}
    if FindingLevel.PROBLEM in levels:
        return ExitCode.INFRASTRUCTURE
    return ExitCode.NOT_SUCCESSFUL if FindingLevel.UNKNOWN in levels else ExitCode.OK
