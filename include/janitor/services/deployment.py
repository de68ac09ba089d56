"""Questions to a whole deployment: does each part answer, which instances live, which runs does Airflow have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from janitor.cloud import instances as ec2
from janitor.cloud.session import CloudAccess
from janitor.domain.errors import JanitorError
from janitor.domain.identity import TAG_DEADLINE, TAG_KEEP_UNTIL, TAG_REPOSITORY, TAG_RUN, run_id_for
from janitor.services.airflow_client import AirflowClient
from janitor.services.reports import SHORTEST_PREFIX, running_runs
from janitor.services.trigger import TriggeredRun
from janitor.settings import Settings


@dataclass(frozen=True, kw_only=True)
class ServiceAnswer:
    """Whether one part of the deployment answers."""

    name: str
    problem: str | None
    """None: it does."""


@dataclass(frozen=True, kw_only=True)
class LiveInstance:
    """An instance that EC2 doesn't call terminated, with what its tags say."""

    instance_id: str
    state: str
    run_id: str | None
    validation_id: str | None
    repository: str | None
    deadline_at: str | None
    keep_until: str | None = None
    """End of a debug lease, where it has or had one."""


def look_at_deployment(settings: Settings) -> tuple[ServiceAnswer, ...]:
    """Ask the database, the cloud and Airflow for something small. Never raises: a refusal is an answer."""
    questions: dict[str, Callable[[], object]] = {
        "database": lambda: running_runs(settings),
        "cloud": lambda: live_instances(settings),
        "Airflow": lambda: _running_in_airflow(settings),
    }
    return tuple(ServiceAnswer(name=name, problem=_problem_of(question)) for name, question in questions.items())


def live_instances(settings: Settings) -> list[LiveInstance]:
    """Every instance of the deployment that isn't terminated: EC2's word, not the ledger's.

    Raises:
        CloudError: EC2 can't be asked.
    """
    return [
        LiveInstance(
            instance_id=seen.instance_id,
            state=seen.state.value,
            run_id=seen.tags.get(TAG_RUN),
            validation_id=str(seen.validation_id) if seen.validation_id else None,
            repository=seen.tags.get(TAG_REPOSITORY),
            deadline_at=seen.tags.get(TAG_DEADLINE),
            keep_until=seen.tags.get(TAG_KEEP_UNTIL),
        )
        for seen in ec2.find_by_deployment(CloudAccess.of(settings), settings.deployment)
    ]


def find_running(settings: Settings, run_id: str) -> TriggeredRun | None:
    """The run that Airflow has accepted and not ended, whether it is planned or not.

    Args:
        settings: Of the environment.
        run_id: The uuid, its beginning (at least six characters), or Airflow's own run id.

    Raises:
        AirflowError: Airflow can't be reached.
    """
    wanted = run_id.strip()
    for airflow_run_id, derived in _running_in_airflow(settings):
        is_prefix = len(wanted) >= SHORTEST_PREFIX and str(derived).startswith(wanted.lower())
        if is_prefix or wanted == airflow_run_id:
            return TriggeredRun(run_id=derived, airflow_run_id=airflow_run_id, total_repositories=0)
    return None


def _running_in_airflow(settings: Settings) -> list[tuple[str, UUID]]:
    with AirflowClient(settings) as airflow:
        return [(each, run_id_for(settings.deployment, each)) for each in airflow.running()]


def _problem_of(question: Callable[[], object]) -> str | None:
    try:
        question()
    except JanitorError as error:
        return str(error)
    return None
