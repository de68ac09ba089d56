"""Leases in Postgres: one holder, a fence that grows, and no effect of who lost it."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from janitor.domain.errors import LeaseHeldError, LeaseLostError
from janitor.domain.workspace.lease import LeaseState, Subject
from janitor.services.workspaces.leasing import HeldLease, run_lock, take
from janitor.services.workspaces.machine import this_process
from janitor.services.workspaces.manager import WorkspaceManager
from janitor.stores import workspaces as store
from janitor.stores.database import transaction
from tests.support.postgres import TestDatabase
from tests.support.workspace_holder import Place, start_holder

SHORT = timedelta(seconds=3)


def subject_of(place: Place, key: str = "https://example.com/a/b") -> Subject:
    return Subject(deployment=place.deployment, run_id="run-1", workspace_key=key)


def test_a_run_has_one_process(place: Place) -> None:
    holder = this_process()
    with run_lock(place.database_url, deployment=place.deployment, run_id="a", holder=holder) as first:
        with (
            pytest.raises(LeaseHeldError, match=f"run a is held by pid {holder.pid} on .* since .* fence"),
            run_lock(place.database_url, deployment=place.deployment, run_id="a", holder=holder),
        ):
            pytest.fail("two hold one run")
        with run_lock(place.database_url, deployment=place.deployment, run_id="b", holder=holder):
            pass
    with run_lock(place.database_url, deployment=place.deployment, run_id="a", holder=holder) as second:
        assert second.lease.fence > first.lease.fence


def test_of_many_at_once_one_gets_it(place: Place) -> None:
    def one(_: int) -> HeldLease | None:
        try:
            return take(place.database_url, subject_of(place), this_process(), folder="/runs/x/trees")
        except LeaseHeldError:
            return None

    with ThreadPoolExecutor(8) as pool:
        held = [each for each in pool.map(one, range(8)) if each is not None]
    assert len(held) == 1
    held[0].end()


def test_the_database_refuses_two_holders_whatever_the_code_does(place: Place, database: TestDatabase) -> None:
    held = take(place.database_url, subject_of(place), this_process(), folder="/runs/x/trees")
    columns = (
        "deployment, kind, run_id, workspace_key, folder, holder_host, machine_id, boot_id, pid_namespace, pid,"
        " pid_started"
    )
    copy = f"insert into janitor.workspace_leases (lease_id, fence, expires_at, {columns})"
    with psycopg.connect(database.owner_url) as connection, pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute(
            f"{copy} select %s, 1, now() + interval '1 hour', {columns} from janitor.workspace_leases"
            " where lease_id = %s",
            (uuid4(), held.lease.lease_id),
        )
    with psycopg.connect(database.writer_url) as connection:
        for column, value in (("fence", "1"), ("folder", "'/elsewhere'"), ("pid", "1"), ("run_id", "'x'")):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                connection.execute(f"update janitor.workspace_leases set {column} = {value}")
    held.end()
    with psycopg.connect(database.owner_url) as connection:
        for change in ("state = 'held', ended_at = null, ended_by = null", "expires_at = now() + interval '1 day'"):
            with pytest.raises(psycopg.errors.CheckViolation), connection.transaction():
                connection.execute(
                    f"update janitor.workspace_leases set {change} where lease_id = %s", (held.lease.lease_id,)
                )


def test_a_fence_that_is_given_by_a_writer_does_not_count(place: Place, database: TestDatabase) -> None:
    held = take(place.database_url, subject_of(place), this_process(), folder="/runs/x/trees")
    with psycopg.connect(database.reader_url) as connection:
        row = connection.execute("select max(fence), min(fence) from janitor.workspace_leases").fetchone()
    assert row is not None
    assert row[0] == held.lease.fence
    held.end()


def test_a_lease_that_is_renewed_outlives_its_time(place: Place) -> None:
    held = take(place.database_url, subject_of(place), this_process(), folder="/runs/x/trees", ttl=timedelta(seconds=5))
    time.sleep(6)
    with held.effect() as connection:
        found = store.find(connection, place.deployment, held.lease.lease_id)
    assert found is not None
    assert found[0].expires_at > held.lease.expires_at
    held.end()


def test_who_lost_the_lease_has_no_effect_any_more(place: Place) -> None:
    told: list[str] = []
    first = take(
        *(place.database_url, subject_of(place), this_process()),
        folder="/runs/x/trees",
        ttl=SHORT,
        on_lost=lambda: told.append("first"),
    )
    # As if its process had been stopped: nobody renews.
    first.stop_renewing()
    time.sleep(SHORT.total_seconds() + 0.3)
    second = take(place.database_url, subject_of(place), this_process(), folder="/runs/x/trees")
    assert second.lease.fence > first.lease.fence
    assert second.lease.path != first.lease.path

    assert first.is_lost
    with pytest.raises(LeaseLostError, match="nothing was changed"), first.effect():
        pytest.fail("it goes on")
    # Nor does the database let it, whatever its process believes.
    for act in (store.require_held, store.release):
        with pytest.raises(LeaseLostError), transaction(place.database_url) as connection:
            act(connection, first.lease)
    with pytest.raises(LeaseLostError), transaction(place.database_url) as connection:
        store.renew(connection, first.lease, ttl=SHORT)
    with transaction(place.database_url) as connection:
        found = store.find(connection, place.deployment, first.lease.lease_id)
    assert found is not None
    assert found[0].state is LeaseState.QUARANTINED
    second.end()


def test_a_process_whose_lease_was_taken_is_told(place: Place) -> None:
    told: list[str] = []
    held = take(
        *(place.database_url, subject_of(place), this_process()),
        folder="/runs/x/trees",
        ttl=timedelta(seconds=6),
        on_lost=lambda: told.append("lost"),
    )
    with transaction(place.database_url) as connection:
        assert store.end(connection, held.lease, state=LeaseState.FENCED, ended_by="a test")
    deadline = time.monotonic() + 60
    while not told and time.monotonic() < deadline:
        time.sleep(0.05)
    assert told == ["lost"]
    with pytest.raises(LeaseLostError):
        held.require()


def test_an_effect_and_a_takeover_come_one_after_the_other(place: Place) -> None:
    first = take(place.database_url, subject_of(place), this_process(), folder="/runs/x/trees", ttl=SHORT)
    first.stop_renewing()
    with ThreadPoolExecutor(1) as pool:
        with first.effect() as connection:
            time.sleep(SHORT.total_seconds() + 0.2)
            taking = pool.submit(take, place.database_url, subject_of(place), this_process(), folder="/runs/x/trees")
            time.sleep(0.5)
            assert not taking.done(), "taken while its holder's effect was not committed"
            connection.execute("select 1")
        taking.result(timeout=60).end()


def test_a_lease_that_changed_since_it_was_read_is_not_taken(place: Place) -> None:
    held = take(place.database_url, subject_of(place), this_process(), folder="/runs/x/trees")
    with transaction(place.database_url) as connection:
        stale = replace(held.lease, renewed_at=held.lease.renewed_at - timedelta(seconds=1))
        assert not store.end(connection, stale, state=LeaseState.FENCED, ended_by="a test")
    held.end()


def _race(place: Place, database: TestDatabase, *, rounds: int, blows: int, seed: int) -> None:
    """Two processes take a lease in turns, and are stopped and killed at any point while they do."""
    chance = random.Random(seed)
    subject = f"https://example.com/{uuid4().hex}"
    with psycopg.connect(database.owner_url) as connection:
        connection.execute(
            "create table if not exists janitor.race_effects (id bigserial, subject text, fence bigint);"
            " grant select, insert on janitor.race_effects to janitor_write;"
            " grant usage on sequence janitor.race_effects_id_seq to janitor_write"
        )
    place = replace(place, ttl_seconds=1.0)

    def start() -> subprocess.Popen[str]:
        racer = start_holder(place, "race", subject=subject, rounds=rounds)
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
        return racer

    racers = [start(), start()]
    for blow in range(blows):
        time.sleep(chance.uniform(0.1, 0.7))
        victim = chance.randrange(2)
        if blow % 4:
            racers[victim].send_signal(signal.SIGSTOP)
            time.sleep(chance.uniform(0.1, 2))
            racers[victim].send_signal(signal.SIGCONT)
        else:
            _end(racers[victim])
            racers[victim] = start()
    for racer in racers:
        _end(racer)
    query = "select fence from janitor.race_effects where subject = %s order by id"
    with psycopg.connect(database.writer_url) as connection:
        fences = [row[0] for row in connection.execute(query, (subject,))]
    assert len(set(fences)) > blows, "hardly anything was done"
    assert fences == sorted(fences), "an effect of an older holder after one of a newer"


def _end(racer: subprocess.Popen[str]) -> None:
    racer.kill()
    racer.wait(60)
    assert racer.stdout is not None
    racer.stdout.close()


def test_two_processes_race_for_one_lease(place: Place, database: TestDatabase) -> None:
    _race(place, database, rounds=10_000, blows=5, seed=1)


def test_two_processes_race_for_long(place: Place, database: TestDatabase) -> None:
    _race(place, database, rounds=10_000, blows=120, seed=2)


def test_the_row_keeps_no_tree_outside_of_the_runs(manager: WorkspaceManager, place: Place, tmp_path: Path) -> None:
    held = take(place.database_url, subject_of(place), this_process(), folder=str(tmp_path / "elsewhere"))
    with pytest.raises(Exception, match="has no tree in"):
        manager.tree_of(held.lease)
    held.end()
