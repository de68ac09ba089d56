"""Questions to a whole deployment: does each part answer, which instances live, which runs does Airflow have."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from uuid import UUID

from janitor.cloud import commands, storage
from janitor.cloud.logs import read_page
from janitor.cloud.session import CloudAccess
from janitor.domain.errors import AirflowError, CloudError, JanitorError, NotFoundError
from janitor.domain.heartbeats import AIRFLOW_PROGRAMS, heartbeat_problem
from janitor.domain.identity import (
    TAG_DEADLINE,
    TAG_DEPLOYMENT,
    TAG_KEEP_UNTIL,
    TAG_REPOSITORY,
    TAG_RUN,
    TAG_VALIDATION,
    run_id_for,
)
from janitor.domain.launch.provider import InstanceSeen
from janitor.domain.log_lines import LineLogger
from janitor.domain.pool.pool import Provider
from janitor.domain.states import RunKind
from janitor.domain.watch.waits import waiting
from janitor.services.airflow.client import AirflowClient
from janitor.services.airflow.trigger import TriggeredRun
from janitor.services.deployment_parts import DeploymentPart
from janitor.services.provider import providers_in_use
from janitor.services.report.reports import SHORTEST_PREFIX, running_runs
from janitor.services.side_by_side import answers_of
from janitor.settings import Settings
from janitor.stores.database import transaction

log = LineLogger(__name__)

_PROBE = "janitor-status"
"""An object and a log stream that nobody makes: only whether the question is answered counts."""


@dataclass(frozen=True, kw_only=True)
class ServiceAnswer:
    """Whether one part of the deployment answers what the product asks of it."""

    name: str
    problem: str | None
    """None: it does."""
    part: DeploymentPart = DeploymentPart.DATABASE


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
    """Ask the database, the cloud and Airflow what the product asks, as the roles that the product has.

    Never raises: a refusal is an answer. The parts are asked at the same time. What lies behind a part that doesn't
    answer at all isn't asked, so that the whole takes no longer than the slowest first question. Whoever interrupts
    isn't held by a part that hangs.
    """
    parts = (_database_questions(settings), _cloud_questions(settings), _airflow_questions(settings))
    questions = [partial(_ask_in_turn, part, of_part) for part, of_part in zip(DeploymentPart, parts, strict=True)]
    # Each question tells what it waits for itself; this says what is going on between two of them.
    with waiting(f"waiting for the parts of deployment {settings.deployment}"):
        return tuple(answer for answers in answers_of(questions, "look") for answer in answers)


_Questions = Mapping[str, Callable[[], object]]


def _database_questions(settings: Settings) -> _Questions:
    def write() -> None:
        with transaction(settings.writer_url) as connection:
            connection.execute("select 1 from janitor.validation_runs limit 1")

    return {"database": lambda: running_runs(settings), "database (writing)": write}


def _cloud_questions(settings: Settings) -> _Questions:
    access = CloudAccess.of(settings)
    return {
        "cloud": lambda: live_instances(settings),
        "cloud (commands)": lambda: commands.online_agents(access, TAG_DEPLOYMENT, settings.deployment),
        "cloud (storage)": lambda: storage.exists(access, settings.bucket, _PROBE),
        "cloud (logs)": lambda: read_page(access, settings.log_group, _PROBE, None),
    }


def _airflow_questions(settings: Settings) -> _Questions:
    def program(name: str) -> Callable[[], None]:
        def ask() -> None:
            with AirflowClient(settings) as airflow:
                problem = heartbeat_problem(airflow.health(), name, datetime.now(timezone.utc))
            if problem is not None:
                raise AirflowError(problem)

        return ask

    programs = {f"Airflow's {name.replace('_', ' ')}": program(name) for name in AIRFLOW_PROGRAMS}
    return {"Airflow": lambda: _running_in_airflow(settings), **programs}


def _ask_in_turn(part: DeploymentPart, questions: _Questions) -> list[ServiceAnswer]:
    """The answers of one part; where its first one is a refusal, the others would only say the same again."""
    answers: list[ServiceAnswer] = []
    for name, question in questions.items():
        answers.append(ServiceAnswer(name=name, problem=_problem_of(question), part=part))
        if answers[0].problem is not None and part is not DeploymentPart.DATABASE:
            break
    return answers


def live_instances(settings: Settings) -> list[LiveInstance]:
    """Every instance of the deployment that isn't terminated, and every pod: their providers' word, not the ledger's.

    Raises:
        CloudError: EC2 can't be asked; where RunPod can't be, that is said, and its pods are missing.
    """
    return [
        LiveInstance(
            instance_id=seen.instance_id,
            state=seen.state.value,
            run_id=seen.tags.get(TAG_RUN),
            validation_id=seen.tags.get(TAG_VALIDATION),
            repository=seen.tags.get(TAG_REPOSITORY),
            deadline_at=seen.tags.get(TAG_DEADLINE),
            keep_until=seen.tags.get(TAG_KEEP_UNTIL),
        )
        for seen in _seen_anywhere(settings)
    ]


def _seen_anywhere(settings: Settings) -> Iterator[InstanceSeen]:
    for name, provider in providers_in_use(settings).items():
        try:
            yield from provider.find(TAG_DEPLOYMENT, settings.deployment)
        except CloudError as exc:
            if name is Provider.EC2:
                raise
            log.warning("what is at %s isn't shown: %s", name.value, exc)


def find_running(settings: Settings, run_id: str) -> TriggeredRun | None:
    """The run that Airflow has accepted and not ended, whether it is planned or not.

    Args:
        settings: Of the environment.
        run_id: The uuid, its beginning (at least six characters), or Airflow's own run id.

    Raises:
        AirflowError: Airflow can't be reached.
    """
    wanted = run_id.strip()
    for kind in RunKind:
        for airflow_run_id, derived in _running_in_airflow(settings, kind):
            is_prefix = len(wanted) >= SHORTEST_PREFIX and str(derived).startswith(wanted.lower())
            if is_prefix or wanted == airflow_run_id:
                return TriggeredRun(run_id=derived, airflow_run_id=airflow_run_id, total_repositories=0, kind=kind)
    return None


def _running_in_airflow(settings: Settings, kind: RunKind = RunKind.PARALLEL) -> list[tuple[str, UUID]]:
    try:
        with AirflowClient(settings, kind) as airflow:
            return [(each, run_id_for(settings.deployment, each)) for each in airflow.running()]
    except NotFoundError:
        if kind is RunKind.PARALLEL:
            raise
        return []  # an Airflow without that DAG carries out nothing of it


def _problem_of(question: Callable[[], object]) -> str | None:
    try:
        question()
    except JanitorError as error:
        return str(error)
    return None
