"""Heartbeats as the pages' server knows them: Airflow's rows, one question at a time, and nobody waits long for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

from janitor.orchestration.web.heartbeats import Heartbeats

INCLUDE = Path(__file__).resolve().parents[3] / "include"
PROGRAM = """
import json
from datetime import timedelta
import airflow.models, airflow.settings as settings
from airflow._shared.timezones import timezone
from airflow.jobs.job import Job
from janitor.orchestration.web.heartbeats import Heartbeats

settings.initialize()
Job.__table__.create(settings.engine)
said = []
for kind, age in (("SchedulerJob", 1), ("DagProcessorJob", 1), ("TriggererJob", 1_500)):
    with settings.Session() as session, session.begin():
        session.execute(Job.__table__.insert().values(
            job_type=kind, state="running", latest_heartbeat=timezone.utcnow() - timedelta(seconds=age)))
    said.append(Heartbeats(patience=timedelta(minutes=5)).problems())
print(json.dumps(said))
"""


def answer(age: timedelta = timedelta()) -> Mapping[str, Any]:
    """Airflow's."""
    beat = (datetime.now(timezone.utc) - age).isoformat()
    names = ("scheduler", "dag_processor", "triggerer")
    return {name: {"status": "healthy", f"latest_{name}_heartbeat": beat} for name in names}


def test_they_are_read_from_airflow_s_own_rows(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={
            **{"PATH": os.environ["PATH"], "PYTHONPATH": str(INCLUDE), "HOME": str(tmp_path)},
            "AIRFLOW_HOME": str(tmp_path),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/airflow.db",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first, second, third = json.loads(done.stdout.splitlines()[-1])
    assert first == ["dag_processor: no heartbeat yet", "triggerer: no heartbeat yet"]
    assert second == ["triggerer: no heartbeat yet"]
    (old,) = third
    assert old.startswith("triggerer: no heartbeat for 25 minutes")


def test_one_answer_serves_everybody_for_some_seconds() -> None:
    asked = []

    def ask() -> Mapping[str, Any]:
        asked.append(1)
        return answer(timedelta(minutes=10))

    kept = Heartbeats(ask)
    assert [problem.partition(":")[0] for problem in kept.problems()] == ["scheduler", "dag_processor", "triggerer"]
    assert len(kept.problems()) == 3
    assert len(asked) == 1
    fleeting = Heartbeats(ask, kept_for=timedelta())
    fleeting.problems()
    fleeting.problems()
    assert len(asked) == 3


def test_a_database_that_hangs_is_told_and_asked_once() -> None:
    asked, goes_on = [], Event()

    def ask() -> Mapping[str, Any]:
        asked.append(1)
        goes_on.wait(60)
        return answer()

    slow = Heartbeats(ask, patience=timedelta(seconds=0.2))
    began = monotonic()
    for _ in range(20):
        (problem,) = slow.problems()
        assert problem.startswith("api-server: ")
    assert monotonic() - began < 2, "whoever comes later doesn't wait again"
    assert len(asked) == 1
    goes_on.set()
    until = monotonic() + 30
    while slow.problems() and monotonic() < until:
        pass
    assert slow.problems() == []


def test_an_error_is_told() -> None:
    def ask() -> Mapping[str, Any]:
        raise ConnectionError

    assert Heartbeats(ask).problems() == ["api-server: Airflow can't tell heartbeats (ConnectionError)"]
