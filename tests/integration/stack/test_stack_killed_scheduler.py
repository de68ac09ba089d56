"""A scheduler that is killed in the middle of a transaction: the next one isn't kept from its DAG runs."""

from __future__ import annotations

import os
import signal
import time

import psutil
import psycopg

from janitor.settings import Settings
from janitor.stack.airflow.config import HEARTBEAT_TIMEOUT
from janitor.stack.state.layout import Layout
from janitor.stack.state.secrets import ensure_secrets
from janitor.stack.supervisor.processes import stack_processes, title_of
from tests.integration.stack.waiting import run_state, trigger, wait_until
from tests.support.stack import airflow_client

IN_TRANSACTION = """
select pid from pg_stat_activity
where datname = 'airflow' and state like 'idle in transaction%%' and client_port = any(%s)
"""
BY_ITS_OWN_LIMIT = "terminating connection due to idle-in-transaction timeout"
"""What PostgreSQL's log says of a transaction that its time limit ended."""


def test_its_transaction_and_its_idle_workers_end_with_it(settings: Settings) -> None:
    with airflow_client(settings) as client, superuser(settings) as connection:
        scheduler = process_with(settings, "airflow scheduler")
        workers = idle_workers(settings)
        assert {worker.ppid() for worker in workers} == {scheduler.pid}
        backend = stop_in_transaction(scheduler, connection)
        scheduler.kill()

        wait_until("the idle workers are gone", lambda: not any(map(is_alive, workers)))
        wait_until("the transaction is gone", lambda: not exists(connection, backend))
        # Ending the orphans is what is tested, on a machine of any speed: not PostgreSQL's limit, which is longer.
        said = [
            line for line in Layout.of(settings).log_of("postgres").read_text().splitlines() if f"[{backend}]" in line
        ]
        assert not [line for line in said if BY_ITS_OWN_LIMIT in line], said

        run_id = trigger(client, "note")
        wait_until(
            "a run succeeds",
            lambda: run_state(client, "note", run_id) == "success",
            HEARTBEAT_TIMEOUT.total_seconds() * 2,
        )
        assert {worker.ppid() for worker in idle_workers(settings)} == {process_with(settings, "airflow scheduler").pid}


def superuser(settings: Settings) -> psycopg.Connection[tuple[object, ...]]:
    password = ensure_secrets(Layout.of(settings)).postgres_superuser
    return psycopg.connect(settings.owner_url, user="postgres", password=password, dbname="postgres", autocommit=True)


def process_with(settings: Settings, title: str) -> psutil.Process:
    (found,) = [one for one in stack_processes(Layout.of(settings)) if title in title_of(one)]
    return found


def idle_workers(settings: Settings) -> list[psutil.Process]:
    found = [one for one in stack_processes(Layout.of(settings)) if "LocalExecutor: <idle>" in title_of(one)]
    assert found
    return found


def is_alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def exists(connection: psycopg.Connection[tuple[object, ...]], backend: int) -> bool:
    row = connection.execute("select from pg_stat_activity where pid = %s", (backend,)).fetchone()
    return row is not None


def stop_in_transaction(scheduler: psutil.Process, connection: psycopg.Connection[tuple[object, ...]]) -> int:
    """Stop the scheduler at a moment at which it has a transaction open; returns the server process of it."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        os.kill(scheduler.pid, signal.SIGSTOP)
        ports = [one.laddr.port for one in scheduler.net_connections("tcp")]
        # A query that was on its way when the scheduler stopped has ended by the second look.
        found = [connection.execute(IN_TRANSACTION, (ports,)).fetchone() for _ in range(2)]
        if found[1] is not None:
            return int(str(found[1][0]))
        os.kill(scheduler.pid, signal.SIGCONT)
        time.sleep(0.013)
    raise AssertionError("the scheduler was never seen in a transaction")
