"""Messages by hand."""

from __future__ import annotations

from dataclasses import asdict

import click

from janitor.cli.exit_codes import ExitCode
from janitor.cli.orders import config_path
from janitor.cli.registry import ExampleCommand
from janitor.cli.render.reports.notify import delivery_text, waiting_dicts, waiting_text
from janitor.cli.session import Session, json_option, pass_session, shared_options
from janitor.cli.terminal.console import Console
from janitor.domain.states import RunKind
from janitor.services.config_files import load_config
from janitor.services.news.by_hand import try_channels, try_undelivered, waiting_messages
from janitor.services.news.delivering import deliver
from janitor.views.document import as_json


@click.command(
    cls=ExampleCommand,
    examples=("janitor notify --dry-run", "janitor notify --test --config infra/workers-config.yaml", "janitor notify"),
)
@click.option("--dry-run", is_flag=True, help="Only print the messages that wait; send and change nothing.")
@click.option("--test", is_flag=True, help="Send a test to each channel of the configuration instead.")
@click.option("--config", help="The configuration whose channels are tried. Default: the environment's own.")
@click.option("--undelivered", is_flag=True, help="With --test: try the channels of the messages that didn't arrive.")
@json_option
@shared_options
@pass_session
def notify(
    session: Session, *, dry_run: bool, test: bool, config: str | None, undelivered: bool, as_json_text: bool
) -> ExitCode:
    """Send the messages that wait, as the reaper does.

    What is new is told by itself: at the end of each run and with each pass of the reaper. What was given up, after a
    day of tries, is tried again by this command alone. With --test the channels of a configuration are
    tried, and no database is needed; with --undelivered those that didn't take their messages, whatever configuration
    named them. The exit code is 3 where a channel didn't take its message.
    """
    if dry_run and test:
        raise click.UsageError("--dry-run sends nothing, so it doesn't go with --test")
    if config is not None and not test:
        raise click.UsageError("--config names the channels that --test tries; waiting messages have theirs")
    if undelivered and (not test or config is not None):
        raise click.UsageError("--undelivered goes with --test, in the place of --config")
    console = Console(quiet=as_json_text)
    settings = session.settings()
    if dry_run:
        waiting = waiting_messages(settings)
        console.result(as_json({"messages": waiting_dicts(waiting)}) if as_json_text else waiting_text(waiting))
        return ExitCode.OK
    with console.working("Trying each channel" if test else "Sending what waits"):
        if undelivered:
            report = try_undelivered(settings)
        elif test:
            loaded = load_config(settings, config_path(settings, config, RunKind.PARALLEL))
            report = try_channels(settings, loaded.config)
        else:
            report = deliver(settings, given_up_too=True)
    console.result(as_json(asdict(report)) if as_json_text else delivery_text(report, test=test and not undelivered))
    return ExitCode.INFRASTRUCTURE if report.failed else ExitCode.OK
