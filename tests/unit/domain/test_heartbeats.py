"""A heartbeat is judged by its age, whatever its owner's monitor says."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from janitor.domain.heartbeats import AIRFLOW_PROGRAMS, OLDEST, heartbeat_problem

NOW = datetime(2024, 1, 15, 14, 30, tzinfo=timezone.utc)


def answer(name: str, age: timedelta, status: str = "healthy") -> dict[str, dict[str, str]]:
    return {name: {"status": status, f"latest_{name}_heartbeat": (NOW - age).isoformat().replace("+00:00", "Z")}}


@pytest.mark.parametrize("name", AIRFLOW_PROGRAMS)
def test_a_young_heartbeat_is_fine(name):
    assert heartbeat_problem(answer(name, timedelta(seconds=5)), name, NOW) is None
    assert heartbeat_problem(answer(name, OLDEST), name, NOW) is None


@pytest.mark.parametrize("status", ["healthy", "unhealthy"])
def test_an_old_one_is_not_whatever_the_monitor_says(status):
    said = heartbeat_problem(answer("triggerer", timedelta(minutes=25), status), "triggerer", NOW)
    assert str(said).startswith("no heartbeat for 25 minutes (the last at 2024-01-15 14:05:00 UTC): dead, or frozen")


def test_the_monitor_s_own_judgement_counts_too():
    said = heartbeat_problem(answer("scheduler", timedelta(seconds=40), "unhealthy"), "scheduler", NOW)
    assert "no heartbeat for 40 seconds" in str(said)


def test_one_of_before_the_start_is_another_process_s():
    young = answer("triggerer", timedelta(seconds=20))
    assert heartbeat_problem(young, "triggerer", NOW, not_before=NOW - timedelta(seconds=10)) == "no heartbeat yet"
    assert heartbeat_problem({}, "triggerer", NOW) == "no heartbeat yet"
