"""Ctrl-C, a cancelled job and a closed terminal while a run is followed: the run goes on, and that is said."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from janitor.cli.exit_codes import ExitCode
from janitor.settings import Settings
from tests.integration.cli.hanging import environment_of, hanging_service
from tests.support.airflow_answers import airflow_that_says
from tests.support.postgres import TestDatabase
from tests.support.rows import insert_run

WAIT_SECONDS = 60
LONGEST_END_SECONDS = 30
"""Of a command that has nothing to put in order: on a quiet machine well below a second."""


@contextmanager
def following(
    settings: Settings, database: TestDatabase, state: Path, *more: str, prefix: tuple[str, ...] = ()
) -> Iterator[tuple[subprocess.Popen[str], UUID]]:
    """A command that follows a run which doesn't end, from the moment at which it does."""
    run_id, _ = insert_run(database.writer_url, deployment=settings.deployment)
    with psycopg.connect(database.writer_url) as connection:
        row = connection.execute(
            "select airflow_run_id from janitor.validation_runs where run_id = %s", (run_id,)
        ).fetchone()
    assert row is not None
    with airflow_that_says(settings, {row[0]: "running"}) as answering:
        environment = environment_of(
            state,
            9,
            JANITOR_DEPLOYMENT=settings.deployment,
            JANITOR_DATABASE_URL=database.writer_url,
            JANITOR_READER_DATABASE_URL=database.reader_url,
            JANITOR_AIRFLOW_URL=str(answering.airflow_url),
        )
        process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "janitor.cli.main", "follow", str(run_id), *more],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stderr is not None
            told = iter(process.stderr.readline, "")
            assert any(f"run {run_id} goes on" in line for line in told)
            yield process, run_id
        finally:
            process.kill()
            process.communicate(timeout=120)


@pytest.mark.parametrize(
    ("number", "code", "how"),
    [
        (signal.SIGINT, ExitCode.INTERRUPTED, "Interrupted."),
        (signal.SIGTERM, ExitCode.TERMINATED, "Ended by SIGTERM."),
        (signal.SIGHUP, ExitCode.HUNG_UP, "Ended by SIGHUP."),
    ],
)
@pytest.mark.parametrize("more", [(), ("--json",)])
def test_whoever_stops_following_is_told_what_goes_on(
    number: signal.Signals,
    code: ExitCode,
    how: str,
    more: tuple[str, ...],
    settings: Settings,
    database: TestDatabase,
    tmp_path: Path,
) -> None:
    with following(settings, database, tmp_path, *more) as (process, run_id):
        process.send_signal(number)
        out, err = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == code
    assert f"{how} Run {run_id} goes on." in err
    assert f"`make follow RUN_ID={run_id} ENV=local`" in err
    assert "`make kill-all-workers ENV=local`" in err
    assert "Traceback" not in err
    if more:
        assert out == ""


def test_what_nohup_ignores_stays_ignored(settings: Settings, database: TestDatabase, tmp_path: Path) -> None:
    with following(settings, database, tmp_path, prefix=("nohup",)) as (process, run_id):
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(2)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == ExitCode.TERMINATED
    assert str(run_id) in err


def test_a_terminal_that_is_gone_is_no_reason_to_fail(
    settings: Settings, database: TestDatabase, tmp_path: Path
) -> None:
    with following(settings, database, tmp_path) as (process, _):
        assert process.stderr is not None
        process.stderr.close()
        process.stderr = None
        process.send_signal(signal.SIGHUP)
        assert process.wait(WAIT_SECONDS) == ExitCode.HUNG_UP


@pytest.mark.parametrize(
    ("number", "code", "how"),
    [
        (signal.SIGINT, ExitCode.INTERRUPTED, "Interrupted."),
        (signal.SIGTERM, ExitCode.TERMINATED, "Ended by SIGTERM."),
    ],
)
def test_questions_that_hang_hold_nobody(number: signal.Signals, code: ExitCode, how: str, tmp_path: Path) -> None:
    """The parts of a deployment are asked at the same time, and none of them answers."""
    with hanging_service() as port:
        process = subprocess.Popen(
            [sys.executable, "-m", "janitor.cli.main", "status"],
            env=environment_of(tmp_path, port, JANITOR_AWS_ANSWER_SECONDS="60"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stderr is not None
            # A machine on which the start takes long is told so first.
            assert any("⏳ waiting for " in line for line in process.stderr)
            process.send_signal(number)
            began = time.monotonic()
            out, err = process.communicate(timeout=WAIT_SECONDS)
            took = time.monotonic() - began
        finally:
            process.kill()
            process.communicate(timeout=120)
    assert process.returncode == code
    assert (out, err.splitlines()[-1]) == ("", f"{how} Nothing was left behind.")
    assert took < LONGEST_END_SECONDS
