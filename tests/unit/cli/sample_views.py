"""Runs and validations as the database would give them, at the times of the specification's examples."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid5

from janitor.domain.states import RunStatus, ValidationStatus
from janitor.domain.views import RunView, ValidationView

RUN_ID = UUID("550e8400-e29b-41d4-a716-446655440000")
START = datetime(2024, 1, 15, 14, 30, tzinfo=timezone.utc)
PROMPT = "validate the repo and see if its still working"


def after(minutes: float) -> datetime:
    """The instant so many minutes after the start."""
    return START + timedelta(minutes=minutes)


def validation(name: str, status: str, **fields: Any) -> ValidationView:
    """One validation; launched at the start unless it only waits."""
    known: dict[str, Any] = {
        "validation_id": uuid5(RUN_ID, name),
        "run_id": RUN_ID,
        "repository_name": name,
        "organization": "runpod-workers",
        "prompt": PROMPT,
        "status": ValidationStatus(status),
        "started_at": START,
    }
    if status not in {"queued", "launching"}:
        known |= {"instance_id": f"i-{name}", "launched_at": START, "deadline_at": after(30)}
    return ValidationView(**(known | fields))


def ended(name: str, status: str, minutes: int, seconds: int = 0, **fields: Any) -> ValidationView:
    """A validation that took this long."""
    took = timedelta(minutes=minutes, seconds=seconds)
    return validation(name, status, **({"execution_time": took, "finished_at": START + took} | fields))


def run_of(*validations: ValidationView, status: str = "running", **fields: Any) -> RunView:
    """A run of these validations."""
    known: dict[str, Any] = {
        "run_id": RUN_ID,
        "airflow_run_id": "manual__1",
        "config_path": "infra/workers-config.yaml",
        "trigger": "manual",
        "started_at": START,
        "timeout": timedelta(minutes=30),
        "status": RunStatus(status),
        "total_repositories": len(validations),
        "validations": validations,
    }
    return RunView(**(known | fields))
