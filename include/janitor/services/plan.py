"""Plan a run: read and check the config, then write the run and its validations in one transaction.

Planning again (a retried task) finds what was planned first, even if the file has changed since.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from janitor.domain.identity import run_id_for, validation_id_for
from janitor.services.config_files import load_config
from janitor.settings import Settings
from janitor.stores import validations as store
from janitor.stores.database import Connection, transaction
from janitor.stores.queries import named_queries

STALE_AFTER = timedelta(hours=6)
"""A scheduled run that starts later than this after its time is dropped: unpausing a DAG fires its last missed tick."""


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """What a trigger asks for; None leaves a value to the config."""

    airflow_run_id: str
    trigger: str
    config_path: str
    repository: str | None = None
    timeout: timedelta | None = None
    max_concurrent_instances: int | None = None


@dataclass(frozen=True, kw_only=True)
class PlannedValidation:
    """One entry of the fan-out; small, and free of secrets."""

    validation_id: UUID
    repository_name: str


def is_stale(scheduled_for: datetime, now: datetime) -> bool:
    """Whether a scheduled run starts too late to be worth anything."""
    return now - scheduled_for > STALE_AFTER


def plan_run(settings: Settings, request: RunRequest) -> list[PlannedValidation]:
    """Write a run and its validations.

    Raises:
        ConfigError: The config is wrong; nothing was written.
        NotFoundError: The one repository that was asked for isn't in the config; nothing was written.
        DatabaseError: Postgres can't be used.
    """
    run_id = run_id_for(settings.deployment, request.airflow_run_id)
    with transaction(settings.writer_url) as connection:
        if store.planned_config_sha256(connection, run_id) is not None:
            return _planned(connection, run_id)
    loaded = load_config(settings, request.config_path)
    config = loaded.config
    plans = config.plan(default_timeout=request.timeout, only=request.repository)
    run = store.NewRun(
        run_id=run_id,
        deployment=settings.deployment,
        airflow_run_id=request.airflow_run_id,
        trigger=request.trigger,
        config_file_path=loaded.source,
        config_sha256=loaded.sha256,
        total_repositories=len(plans),
        timeout=request.timeout or config.default_timeout,
        max_concurrent_instances=request.max_concurrent_instances or config.max_concurrent_instances,
    )
    validations = [
        store.NewValidation(
            validation_id=validation_id_for(run_id, index),
            repository_index=index,
            repository_name=plan.name,
            organization=plan.organization,
            url=plan.url,
            ref=plan.ref,
            prompt=plan.prompt,
            gpu_required=plan.gpu_required,
            timeout=plan.timeout,
            grace=config.grace,
            plan=plan.to_dict(),
        )
        for index, plan in enumerate(plans)
    ]
    with transaction(settings.writer_url) as connection:
        store.insert_plan(connection, run, validations)
        return _planned(connection, run_id)


def check_request(settings: Settings, request: RunRequest) -> int:
    """Check what `plan_run` would check, without a database.

    Returns:
        How many repositories the run would validate.

    Raises:
        ConfigError: The config is wrong.
        NotFoundError: The one repository that was asked for isn't in it.
    """
    config = load_config(settings, request.config_path).config
    return len(config.plan(default_timeout=request.timeout, only=request.repository))


def _planned(connection: Connection, run_id: UUID) -> list[PlannedValidation]:
    return [
        PlannedValidation(validation_id=row["validation_id"], repository_name=row["repository_name"])
        for row in named_queries().overviews_of_run(connection, run_id=run_id)
    ]
