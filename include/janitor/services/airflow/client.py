"""Airflow's REST API: trigger, look at and stop runs of the validation DAG.

The command talks REST instead of importing Airflow, which would cost seconds and need Airflow's database.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import Enum
from typing import Any
from urllib.parse import quote

import httpx

from janitor.domain.errors import AirflowError, NotFoundError
from janitor.domain.waits import waiting
from janitor.settings import Settings

_TIMEOUT = timedelta(seconds=30)
_NOT_FOUND, _CONFLICT = 404, 409
_PAGE_SIZE = 100
"""Most entries of one page. Source: Airflow configuration, [api] maximum_page_limit."""


class AirflowRunState(str, Enum):
    """State of a DAG run. Source: Airflow REST API v2, DagRunState."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        """Whether the DAG run has ended."""
        return self in (AirflowRunState.SUCCESS, AirflowRunState.FAILED)


class AirflowClient:
    """A logged-in session; use it as a context manager.

    Raises (every method):
        AirflowError: Airflow can't be reached or refused.
    """

    def __init__(self, settings: Settings) -> None:
        self._url, username, password = settings.airflow_login
        self._dag_id = settings.airflow_dag_id
        self._http = httpx.Client(base_url=self._url, timeout=_TIMEOUT.total_seconds(), trust_env=False)
        token = self._call("POST", "/auth/token", {"username": username, "password": password})["access_token"]
        self._http.headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> AirflowClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def trigger(self, airflow_run_id: str, conf: Mapping[str, Any]) -> None:
        """Start a run of this id; one that exists already is fine."""
        body = {"dag_run_id": airflow_run_id, "logical_date": None, "conf": dict(conf)}
        self._call("POST", f"/api/v2/dags/{self._dag_id}/dagRuns", body, accepted=(_CONFLICT,))

    def state(self, airflow_run_id: str) -> AirflowRunState:
        """State of one run."""
        return AirflowRunState(self._call("GET", self._run(airflow_run_id))["state"])

    def task_states(self, airflow_run_id: str) -> list[tuple[str, int, str | None]]:
        """(task id, map index, state) of a run's tasks."""
        found: list[tuple[str, int, str | None]] = []
        while True:
            page = f"limit={_PAGE_SIZE}&offset={len(found)}&order_by=id"
            answer = self._call("GET", f"{self._run(airflow_run_id)}/taskInstances?{page}")
            found += [(one["task_id"], one["map_index"], one["state"]) for one in answer["task_instances"]]
            if not answer["task_instances"] or len(found) >= answer["total_entries"]:
                return found

    def running(self) -> list[str]:
        """Airflow ids of the runs that haven't ended."""
        return self._run_ids("state=running&state=queued&")

    def latest_runs(self) -> list[str]:
        """Airflow ids of the latest runs, newest first."""
        return self._run_ids("order_by=-run_after&")

    def _run_ids(self, query: str) -> list[str]:
        answer = self._call("GET", f"/api/v2/dags/{self._dag_id}/dagRuns?{query}limit={_PAGE_SIZE}")
        return [run["dag_run_id"] for run in answer["dag_runs"]]

    def health(self) -> Mapping[str, Any]:
        """What Airflow's monitor says of its programs; it sees heartbeats in the database."""
        answer: Mapping[str, Any] = self._call("GET", "/api/v2/monitor/health")
        return answer

    def mark_failed(self, airflow_run_id: str) -> None:
        """Stop a run; its teardown tasks still run."""
        self._call("PATCH", self._run(airflow_run_id), {"state": "failed"}, accepted=(_NOT_FOUND,))

    def note(self, airflow_run_id: str, text: str) -> None:
        """Put a note on a run, in place of the one it had."""
        self._call("PATCH", f"{self._run(airflow_run_id)}?update_mask=note", {"note": text}, accepted=(_NOT_FOUND,))

    def _run(self, airflow_run_id: str) -> str:
        return f"/api/v2/dags/{self._dag_id}/dagRuns/{quote(airflow_run_id, safe='')}"

    def _call(self, method: str, path: str, body: Any = None, accepted: tuple[int, ...] = ()) -> Any:
        try:
            with waiting(f"waiting for Airflow at {self._url}", _TIMEOUT):
                answer = self._http.request(method, path, json=body)
        except httpx.HTTPError as exc:
            raise AirflowError(
                f"Airflow at {self._url} can't be reached ({type(exc).__name__}); is the stack up? Try `make status`"
            ) from exc
        if answer.is_success or answer.status_code in accepted:
            return answer.json() if answer.content else {}
        if answer.status_code == _NOT_FOUND:
            raise NotFoundError(f"Airflow at {self._url} doesn't know {path}: {_detail(answer)}")
        raise AirflowError(f"Airflow refused {method} {path} ({answer.status_code}): {_detail(answer)}")


def _detail(answer: httpx.Response) -> str:
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = answer.text
    return str(detail)[:500]
