"""Starting runs on a stack, awaiting them, and asking what is left."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from janitor.domain.errors import AirflowError, DatabaseError
from janitor.domain.states import RunKind
from janitor.domain.views import RunView, ValidationView
from janitor.services.airflow.client import AirflowClient, AirflowRunState
from janitor.services.airflow.trigger import TriggeredRun, trigger_run
from janitor.services.report.reports import find_run_view
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores.database import transaction
from tests.support.instances import instances_of_deployment

Found = TypeVar("Found")
_LOOK_EVERY_SECONDS = 1.0
RUN_LIMIT = timedelta(minutes=15)
SOON = timedelta(seconds=240)
"""For one step of a run: seconds on a quiet machine, minutes on one with a load of 20."""


class Runs:
    """Runs on one stack."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._session: AirflowClient | None = None

    @contextmanager
    def _airflow(self) -> Iterator[AirflowClient]:
        """A session that is kept: logging in for each look would be half of the API server's work."""
        self._session = self._session or AirflowClient(self.settings)
        try:
            yield self._session
        except AirflowError:
            self._session = None
            raise

    def start(
        self,
        config: Path,
        *,
        repo: str | None = None,
        max_concurrent_instances: int | None = None,
        kind: RunKind = RunKind.PARALLEL,
    ) -> TriggeredRun:
        """Trigger a run, as the command does."""
        return trigger_run(
            self.settings,
            config_path=str(config),
            repo=repo,
            max_concurrent_instances=max_concurrent_instances,
            kind=kind,
        )

    def view(self, airflow_run_id: str) -> RunView | None:
        """The run as recorded; None as long as it isn't planned."""
        return find_run_view(self.settings, airflow_run_id)

    def state(self, airflow_run_id: str) -> AirflowRunState:
        """Airflow's own word on the run."""
        with self._airflow() as airflow:
            return airflow.state(airflow_run_id)

    def task_state(self, airflow_run_id: str, task_id: str, map_index: int = -1) -> str | None:
        """Airflow's state of one task."""
        with self._airflow() as airflow:
            states = airflow.task_states(airflow_run_id)
        return next((state for task, index, state in states if (task, index) == (task_id, map_index)), None)

    def task_instance(self, airflow_run_id: str, task_id: str, map_index: int = -1) -> dict[str, Any]:
        """One task as Airflow's web UI shows it."""
        found: dict[str, Any] = self._ask(self._task(airflow_run_id, task_id, map_index)).json()
        return found

    def log(self, airflow_run_id: str, task_id: str, map_index: int = -1, *, attempt: int = 1) -> list[dict[str, Any]]:
        """The records in the log of one try of a task."""
        task = f"/api/v2/dags/{self.settings.airflow_dag_id}/dagRuns/{airflow_run_id}/taskInstances/{task_id}"
        path = f"{task}/logs/{attempt}"
        answer = self._ask(f"{path}?map_index={map_index}&full_content=true").json()
        return [line for line in answer["content"] if isinstance(line, dict)]

    def note(self, airflow_run_id: str) -> str | None:
        """The note on a run."""
        path = f"/api/v2/dags/{self.settings.airflow_dag_id}/dagRuns/{airflow_run_id}"
        note: str | None = self._ask(path).json()["note"]
        return note

    def links(self, airflow_run_id: str, task_id: str, map_index: int = -1) -> dict[str, str]:
        """The buttons of a task with their addresses."""
        path = f"/api/v2/dags/{self.settings.airflow_dag_id}/dagRuns/{airflow_run_id}/taskInstances/{task_id}/links"
        answer = self._ask(f"{path}?map_index={map_index}").json()
        links: dict[str, str] = answer["extra_links"]
        return links

    def page(self, url: str) -> httpx.Response:
        """A page of the web UI, as a user who is logged in gets it."""
        return self._ask(url)

    def _task(self, airflow_run_id: str, task_id: str, map_index: int) -> str:
        path = f"/api/v2/dags/{self.settings.airflow_dag_id}/dagRuns/{airflow_run_id}/taskInstances/{task_id}"
        return path if map_index < 0 else f"{path}/{map_index}"

    def _ask(self, path: str) -> httpx.Response:
        url, username, password = self.settings.airflow_login
        with httpx.Client(base_url=url, timeout=30, trust_env=False) as http:
            login = http.post("/auth/token", json={"username": username, "password": password})
            answer = http.get(path, headers={"Authorization": f"Bearer {login.json()['access_token']}"})
        answer.raise_for_status()
        return answer

    def finished(self, run: TriggeredRun, *, within: timedelta = RUN_LIMIT) -> RunView:
        """Wait until Airflow says that the run has ended, and return what is recorded."""
        eventually(lambda: self.state(run.airflow_run_id).is_final or None, within=within)
        view = self.view(run.airflow_run_id)
        assert view is not None
        return view

    def set_faults(self, *rules: dict[str, Any]) -> None:
        """Put these faults of the local cloud in force instead of all others; none clears them."""
        secret = self.settings.aws_secret_access_key
        assert self.settings.aws_access_key_id is not None
        assert secret is not None
        request = AWSRequest(
            method="POST",
            url=f"{self.settings.aws_endpoint_url}/_localcloud/faults",
            data=json.dumps(rules).encode(),
        )
        credentials = Credentials(self.settings.aws_access_key_id, secret.get_secret_value())
        SigV4Auth(credentials, "localcloud", self.settings.region).add_auth(request)
        answer = httpx.post(
            request.url, content=request.data, headers=dict(request.headers), timeout=30, trust_env=False
        )
        answer.raise_for_status()

    def assert_nothing_left(self) -> None:
        """Neither EC2 nor the ledger knows a live instance of the deployment."""
        assert instances_of_deployment(self.settings) == []
        with transaction(self.settings.writer_url) as connection:
            assert ledger.live_of_deployment(connection, self.settings.deployment) == []


def by_name(view: RunView) -> dict[str, ValidationView]:
    """A run's validations by repository."""
    return {validation.repository_name: validation for validation in view.validations}


def eventually(look: Callable[[], Found | None], *, within: timedelta) -> Found:
    """Look until there is something; a component that is being restarted, or what doesn't hold, is no answer yet."""
    deadline = time.monotonic() + within.total_seconds()
    last: Exception | None = None
    while True:
        try:
            found = look()
        except (AirflowError, DatabaseError, AssertionError) as exc:
            found, last = None, exc
        if found is not None:
            return found
        assert time.monotonic() < deadline, f"it did not come to pass within {within}; last: {last}"
        time.sleep(_LOOK_EVERY_SECONDS)
