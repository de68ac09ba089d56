"""A stack that was stopped, killed, or can't start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from janitor.domain.errors import StackDownError, StackError
from janitor.settings import Settings, load_settings
from janitor.stack import stack
from janitor.stack.postgres.server import EmbeddedPostgres, servers_of
from janitor.stack.state.layout import Layout
from janitor.stack.state.lock import exclusive
from janitor.stack.state.ports import Ports, reserve
from janitor.stack.state.secrets import ensure_secrets
from janitor.stack.state.stack_env import JANITOR_DATABASE, OWNER_ROLE, database_url
from janitor.stack.supervisor.processes import stack_processes
from janitor.stores.migrate import migrate
from tests.integration.stack.waiting import live_pids_with, run_state, trigger, wait_until
from tests.support.processes import kill_processes
from tests.support.stack import ROOT, airflow_client, running_stack, stack_settings

NAP_SECONDS = "4321"


def remember(settings: Settings, note: str) -> None:
    with psycopg.connect(settings.owner_url) as connection:
        connection.execute("create table if not exists public.kept (note text)")
        connection.execute("insert into public.kept values (%s)", (note,))


def remembered(settings: Settings) -> set[str]:
    with psycopg.connect(settings.owner_url) as connection:
        return {row[0] for row in connection.execute("select note from public.kept").fetchall()}


def finished_runs(settings: Settings) -> set[str]:
    with airflow_client(settings) as client:
        runs = client.get("/api/v2/dags/note/dagRuns", params={"limit": 100}).raise_for_status().json()["dag_runs"]
    return {run["dag_run_id"] for run in runs if run["state"] == "success"}


def run_note(settings: Settings) -> str:
    with airflow_client(settings) as client:
        run_id = trigger(client, "note")
        wait_until("the run succeeds", lambda: run_state(client, "note", run_id) == "success")
    return run_id


@pytest.mark.parametrize("victim", ["everything", "supervisord"])
def test_a_killed_stack_comes_up_with_its_data(settings: Settings, victim: str) -> None:
    remember(settings, victim)
    run_id = run_note(settings)
    layout = Layout.of(settings)
    pids = {process.pid for process in stack_processes(layout)}
    assert kill_processes(layout, lambda title: victim == "everything" or "supervisor.supervisord" in title)
    wait_until("the supervisor is gone", lambda: not stack.is_up(settings))
    with pytest.raises(StackDownError, match="make up"):
        stack.require_up(settings)

    again = stack.up(settings, progress=print)

    assert again.airflow_login == settings.airflow_login
    assert not pids & {process.pid for process in stack_processes(layout)}
    assert victim in remembered(again)
    assert run_id in finished_runs(again)
    run_note(again)


def test_two_stacks_and_down_ends_all_of_one(settings: Settings, overrides: dict[str, str], tmp_path: Path) -> None:
    """The second stack wants the ports of the first; it is ended while a task runs and has left a daemon behind."""
    taken = {
        "JANITOR_WEB_PORT": settings.airflow_login[0].rsplit(":", 1)[1],
        "JANITOR_POSTGRES_PORT": settings.writer_url.rsplit(":", 1)[1].split("/")[0],
    }
    with running_stack(tmp_path / "second", overrides | taken) as second:
        assert second.airflow_login[0] != settings.airflow_login[0]
        assert second.deployment != settings.deployment
        layout = Layout.of(second)
        with airflow_client(second) as client:
            trigger(client, "nap")
            wait_until("the daemon runs", lambda: bool(live_pids_with(NAP_SECONDS)))
        running = {process.pid for process in stack_processes(layout)}
        assert live_pids_with(NAP_SECONDS) <= running

        report = stack.down(second, progress=print)

        assert {process.pid for process in report.ended} >= running
        assert not stack_processes(layout)
        assert not live_pids_with(NAP_SECONDS)
        assert not stack.status(second).running
        assert stack.status(settings).running
        assert not stack.down(second, progress=print).ended


def test_a_start_that_fails_names_the_component_and_leaves_nothing(tmp_path: Path) -> None:
    settings = stack_settings(tmp_path / "state")
    layout = Layout.of(settings)
    layout.create()
    ensure_secrets(layout)
    EmbeddedPostgres(layout).prepare(Ports(1, 2, 3, 4))
    (layout.postgres_data / "global" / "pg_control").write_bytes(b"damaged")
    with pytest.raises(StackError) as caught:
        stack.up(settings, progress=print)
    message = str(caught.value)
    assert "PostgreSQL can't be started" in message
    assert str(layout.log_of("postgres")) in message
    assert "pg_control" in message
    assert "make doctor" in message
    assert not stack_processes(layout)
    assert not stack.is_up(settings)


def test_the_cause_is_shown_and_kept_and_not_what_it_brought_down(tmp_path: Path) -> None:
    """An applied migration was edited: the local cloud, which is on its way at that time, only gives up."""
    settings = stack_settings(tmp_path / "state")
    layout = Layout.of(settings)
    layout.create()
    with running_server(layout, settings) as owner_url:
        migrate(owner_url)
        with psycopg.connect(owner_url) as connection:
            connection.execute("update janitor.schema_migrations set sha256 = 'x' where name like '0001%'")
    with pytest.raises(StackError) as caught:
        stack.up(settings, progress=print)
    message = str(caught.value)
    assert "was changed after it was applied" in message.splitlines()[0]
    assert "gave up" not in message
    assert str(layout.log_of("start")) in message
    log = layout.log_of("start").read_text()
    assert "was changed after it was applied" in log
    assert "Traceback" in log
    assert not stack_processes(layout)


UP = """
import signal, sys
from pathlib import Path
from tests.support.stack import stack_settings
from janitor.stack import stack
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background has it ignored
stack.up(stack_settings(Path(sys.argv[1])), progress=print)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_up_leaves_nothing_that_the_next_cant_use(tmp_path: Path, number: signal.Signals) -> None:
    layout = Layout(tmp_path / "state")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "include"), str(ROOT)))}
    with subprocess.Popen([sys.executable, "-c", UP, str(layout.state_dir)], env=environment) as starting:
        wait_until("PostgreSQL has begun", lambda: bool(servers_of(layout.postgres_data)))
        starting.send_signal(number)
        starting.wait(300)
    if number is signal.SIGINT:
        assert not stack_processes(layout)
        return
    assert stack_processes(layout)
    with running_stack(layout.state_dir) as settings:
        assert stack.status(settings).running
    assert not stack_processes(layout)


