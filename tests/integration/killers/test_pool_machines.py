"""A pool's machine is gone at its time with Airflow and PostgreSQL away for good; nobody but the killers is left.

No pass of the pool is made here: as where everything of the product has stopped right after a launch. All fleets live
at once, each with another killer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import partial

import pytest
from pydantic import SecretStr

from janitor.domain.errors import DatabaseError
from janitor.domain.states import OwnerKind, TerminationReason
from janitor.services.ending.external_notices import take_notices
from janitor.services.ledger.reconcile import observe_deployment
from janitor.settings import Settings
from janitor.stores.database import transaction
from janitor.stores.migrate import migrate
from janitor.stores.pool import workers
from janitor.stores.records import InstanceRecord
from tests.support.killers import SHORT_LIVES, Fleet, Killer, fleet_of
from tests.support.postgres import restartable_postgres

OUTSIDE = {
    Killer.GUEST_TIMER: TerminationReason.GUEST_TIMER,
    Killer.EXTERNAL_TIMER: TerminationReason.EXTERNAL_TIMER,
    Killer.LAMBDA: TerminationReason.EXTERNAL_REAPER,
}
"""Those that need no database, with what the ledger says of them later."""


@dataclass(frozen=True)
class Machine:
    """A worker's, whose only killer is one of these."""

    fleet: Fleet
    record: InstanceRecord


@dataclass(frozen=True)
class Outcome:
    """What became of it."""

    machine: Machine
    after_expiry: timedelta
    later: InstanceRecord
    """The ledger's row once PostgreSQL was back."""


def _machine(settings: Settings, killer: Killer, timeout: timedelta) -> Machine:
    fleet = fleet_of(settings)
    record = fleet.launch_worker(timeout)
    fleet.leave_only(killer, record)
    return Machine(fleet, record)


def _remove(machines: Mapping[Killer, Machine]) -> None:
    for machine in machines.values():
        machine.fleet.remove()


def _in_time(settings: Settings, pool: ThreadPoolExecutor, stop: Callable[[], None]) -> dict[Killer, Machine]:
    """Machines that still live while everything else has stopped."""
    for timeout in SHORT_LIVES[1:]:
        made = pool.map(partial(_machine, settings, timeout=timeout), OUTSIDE)
        machines = dict(zip(OUTSIDE, made, strict=True))
        if datetime.now(timezone.utc) < min(one.record.may_live_until for one in machines.values()):
            stop()
            return machines
        _remove(machines)
    raise AssertionError(f"not prepared within {SHORT_LIVES[-1]}")


@pytest.fixture(scope="module")
def outcomes(killers_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Killer, Outcome]]:
    """What each killer did with nothing else there."""
    with restartable_postgres(tmp_path_factory.mktemp("own-postgres")) as server, ThreadPoolExecutor(4) as pool:
        migrate(server.database.owner_url)
        settings = killers_settings.model_copy(
            update={
                "database_url": SecretStr(server.database.writer_url),
                "reader_database_url": SecretStr(server.database.reader_url),
            }
        )
        machines = _in_time(settings, pool, server.stop)
        try:
            with pytest.raises(DatabaseError), transaction(settings.writer_url):
                pass
            waits = {killer: pool.submit(one.fleet.assert_gone_by, one.record) for killer, one in machines.items()}
            after = {killer: wait.result() for killer, wait in waits.items()}
            server.start()
            yield {killer: Outcome(one, after[killer], _later(one)) for killer, one in machines.items()}
        finally:
            _remove(machines)


def _later(machine: Machine) -> InstanceRecord:
    take_notices(machine.fleet.settings)
    observe_deployment(machine.fleet.settings)
    return machine.fleet.record(machine.record.owner)


@pytest.mark.parametrize("killer", OUTSIDE)
def test_a_workers_machine_is_gone_at_its_time(outcomes: dict[Killer, Outcome], killer: Killer) -> None:
    outcome = outcomes[killer]
    owner = outcome.machine.record.owner
    assert owner is not None
    assert owner.kind is OwnerKind.WORKER
    print(f"{killer.value}: {outcome.after_expiry.total_seconds():.1f} s after the expiry")
    assert outcome.after_expiry > timedelta(0), "it was ended before its time was over"
    assert (outcome.later.state.value, outcome.later.termination_reason) == ("terminated", OUTSIDE[killer])
    # Its worker's row waits for a pass, and nothing can be claimed for it.
    with transaction(outcome.machine.fleet.settings.writer_url) as connection:
        (worker,) = workers.live(connection, outcome.machine.fleet.settings.deployment)
    assert worker.worker_id == owner.id
    assert not worker.state.takes_tasks


def test_the_reaper_alone_ends_a_workers_machine_of_which_no_pass_knows(killers_settings: Settings) -> None:
    machine = _machine(killers_settings, Killer.REAPER, SHORT_LIVES[0])
    try:
        machine.fleet.assert_gone_by(machine.record)
        observe_deployment(machine.fleet.settings)
        later = machine.fleet.record(machine.record.owner)
        assert (later.state.value, later.termination_reason) == ("terminated", TerminationReason.OVERDUE)
    finally:
        machine.fleet.remove()
