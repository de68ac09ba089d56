"""A pool from beginning to end on the local stack: six validations, two machines, and nothing left."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone

import click

from janitor.cli.commands.runs.run import with_stack
from janitor.cli.exit_codes import ExitCode
from janitor.cli.orders import check_order
from janitor.cli.registry import ExampleCommand
from janitor.cli.render.pool.account import account_text
from janitor.cli.runs import announce, print_results, see_through, start
from janitor.cli.session import Session, pass_session, shared_options
from janitor.cli.terminal.console import Console
from janitor.domain.errors import StackError
from janitor.domain.pool.account import AccountedMachine, what_differs
from janitor.domain.pool.pool import Pool
from janitor.domain.states import InstanceState, ValidationStatus
from janitor.domain.views import RunView
from janitor.services.pool.known import known_pools
from janitor.services.pool_control.account import is_empty_within, machines_since, workers_machines
from janitor.settings import Settings, StackKind

_POOL = "example"
_CONFIG = "infra/local/pool.yaml"
_EMPTY_WITHIN = timedelta(minutes=5)
"""A pass each minute, the first of which drains; and what an earlier demonstration left has to end as well."""
_VERDICTS = (ValidationStatus.SUCCESS, ValidationStatus.FAILED)


@click.command(cls=ExampleCommand, examples=("janitor pool-demo",))
@shared_options
@pass_session
def pool_demo(session: Session) -> ExitCode:
    """Validate six repositories on a pool's two workers, and check what it promises, on the local stack.

    The exit code is 1 where one promise isn't kept. The stack is started if it is down, and stays up afterwards.
    Nothing leaves this machine.
    """
    console = Console()
    settings = session.settings()
    if settings.stack is StackKind.EXTERNAL:
        raise StackError("the examples live in the local stack alone; show them with ENV=local")
    settings = with_stack(session, console, settings)
    return _Demo(session, console, settings, _example_pool(settings)).shown()


def _example_pool(settings: Settings) -> Pool:
    pool = known_pools(settings).pools.get(_POOL)
    if pool is None:
        raise StackError(
            f"the deployment's own configuration, {settings.default_config}, has no pool {_POOL}; leave"
            " JANITOR_DEFAULT_CONFIG as it is in infra/env/local.env, or list the pool there"
        )
    return pool


class _Demo:
    def __init__(self, session: Session, console: Console, settings: Settings, pool: Pool) -> None:
        self._session, self._console, self._settings, self._pool = session, console, settings, pool

    def shown(self) -> ExitCode:
        """Show it all; the exit code says whether it went as it should."""
        settings = self._settings
        if not self._emptied("What is left of an earlier demonstration ends"):
            raise StackError(f"pool {_POOL} is at work for somebody else; see `janitor pool status --pool {_POOL}`")
        earlier = {each.instance_id for each in workers_machines(settings)}
        since, began = datetime.now(timezone.utc), time.monotonic()
        run = self._run()
        is_over = self._emptied("The pool has nothing to do any more, and drains")
        machines = machines_since(settings, _POOL, since)
        seen = [each for each in workers_machines(settings) if each.instance_id not in earlier]
        live = [each.instance_id for each in seen if each.state is not InstanceState.TERMINATED]
        self._console.answer(f"\n{account_text(machines)}\n")
        self._console.answer(
            f"{len(run.validations)} validations, {len(machines)} machines by the ledger and {len(seen)} by the cloud,"
            f" {len(live)} of which are left; {time.monotonic() - began:.0f} s from the trigger to the last one's end"
        )
        wrong = self._differing(run, machines)
        if not is_over:
            wrong.append(f"the pool wasn't empty within {_EMPTY_WITHIN}; see `janitor pool status --pool {_POOL}`")
        if {each.instance_id for each in seen} != {each.instance_id for each in machines if each.instance_id}:
            wrong.append("the ledger and the cloud don't know the same machines")
        wrong += [f"{each} isn't over, says the cloud" for each in live]
        for each in wrong:
            self._console.answer(f"✗ {each}")
        if not wrong:
            self._console.answer("✓ All that a pool promises was so.")
        return ExitCode.NOT_SUCCESSFUL if wrong else ExitCode.OK

    def _run(self) -> RunView:
        order = check_order(self._settings, config=_CONFIG, repository=None, timeout_minutes=None)
        started = start(self._session, self._settings, order)
        announce(self._console, self._settings, order, started, followed=True)
        run = see_through(self._session, self._console, self._settings, started, grace=order.blueprint.grace)
        print_results(self._console, self._settings, run, as_json_text=False)
        return run

    def _emptied(self, doing: str) -> bool:
        with self._console.working(doing):
            return is_empty_within(self._settings, _POOL, _EMPTY_WITHIN)

    def _differing(self, run: RunView, machines: list[AccountedMachine]) -> list[str]:
        without = [each for each in run.validations if each.status not in _VERDICTS]
        said = [f"{each.repository_name} has no verdict: {each.status.value}, {each.summary}" for each in without]
        return said + what_differs(machines, tasks=run.total_repositories, most_machines=self._pool.max_workers)
