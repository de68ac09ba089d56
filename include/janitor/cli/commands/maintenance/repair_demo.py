"""A repair from beginning to end on the local stack, with an example that its upstream breaks."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from pathlib import Path

import click

from janitor.cli.commands.maintenance.supervise import Work, run_here
from janitor.cli.commands.runs.run import with_stack
from janitor.cli.exit_codes import ExitCode
from janitor.cli.orders import check_order
from janitor.cli.registry import ExampleCommand
from janitor.cli.render.maintenance.shards import repair_text
from janitor.cli.runs import announce, print_results, see_through, start
from janitor.cli.session import Session, pass_session, shared_options
from janitor.cli.terminal.console import Console
from janitor.domain.errors import StackError
from janitor.domain.repair.shard import Repair
from janitor.domain.repair.states import RepairState
from janitor.domain.states import ValidationStatus
from janitor.domain.views import RunView
from janitor.settings import Settings, StackKind
from janitor.stack.repair_example import make_repair_example
from janitor.stack.upstream import PackageIndex, Release, serving
from janitor.stores import repairs as store
from janitor.stores import shards
from janitor.stores.database import transaction


@click.command(cls=ExampleCommand, examples=("janitor repair-demo",))
@shared_options
@pass_session
def repair_demo(session: Session) -> ExitCode:
    """Break an example by its upstream, name the release, repair it and prove it, on the local stack.

    The stack is started if it is down, and stays up afterwards. Nothing leaves this machine.
    """
    console = Console()
    settings = session.settings()
    if settings.stack is StackKind.EXTERNAL:
        raise StackError("the example lives in the local stack alone; show it with ENV=local")
    settings = with_stack(session, console, settings)
    with serving() as index:
        return _Demo(session, console, settings, index).shown()


class _Demo:
    def __init__(self, session: Session, console: Console, settings: Settings, index: PackageIndex) -> None:
        self._session, self._console, self._settings, self._index = session, console, settings, index
        self._example = make_repair_example(settings, index.url, datetime.now(timezone.utc))

    def shown(self) -> ExitCode:
        """Show it all; the exit code says whether it went as it should."""
        began, example = time.monotonic(), self._example
        self._console.progress(f"1. {example.repository} works with {_named(example.before)}.\n")
        self._index.publish(example.before)
        self._validated(ValidationStatus.SUCCESS)
        self._console.progress(
            f"\n2. {_named(example.after)} are released. The worker is still at commit {example.commit[:7]}.\n"
        )
        self._index.publish((*example.before, *example.after))
        broken = self._validated(ValidationStatus.FAILED)
        self._console.progress("\n3. Which release broke it, what repairs it, and is that proved?\n")
        repair, folder = self._repaired(broken)
        seconds = time.monotonic() - began
        mails = sorted(folder.glob("*/repair.mail"))
        self._console.answer(f"\n{repair_text(repair)}\n")
        if mails:
            self._console.answer(f"For `git am`: {mails[-1]}\nIts proof:    {mails[-1].with_name('proof.json')}")
        self._console.answer(f"From the first run to the repair: {seconds:.0f} s")
        return ExitCode.OK if repair.state is RepairState.PUBLISHED else ExitCode.NOT_SUCCESSFUL

    def _validated(self, expected: ValidationStatus) -> RunView:
        """A run of the example.

        Raises:
            StackError: It ended otherwise than it has to.
        """
        order = check_order(self._settings, config=str(self._example.config), repository=None, timeout_minutes=None)
        started = start(self._session, self._settings, order)
        announce(self._console, self._settings, order, started, followed=True)
        run = see_through(self._session, self._console, self._settings, started, grace=order.blueprint.grace)
        print_results(self._console, self._settings, run, as_json_text=False)
        (validation,) = run.validations
        if validation.status is not expected:
            raise StackError(
                f"{self._example.repository} should be {expected.value} here and is {validation.status.value}:"
                f" {validation.summary}; see `make logs REPO={validation.repository_name}`"
            )
        return run

    def _repaired(self, broken: RunView) -> tuple[Repair, Path]:
        """What a maintenance run makes of it, and the folder of what it keeps.

        Raises:
            StackError: It left no repair.
        """
        work = Work(
            run_ids=(f"repair-demo-{datetime.now(timezone.utc):%Y%m%d-%H%M%S}",),
            workers=1,
            repositories=(self._example.repository,),
            validation_run=broken.run_id,
            max_cost_usd=None,
            per_run_sqlite=False,
        )
        run_here(self._session, self._settings, self._console, work, as_json_text=False)
        deployment = self._settings.deployment
        with transaction(self._settings.reader_url) as connection:
            for shard in shards.of_run(connection, deployment, work.run_ids[0]):
                if (repair := store.of_shard(connection, deployment, shard.shard_id)) is not None:
                    return repair, Path(shard.artefact_prefix or "")
        raise StackError("the maintenance run left no repair; see `janitor shards list`")


def _named(releases: tuple[Release, ...]) -> str:
    return " and ".join(str(each) for each in releases)
