"""What people do to a run in Airflow, by its REST API, which is what the web UI's buttons call."""

from __future__ import annotations

from urllib.parse import quote

import httpx

from tests.crash.cells import Act
from tests.crash.stand import Stand

_NOT_FOUND = 404


def do(stand: Stand, act: Act, airflow_run_id: str) -> None:
    """Do it; a second run is the caller's, who has the config.

    Raises:
        httpx.HTTPError: Airflow refused.
    """
    run = f"/dagRuns/{quote(airflow_run_id, safe='')}"
    if act is Act.MARK_FAILED:
        stand.airflow("PATCH", run, {"state": "failed"})
    elif act is Act.MARK_SUCCESS:
        stand.airflow("PATCH", run, {"state": "success"})
    elif act is Act.DELETE_RUN:
        # Airflow deletes no run that is at work: it is stopped first. See `delete`.
        stand.airflow("PATCH", run, {"state": "failed"})
    elif act is Act.PAUSE:
        pause(stand, paused=True)
    elif act is Act.CLEAR_LAUNCH:
        _clear(stand, airflow_run_id, "validate_repository.launch")
    elif act is Act.CLEAR_VALIDATE:
        _clear(stand, airflow_run_id, "validate_repository.validate")


def delete(stand: Stand, airflow_run_id: str) -> None:
    """Delete a run; Airflow refuses while the run's teardown tasks are at work. Raises httpx.HTTPError."""
    stand.airflow("DELETE", f"/dagRuns/{quote(airflow_run_id, safe='')}")


def pause(stand: Stand, *, paused: bool) -> None:
    """Pause the DAG, or let it go on."""
    stand.airflow("PATCH", "", {"is_paused": paused})


def tidy_up(stand: Stand, airflow_run_ids: list[str]) -> None:
    """Leave nothing of a cell at work in Airflow, however it went."""
    for airflow_run_id in airflow_run_ids:
        try:
            state = stand.airflow("GET", f"/dagRuns/{quote(airflow_run_id, safe='')}").json()["state"]
            if state in ("queued", "running"):
                do(stand, Act.MARK_FAILED, airflow_run_id)
        except httpx.HTTPStatusError as exc:
            if exc.response.status_code != _NOT_FOUND:
                raise
    pause(stand, paused=False)


def _clear(stand: Stand, airflow_run_id: str, task_id: str) -> None:
    order = {
        "dry_run": False,
        "dag_run_id": airflow_run_id,
        "task_ids": [task_id],
        "only_failed": False,
        "include_downstream": True,
        "reset_dag_runs": True,
    }
    stand.airflow("POST", "/clearTaskInstances", order)
