"""Airflow's REST API: trigger, look at and stop runs of one of the DAGs that validate.

The command talks REST instead of importing Airflow, which would cost seconds and need Airflow's database.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any
from urllib.parse import quote

from janitor.domain.errors import AirflowError, AirflowUnaskedError, NotFoundError
from janitor.domain.states import RunKind
from janitor.services.airflow.doors import AirflowDoor, detail_of, door_of, front_door_of
from janitor.settings import Settings

_NOT_FOUND, _CONFLICT = 404, 409
_REFUSALS = frozenset(range(400, 500)) - {408}
"""Of HTTP: the request had no effect. 408 may be a proxy's, which has waited for the answer in vain."""
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
    """A logged-in session with one DAG's runs; use it as a context manager.

    Args:
        settings: Of the environment.
        kind: Of the runs; each kind has a DAG of its own.
        door: The way in; default: the one that the settings describe.
        dag_id: Of a DAG that validates nothing; default: that of the kind.

    Raises (every method):
        AirflowError: Airflow can't be reached or refused; AirflowUnaskedError where nothing was done of what was asked.
    """

    def __init__(
        self,
        settings: Settings,
        kind: RunKind = RunKind.PARALLEL,
        *,
        door: AirflowDoor | None = None,
        dag_id: str | None = None,
    ) -> None:
        self._dag_id = dag_id or settings.dag_id_of(kind)
        self._door: AirflowDoor = door or door_of(settings)

    @classmethod
    def before_login(cls, settings: Settings) -> AirflowClient:
        """A session without a login, to which Airflow tells its version alone. Needs the URL."""
        return cls(settings, door=front_door_of(settings))

    def __enter__(self) -> AirflowClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._door.close()

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

    def under_way(self) -> list[str]:
        """Airflow ids of the runs that Airflow lets go on now, the one that began first before the others."""
        return self._run_ids("state=running&order_by=start_date&")

    def most_at_a_time(self) -> int | None:
        """How many of its runs Airflow lets go on at once; None: any number."""
        most = self.dag(self._dag_id).get("max_active_runs")
        return None if most is None else int(most)

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

    def version(self) -> str:
        """Airflow's own version."""
        return str(self._call("GET", "/api/v2/version")["version"])

    def dag(self, dag_id: str) -> Mapping[str, Any]:
        """What Airflow makes of a DAG: schedule, params, whether it is paused, when it was parsed.

        Raises:
            NotFoundError: Airflow has no such DAG.
        """
        answer: Mapping[str, Any] = self._call("GET", f"/api/v2/dags/{quote(dag_id, safe='')}/details")
        return answer

    def import_errors(self) -> list[tuple[str, str]]:
        """(file, last line of the trace) of the DAG files that Airflow can't load."""
        answer = self._call("GET", f"/api/v2/importErrors?limit={_PAGE_SIZE}")
        return [
            (str(each.get("filename")), str(each.get("stack_trace")).strip().rpartition("\n")[2])
            for each in answer["import_errors"]
        ]

    def mark_failed(self, airflow_run_id: str) -> None:
        """Stop a run; its teardown tasks still run."""
        self._call("PATCH", self._run(airflow_run_id), {"state": "failed"}, accepted=(_NOT_FOUND,))

    def note(self, airflow_run_id: str, text: str) -> None:
        """Put a note on a run, in place of the one it had."""
        self._call("PATCH", f"{self._run(airflow_run_id)}?update_mask=note", {"note": text}, accepted=(_NOT_FOUND,))

    def _run(self, airflow_run_id: str) -> str:
        return f"/api/v2/dags/{self._dag_id}/dagRuns/{quote(airflow_run_id, safe='')}"

    def _call(self, method: str, path: str, body: Any = None, accepted: tuple[int, ...] = ()) -> Any:
        answer = self._door.ask(method, path, body)
        if answer.is_success and answer.document is None:
            raise AirflowError(f"{self._door.place} answers {method} {path} with no JSON; is its address right?")
        if answer.is_success or answer.status in accepted:
            return answer.document
        if answer.status == _NOT_FOUND:
            raise NotFoundError(f"{self._door.place} doesn't know {path}: {detail_of(answer)}")
        error = AirflowUnaskedError if answer.status in _REFUSALS else AirflowError
        raise error(f"Airflow refused {method} {path} ({answer.status}): {detail_of(answer)}")
