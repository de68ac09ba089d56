"""One whole stack, shared by the tests of this folder: starting one is what takes their time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from janitor.settings import Settings
from janitor.stack import stack
from tests.integration.stack.waiting import wait_until
from tests.support.stack import running_stack

# A space, a comma and a colon each mean something in one of the configuration files.
AWKWARD_FOLDER = "a folder, new: yes"
SHELL_SECRET = "SHELL_SECRET"

_DAG_FILE = '''\
"""DAGs for the tests of the stack."""

import subprocess
import time

import psycopg
from airflow.sdk import dag, task

from janitor.settings import load_settings


@dag(schedule=None)
def note():
    """Prove that a task runs, imports the product and reaches its settings."""

    @task
    def write():
        with psycopg.connect(load_settings().writer_url) as connection:
            connection.execute("select from janitor.validation_runs")

    write()


@dag(schedule=None)
def nap():
    """Sleep beside a daemon that has left its session and its parent."""

    @task
    def sleep():
        subprocess.run(["sh", "-c", "setsid sleep 4321 >/dev/null 2>&1 &"], check=True)
        time.sleep(300)

    sleep()


@dag(dag_id=load_settings().airflow_dag_id, schedule=None)
def product():
    """Stand for the product's own DAG: a stack is healthy where Airflow knows it."""

    @task
    def nothing():
        pass

    nothing()


note()
nap()
product()
'''


@pytest.fixture(scope="package")
def dags_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dags")
    (folder / "stack_dags.py").write_text(_DAG_FILE)
    return folder


@pytest.fixture(scope="package")
def examples_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("workers")
    (folder / "hello").mkdir()
    (folder / "hello" / "handler.py").write_text("print('hello')\n")
    return folder


@pytest.fixture(scope="package")
def overrides(dags_folder: Path, examples_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables of a stack whose DAGs, plugins and examples are the tests' own."""
    return {
        "JANITOR_DAGS_FOLDER": str(dags_folder),
        "JANITOR_PLUGINS_FOLDER": str(tmp_path_factory.mktemp("plugins")),
        "JANITOR_EXAMPLES_FOLDER": str(examples_folder),
        SHELL_SECRET: "not for the stack",
    }


@pytest.fixture(scope="package")
def settings(tmp_path_factory: pytest.TempPathFactory, overrides: dict[str, str]) -> Iterator[Settings]:
    """Settings of a stack that runs. A test that breaks it brings it up again."""
    with running_stack(tmp_path_factory.mktemp("stack") / AWKWARD_FOLDER, overrides) as running:
        wait_until("the DAGs are parsed", lambda: stack.status(running).running)
        yield running
