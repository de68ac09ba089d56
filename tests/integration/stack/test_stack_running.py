"""A stack that runs."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest

from janitor.settings import Settings
from janitor.stack import stack
from janitor.stack.components import Component
from janitor.stack.state.layout import Layout
from janitor.stack.supervisor.processes import stack_processes
from tests.integration.stack.conftest import SHELL_SECRET
from tests.integration.stack.waiting import run_state, trigger, wait_until
from tests.support.stack import airflow_client


def test_status_shows_every_component_and_the_login(settings: Settings) -> None:
    status = stack.status(settings)
    assert status.running, status
    assert [c.component for c in status.components] == list(Component)
    assert all(c.pid and c.uptime is not None and c.log.is_file() for c in status.components)
    assert (status.web_url, status.username, status.password) == settings.airflow_login
    assert stack.is_up(settings)
    stack.require_up(settings)
    ports = {c["name"]: c["port"] for c in status.to_dict()["components"]}
    assert ports["cloud"] == int(str(settings.aws_endpoint_url).rsplit(":", 1)[1])


def test_a_dag_runs_and_reaches_the_product(settings: Settings) -> None:
    with airflow_client(settings) as client:
        run_id = trigger(client, "note")
        wait_until("the run ends", lambda: run_state(client, "note", run_id) in {"success", "failed"})
        assert run_state(client, "note", run_id) == "success"


def test_a_wrong_password_is_refused(settings: Settings) -> None:
    with airflow_client(settings) as client:
        answer = client.post("/auth/token", json={"username": "admin", "password": "admin"})
        assert answer.status_code == 401


def test_up_again_changes_nothing(settings: Settings) -> None:
    before = {c.component: c.pid for c in stack.status(settings).components}
    assert stack.up(settings, progress=print) == settings
    assert {c.component: c.pid for c in stack.status(settings).components} == before


def test_only_the_loopback_listens(settings: Settings) -> None:
    listening = set()
    for process in stack_processes(Layout.of(settings)):
        # A task that ends while it is looked at listens nowhere.
        with contextlib.suppress(psutil.NoSuchProcess):
            listening |= {c.laddr.ip for c in process.net_connections() if c.status == psutil.CONN_LISTEN}
    assert listening == {"127.0.0.1"}


def test_processes_know_the_local_cloud_alone(settings: Settings) -> None:
    pid = next(c.pid for c in stack.status(settings).components if c.component is Component.SCHEDULER)
    environ = psutil.Process(pid).environ()
    assert SHELL_SECRET not in environ
    assert environ["AWS_ENDPOINT_URL"] == settings.aws_endpoint_url
    assert environ["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull


def test_nothing_in_the_state_folder_is_readable_by_others(settings: Settings) -> None:
    assert stat.S_IMODE(settings.state_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE(settings.stack_env_file.stat().st_mode) == 0o600


def test_the_reader_only_reads_and_nobody_needs_no_password(settings: Settings) -> None:
    with psycopg.connect(settings.reader_url) as connection:
        connection.execute("select from janitor.validation_runs")
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("create temporary table mine (x int)")
    with psycopg.connect(settings.writer_url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("create table janitor.mine (x int)")
    without_password = settings.writer_url.replace(settings.writer_url.split(":")[2].split("@")[0], "wrong")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(without_password)
    # Airflow's tables are none of ours.
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(settings.writer_url.removesuffix("/janitor") + "/airflow")


def test_examples_are_repositories(settings: Settings) -> None:
    head = Path(settings.state_dir) / "repositories" / "hello.git" / "refs" / "heads" / "main"
    assert len(head.read_text().strip()) == 40


def test_many_who_ask_at_once_hold_nobody_up(settings: Settings) -> None:
    """More than the API server has connections by default: then those who hold one wait for those who want one."""
    url, username, password = settings.airflow_login
    login = httpx.post(f"{url}/auth/token", json={"username": username, "password": password}, timeout=120)
    mine = {"Authorization": f"Bearer {login.json()['access_token']}"}
    until = time.monotonic() + 20

    def ask(number: int) -> set[int]:
        answers = set()
        with httpx.Client(base_url=url, headers=mine, timeout=60, trust_env=False) as client:
            while time.monotonic() < until:
                answers.add(client.get(("/api/v2/dags", "/ui/dags")[number % 2]).status_code)
        return answers

    with ThreadPoolExecutor(60) as pool:
        assert set().union(*pool.map(ask, range(60))) == {200}


def test_a_killed_component_comes_back(settings: Settings) -> None:
    def triggerer() -> int | None:
        return next(c.pid for c in stack.status(settings).components if c.component is Component.TRIGGERER)

    first = triggerer()
    assert first is not None
    os.kill(first, signal.SIGKILL)
    wait_until("the triggerer is another process", lambda: triggerer() not in {None, first})
    wait_until("the stack is healthy", lambda: stack.status(settings).running)


def test_a_triggerer_that_is_started_anew_leaves_the_stack_whole(settings: Settings) -> None:
    """The command that comes next must not find one that is only about to run."""
    before = next(c.pid for c in stack.status(settings).components if c.component is Component.TRIGGERER)
    stack.restart_triggerer(settings, progress=print)
    stack.require_up(settings)
    after = next(c.pid for c in stack.status(settings).components if c.component is Component.TRIGGERER)
    assert after not in (None, before)
