"""Repairs: what was proposed, how far it came, and the patch."""

from __future__ import annotations

import re

import click

from janitor.cli.exit_codes import ExitCode
from janitor.cli.options import Count
from janitor.cli.registry import ExampleCommand
from janitor.cli.render.maintenance.shards import repair_dict, repair_text, repairs_text
from janitor.cli.session import Session, json_option, pass_session, shared_options
from janitor.cli.terminal.console import Console
from janitor.domain.errors import NotFoundError
from janitor.services.maintenance.processes import with_maintenance_database
from janitor.stores import repairs as store
from janitor.stores.database import transaction
from janitor.views.document import as_json

_ID = re.compile(r"[0-9a-fA-F-]{4,36}")


@click.command(
    cls=ExampleCommand,
    examples=("janitor repairs", "janitor repairs show 550e84", "janitor repairs show 550e84 --json | jq -r .patch"),
)
@click.argument("what", type=click.Choice(["list", "show"]), default="list")
@click.argument("repair_id", required=False)
@click.option("--last", type=Count(1, 1000), default=20, show_default=True, help="So many, the newest first.")
@click.option("--database-url", metavar="URL", help="Another database than the deployment's.")
@json_option
@shared_options
@pass_session
def repairs(
    session: Session, *, what: str, repair_id: str | None, last: int, database_url: str | None, as_json_text: bool
) -> ExitCode:
    """List the repairs, or show one with its patch.

    An id may be shortened to its beginning, as the list shows it.
    """
    if (what == "show") != (repair_id is not None):
        raise click.UsageError("show needs an id, and list has none", click.get_current_context())
    if repair_id is not None and not _ID.fullmatch(repair_id):
        raise click.UsageError(f"{repair_id[:40]!r} is no id of a repair", click.get_current_context())
    settings = with_maintenance_database(session.settings(), database_url)
    console = Console(quiet=as_json_text)
    with transaction(settings.reader_url) as connection:
        if repair_id is None:
            listed = store.last(connection, settings.deployment, last)
            plain = {"repairs": [repair_dict(each) for each in listed]}
            console.result(as_json(plain) if as_json_text else repairs_text(listed))
            return ExitCode.OK
        found = store.beginning_with(connection, settings.deployment, repair_id)
    if len(found) != 1:
        how = "no repair" if not found else f"{len(found)} repairs"
        raise NotFoundError(f"{how} of {settings.deployment} begins with {repair_id}; see `janitor repairs`")
    console.result(as_json(repair_dict(found[0])) if as_json_text else repair_text(found[0]))
    return ExitCode.OK