def test_up_waits_for_another_and_says_whose_turn_it_is(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    code = (
        "import sys, time; from datetime import timedelta; from pathlib import Path\n"
        "from janitor.stack.state.lock import exclusive\n"
        "with exclusive(Path(sys.argv[1]), wait=timedelta(seconds=1), progress=print):\n"
        "    print('held', flush=True); time.sleep(60)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "include")}
    with subprocess.Popen([sys.executable, "-c", code, str(lock)], stdout=subprocess.PIPE, env=environment) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            told: list[str] = []
            with (
                pytest.raises(StackError, match=rf"another `up` or `down` \(pid {holder.pid}\)"),
                exclusive(lock, wait=timedelta(seconds=0.5), progress=told.append),
            ):
                pytest.fail("the lock was given twice")
            assert len(told) == 1
        finally:
            holder.kill()
    # Whoever held it is dead, and so is its lock.
    with exclusive(lock, wait=timedelta(seconds=5), progress=told.append):
        assert lock.read_text() == f"{os.getpid()}\n"


def test_an_environment_without_a_stack_says_so(tmp_path: Path) -> None:
    external = load_settings("dev", environ={"JANITOR_BUCKET": "b"}, project_root=ROOT)
    stack.require_up(external)
    with pytest.raises(StackError, match="ENV=dev has no local stack"):
        stack.up(external, progress=print)
    never_started = stack_settings(tmp_path / "state")
    with pytest.raises(StackDownError, match="make up"):
        stack.require_up(never_started)
    assert not stack.status(never_started).running
    assert not stack.down(never_started, progress=print).ended
    assert not (tmp_path / "state").exists()


@contextmanager
def running_server(layout: Layout, settings: Settings) -> Iterator[str]:
    """The stack's PostgreSQL alone, with its roles and databases; yields the URL of the schema's owner."""
    secrets, server = ensure_secrets(layout), EmbeddedPostgres(layout)
    wanted = Ports(settings.web_port, settings.postgres_port, settings.cloud_port, settings.supervisor_port)
    with reserve(wanted, {}) as ports:
        server.prepare(ports)
    process = start_server(server)
    try:
        assert server.wait_ready(ports, secrets, time.monotonic() + 60)
        server.ensure_databases(ports, secrets)
        yield database_url(OWNER_ROLE, secrets.postgres_owner, JANITOR_DATABASE, ports)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(120)


def start_server(server: EmbeddedPostgres) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        server.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def test_a_stale_pid_file_is_cleared_even_if_the_pid_lives_again(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "state")
    layout.create()
    secrets = ensure_secrets(layout)
    server = EmbeddedPostgres(layout)
    settings = stack_settings(tmp_path)
    wanted = Ports(settings.web_port, settings.postgres_port, settings.cloud_port, settings.supervisor_port)
    with reserve(wanted, {}) as ports, subprocess.Popen(["sleep", "300"]) as bystander:
        try:
            server.prepare(ports)
            first = start_server(server)
            assert server.wait_ready(ports, secrets, time.monotonic() + 30)
            with pytest.raises(StackError, match="already runs on"):
                server.prepare(ports)
            kill_processes(layout)
            first.wait(120)
            # Those that it started itself end when they see that it is gone.
            wait_until("its processes are gone", lambda: not stack_processes(layout))
            pid_file = layout.postgres_data / "postmaster.pid"
            lines = pid_file.read_text().splitlines()
            pid_file.write_text("\n".join([str(bystander.pid), *lines[1:]]) + "\n")

            server.prepare(ports)
            second = start_server(server)
            assert server.wait_ready(ports, secrets, time.monotonic() + 30)
            second.send_signal(signal.SIGINT)
            second.wait(120)
            assert bystander.poll() is None
        finally:
            bystander.kill()
            kill_processes(layout)
