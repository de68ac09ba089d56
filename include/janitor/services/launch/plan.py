"""Plan a run: read and check the config, then write the run, its validations and what they may cost in one transaction.

Planning again (a retried task) finds what was planned first, even if the file has changed since.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from janitor.domain.config.repository_plan import RepositoryPlan
from janitor.domain.errors import BudgetRefusedError
from janitor.domain.identity import run_id_for, validation_id_for
from janitor.domain.launch.owner import Owner
from janitor.domain.states import OwnerKind, RunKind, RunPurpose
from janitor.services.launch.blueprint import (
    RunBlueprint,
    RunRequest,
    blueprint_of,
    check_blueprint,
    estimate_blueprint,
)
from janitor.services.money.budget import keep_refusal, reserve_run
from janitor.settings import Settings
from janitor.stores import budget
from janitor.stores import validations as store
from janitor.stores.database import Connection, transaction
from janitor.stores.queries import named_queries

__all__ = ["PlannedValidation", "RunRequest", "check_request", "is_stale", "plan_run"]

STALE_AFTER = timedelta(hours=6)
"""A scheduled run that starts later than this after its time is dropped: unpausing a DAG fires its last missed tick."""


@dataclass(frozen=True, kw_only=True)
class PlannedValidation:
    """One entry of the fan-out; small, and free of secrets."""

    validation_id: UUID
    repository_name: str
    pool: str | None
    """The pool whose workers carry it out; None: it has an instance of its own."""


def is_stale(scheduled_for: datetime, now: datetime) -> bool:
    """Whether a scheduled run starts too late to be worth anything."""
    return now - scheduled_for > STALE_AFTER


def plan_run(settings: Settings, request: RunRequest) -> list[PlannedValidation]:
    """Write a run and its validations.

    Raises:
        ConfigError: The config is wrong; nothing was written.
        NotFoundError: The one repository that was asked for isn't in the config, or the run that is to be done again
            isn't known; nothing was written.
        ConflictError: That run still goes on, or nothing of it is to be done again; nothing was written.
        SettingsError: The prices can't be used; nothing was written.
        BudgetRefusedError: The budget doesn't allow the run; only the refusal was written.
        DatabaseError: Postgres can't be used.
    """
    run_id = run_id_for(settings.deployment, request.airflow_run_id)
    with transaction(settings.writer_url) as connection:
        if store.planned_config_sha256(connection, run_id) is not None:
            return _planned(connection, run_id)
    blueprint = blueprint_of(settings, request)
    run = _run_of(run_id, settings, request, blueprint)
    validations = [_validation_of(run_id, index, plan, blueprint.grace) for index, plan in enumerate(blueprint.plans)]
    estimate = estimate_blueprint(settings, blueprint)
    try:
        with transaction(settings.writer_url) as connection:
            # Under the lock, so that a second planner of this run finds the first one's reservations, not none.
            budget.lock_budget(connection, settings.deployment)
            if store.planned_config_sha256(connection, run_id) is not None:
                return _planned(connection, run_id)
            store.insert_plan(connection, run, validations)
            reserve_run(
                connection,
                deployment=settings.deployment,
                run_id=run_id,
                estimate=estimate,
                limits=blueprint.limits,
                owners=_owners(blueprint, run_id, validations),
            )
            return _planned(connection, run_id)
    except BudgetRefusedError as refused:
        is_told = blueprint.purpose is RunPurpose.FLEET
        keep_refusal(settings, request.airflow_run_id, refused, blueprint.news_routes, is_told=is_told)
        raise


def _run_of(run_id: UUID, settings: Settings, request: RunRequest, blueprint: RunBlueprint) -> store.NewRun:
    return store.NewRun(
        run_id=run_id,
        deployment=settings.deployment,
        airflow_run_id=request.airflow_run_id,
        trigger=request.trigger,
        config_file_path=blueprint.source,
        config_sha256=blueprint.sha256,
        total_repositories=len(blueprint.plans),
        timeout=blueprint.timeout,
        max_concurrent_instances=blueprint.max_concurrent_instances,
        kind=blueprint.kind,
        total_timeout=blueprint.total_timeout,
        expected_errors=blueprint.expected_errors,
        news_routes=None if blueprint.news_routes is None else blueprint.news_routes.to_dict(),
        badges=blueprint.badges,
        purpose=blueprint.purpose,
    )


def _owners(blueprint: RunBlueprint, run_id: UUID, validations: Sequence[store.NewValidation]) -> list[Owner]:
    """Whose instances the money is set aside for, in the order of the estimate."""
    if blueprint.kind is RunKind.SEQUENTIAL:
        return [Owner(kind=OwnerKind.RUN, id=run_id)]
    return [Owner.validation(validation.validation_id) for validation in validations]


def _validation_of(run_id: UUID, index: int, plan: RepositoryPlan, grace: timedelta) -> store.NewValidation:
    return store.NewValidation(
        validation_id=validation_id_for(run_id, index),
        repository_index=index,
        repository_name=plan.name,
        organization=plan.organization,
        url=plan.url,
        ref=plan.ref,
        prompt=plan.prompt,
        gpu_required=plan.gpu_required,
        required_proof=plan.required_proof,
        timeout=plan.timeout,
        grace=grace,
        plan=plan.to_dict(),
    )


def check_request(settings: Settings, request: RunRequest) -> int:
    """Check what `plan_run` would check, and write nothing. Needs the database only where there is a daily budget.

    Returns:
        How many repositories the run would validate.

    Raises:
        ConfigError: The config is wrong.
        NotFoundError: The one repository that was asked for isn't in it, or the run to do again isn't known.
        ConflictError: That run still goes on, or nothing of it is to be done again.
        SettingsError: The prices can't be used.
        BudgetRefusedError: The budget doesn't allow it.
        DatabaseError: There is a daily budget or a run to do again, and Postgres can't be used.
    """
    blueprint = blueprint_of(settings, request)
    checked = check_blueprint(settings, blueprint)
    if checked.refusal is not None:
        raise BudgetRefusedError(checked.refusal.message, checked.refusal)
    if checked.day_trouble is not None:
        raise checked.day_trouble
    return len(blueprint.plans)


def _planned(connection: Connection, run_id: UUID) -> list[PlannedValidation]:
    return [
        PlannedValidation(validation_id=row["validation_id"], repository_name=row["repository_name"], pool=row["pool"])
        for row in named_queries().planned_of_run(connection, run_id=run_id)
    ]
