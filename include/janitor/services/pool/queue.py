"""A pooled validation on its way to a worker: its task is queued, waited for, and found again by whoever asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union
from uuid import UUID

from janitor.domain.config.repository_plan import RepositoryPlan
from janitor.domain.errors import ConflictError, LaunchRefusedError
from janitor.domain.log_lines import LineLogger
from janitor.domain.pool.pool import Pool, trust_domain
from janitor.domain.pool.states import TaskState
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.services.pool.assign import assign_tasks
from janitor.services.pool.known import pool_for
from janitor.settings import Settings
from janitor.stores import sequential as shared
from janitor.stores import validations
from janitor.stores.database import Connection, transaction
from janitor.stores.pool import passes, tasks
from janitor.stores.pool.records import NewTask, TaskRecord
from janitor.stores.records import ValidationRecord

log = LineLogger(__name__)

_WORDS = {
    TaskState.FAILED: "no worker of pool {pool} could carry it out ({code})",
    TaskState.EXPIRED: "its hard limit passed before a worker of pool {pool} could carry it out",
    TaskState.CANCELLED: "its task in pool {pool} was cancelled",
    TaskState.DONE: "its task in pool {pool} is over",
}
_CODES = {TaskState.FAILED: ReasonCode.INSTANCE_LOST, TaskState.EXPIRED: ReasonCode.DEADLINE}


@dataclass(frozen=True, kw_only=True)
class Hosted:
    """A worker has it."""

    instance_id: str


@dataclass(frozen=True, kw_only=True)
class Queued:
    """It waits for a worker."""

    why: str


@dataclass(frozen=True, kw_only=True)
class Over:
    """No worker carries it out any more."""

    reason_code: ReasonCode
    summary: str


QueueStep = Union[Hosted, Queued, Over]  # noqa: UP007  (evaluated at import, also by Python 3.10)


def advance_task(settings: Settings, validation_id: UUID) -> QueueStep:
    """Queue a pooled validation's task where it has none, give it to a worker where one is ready, and say how it is.

    Raises:
        ConflictError: The validation or its run has ended.
        LaunchRefusedError: Its pool can't carry it out.
        ConfigError: The deployment's configuration is wrong.
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.writer_url) as connection:
        validation = validations.get_validation(connection, validation_id)
        task = tasks.of_validation(connection, validation_id)
    if task is None:
        task = _enqueued(settings, validation)
    if task.state is TaskState.QUEUED:
        assign_tasks(settings, task.pool)
        with transaction(settings.writer_url) as connection:
            task = tasks.of_validation(connection, validation_id) or task
    return _step(settings, validation, task)


def host_again(settings: Settings, validation_id: UUID) -> QueueStep | None:
    """How a pooled validation is whose task may have been given back; None: it never had one.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.writer_url) as connection:
        validation = validations.get_validation(connection, validation_id)
        task = tasks.of_validation(connection, validation_id)
    if task is None:
        return None
    if task.state is TaskState.QUEUED and not validation.status.is_final and not validation.run_status.is_final:
        return advance_task(settings, validation_id)
    return _step(settings, validation, task)


def assigned_of(settings: Settings, validation_ids: list[UUID]) -> set[UUID]:
    """Give waiting tasks to ready workers; returns those of these validations that need not wait any more.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    assign_tasks(settings)
    with transaction(settings.writer_url) as connection:
        return passes.assigned(connection, validation_ids)


def _enqueued(settings: Settings, validation: ValidationRecord) -> TaskRecord:
    if validation.status.is_final or validation.run_status.is_final:
        raise ConflictError(
            f"validation {validation.validation_id} or its run has ended ({validation.status.value},"
            f" {validation.run_status.value}): it gets no worker any more"
        )
    plan = RepositoryPlan.from_dict(validation.plan)
    pool = pool_for(settings, plan, validation.timeout, validation.grace)
    with transaction(settings.writer_url) as connection:
        tasks.enqueue(connection, _new_task(settings, validation, plan, pool))
        task = _require_task(connection, validation.validation_id)
    log.info("%s waits for a worker of pool %s", validation.repository, pool.name)
    return task


def _new_task(settings: Settings, validation: ValidationRecord, plan: RepositoryPlan, pool: Pool) -> NewTask:
    limit = validation.timeout if pool.stuck_timeout is None else min(pool.stuck_timeout, validation.timeout)
    return NewTask(
        deployment=settings.deployment,
        pool=pool.name,
        validation_id=validation.validation_id,
        time_limit=limit,
        trust_domain=trust_domain(pool.reuse, plan.organization, plan.name),
        # For a worker that carries it out by itself: what it is asked. Secrets are in it by their names alone.
        spec={
            "plan": dict(validation.plan),
            "run_id": str(validation.run_id),
            "grace_seconds": validation.grace.total_seconds(),
        },
    )


def _require_task(connection: Connection, validation_id: UUID) -> TaskRecord:
    task = tasks.of_validation(connection, validation_id)
    if task is None:
        raise LaunchRefusedError(ReasonCode.LAUNCH_ERROR, f"the task of validation {validation_id} is gone")
    return task


def _step(settings: Settings, validation: ValidationRecord, task: TaskRecord) -> QueueStep:
    if task.held is not None:
        with transaction(settings.writer_url) as connection:
            host = shared.host_of(connection, validation.validation_id)
        if host is not None and host.instance_id is not None:
            return Hosted(instance_id=host.instance_id)
    if task.state.is_final:
        return Over(
            reason_code=_CODES.get(task.state, ReasonCode.RUN_CANCELLED),
            summary=_WORDS[task.state].format(pool=task.pool, code=task.reason_code or "unknown"),
        )
    return Queued(why=f"no worker of pool {task.pool} is free for it")
