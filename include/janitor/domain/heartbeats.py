"""Judging a heartbeat by its age, and not only by what its owner's monitor says of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

OLDEST = timedelta(seconds=60)
"""A heartbeat that is older is nobody's. Airflow's programs give one every 5 seconds, and its monitor allows 30.
Source: Airflow configuration reference, `job_heartbeat_sec`, `scheduler_health_check_threshold`."""
AIRFLOW_PROGRAMS = ("scheduler", "dag_processor", "triggerer")
"""As Airflow's monitor calls them."""


def heartbeat_problem(
    answer: Mapping[str, Any], name: str, now: datetime, *, not_before: datetime | None = None
) -> str | None:
    """Why one of Airflow's programs isn't healthy, or None.

    Args:
        answer: What `/api/v2/monitor/health` says.
        name: One of `AIRFLOW_PROGRAMS`.
        now: The time of the answer.
        not_before: When the program was started, where that is known: an older heartbeat is another process's.
    """
    state = answer.get(name) or {}
    said = state.get(f"latest_{name}_heartbeat")
    if not said:
        return "no heartbeat yet"
    beat = datetime.fromisoformat(str(said).replace("Z", "+00:00"))
    if not_before is not None and beat < not_before:
        return "no heartbeat yet"
    age = now - beat
    if age > OLDEST or state.get("status") != "healthy":
        return (
            f"no heartbeat for {_in_words(age)} (the last at {beat:%Y-%m-%d %H:%M:%S} UTC): dead, or frozen;"
            ' see runbook "Airflow component without a heartbeat"'
        )
    return None


def airflow_problems(answer: Mapping[str, Any], now: datetime) -> list[str]:
    """What isn't well with Airflow's programs, in the words of every face; arguments as for `heartbeat_problem`."""
    told = [(name, heartbeat_problem(answer, name, now)) for name in AIRFLOW_PROGRAMS]
    return [f"{name}: {problem}" for name, problem in told if problem is not None]


def _in_words(age: timedelta) -> str:
    seconds = max(0, int(age.total_seconds()))
    if seconds < 120:
        return f"{seconds} seconds"
    return f"{seconds // 60} minutes" if seconds < 7200 else f"{seconds // 3600} hours"
