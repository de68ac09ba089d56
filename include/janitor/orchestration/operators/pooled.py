"""The part of `launch`, `validate` and `terminate` that a pooled validation has: it waits for a worker, and leaves it.

What waits long waits in the triggerer. Where it stands is in Postgres, so that a task that died goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from uuid import UUID

from airflow.sdk import BaseOperator

from janitor.domain.errors import LaunchRefusedError
from janitor.domain.log_lines import LineLogger
from janitor.orchestration.pool.trigger import WorkerTrigger
from janitor.orchestration.wiring import PLANNED_POOL
from janitor.services.pool.queue import Hosted, Over, Queued, advance_task, host_again
from janitor.settings import Settings

log = LineLogger(__name__)

_POLL = timedelta(seconds=1)
_LONGEST_WAIT = timedelta(minutes=5)
"""Deferred at a time: then it is asked again whether anybody will have it."""


def is_pooled(planned: Mapping[str, str] | None) -> bool:
    """Whether a pool's worker carries out what `plan` returned this entry for; None: it is for a whole run."""
    return planned is not None and PLANNED_POOL in planned


def await_worker(operator: BaseOperator, settings: Settings, validation_id: UUID) -> str:
    """Queue a pooled validation, and wait for its worker; returns the worker's instance.

    Raises:
        LaunchRefusedError: No worker will carry it out.
        ConflictError: The validation or its run has ended.
        DatabaseError: Postgres can't be used.
    """
    leave_at = time.monotonic() + settings.place_wait.total_seconds()
    while True:
        step = advance_task(settings, validation_id)
        if isinstance(step, Hosted):
            log.info("a worker has it: %s", step.instance_id)
            return step.instance_id
        if isinstance(step, Over):
            raise LaunchRefusedError(step.reason_code, step.summary)
        _pause(operator, settings, validation_id, step, leave_at)


def await_next_worker(operator: BaseOperator, settings: Settings, validation_id: UUID) -> None:
    """Wait for another worker where a pooled validation's task was given back; else return at once.

    Where none will have it, how its watching ended is its own end.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    leave_at = time.monotonic() + settings.place_wait.total_seconds()
    while isinstance(step := host_again(settings, validation_id), Queued):
        _pause(operator, settings, validation_id, step, leave_at)


def _pause(operator: BaseOperator, settings: Settings, validation_id: UUID, step: Queued, leave_at: float) -> None:
    """Wait a little here, or defer, which holds no worker slot."""
    if time.monotonic() < leave_at:
        time.sleep(min(_POLL, settings.poll_interval).total_seconds())
        return
    log.info("%s; waiting without holding a worker slot", step.why)
    not_after = datetime.now(timezone.utc) + _LONGEST_WAIT
    trigger = WorkerTrigger.of(validation_id, not_after=not_after, environment=settings.environment)
    operator.defer(trigger=trigger, method_name="execute_complete")
