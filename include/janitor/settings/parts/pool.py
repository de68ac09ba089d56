"""What the deployment's own variables say of the pool named `default`, over the configuration."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from janitor.domain.config.limits import MAX_CONCURRENT_INSTANCES
from janitor.domain.pool.pool import PoolOverrides
from janitor.settings.parts.deployment import DeploymentSettings
from janitor.settings.variables import Seconds, Variable

_Workers = Annotated[int, Field(ge=0, le=MAX_CONCURRENT_INSTANCES)]
_AtLeastOne = Annotated[int, Field(ge=1, le=MAX_CONCURRENT_INSTANCES)]


class PoolSettings(DeploymentSettings):
    """The default pool; each is None where the configuration alone counts."""

    pool_min: Annotated[_Workers | None, Variable("JANITOR_POOL_MIN", ("MIN_ACTIVE_GPUS",), ambient=True)] = None
    """Workers that are kept though nothing waits."""
    pool_max: Annotated[_Workers | None, Variable("JANITOR_POOL_MAX", ("MAX_ACTIVE_GPUS",), ambient=True)] = None
    """Most workers at once; 0: none is started, and what there is drains."""
    pool_tasks_per_worker: Annotated[
        _AtLeastOne | None,
        Variable("JANITOR_POOL_TASKS_PER_WORKER", ("TASKS_PER_GPU_THRESHOLD",), ambient=True),
    ] = None
    """A further worker is wanted for so many tasks that wait."""
    pool_idle_timeout: Annotated[
        Seconds | None, Variable("JANITOR_POOL_IDLE_TIMEOUT_SECONDS", ("GPU_IDLE_TIMEOUT_SEC",), ambient=True)
    ] = None
    """A worker that had nothing to do for longer is ended. It says nothing of signs of life."""
    pool_stuck_timeout: Annotated[
        Seconds | None, Variable("JANITOR_POOL_STUCK_TIMEOUT_SECONDS", ("TASK_STUCK_TIMEOUT_SEC",), ambient=True)
    ] = None
    """Hard limit of a task that a worker has."""
    pool_spawn_timeout: Annotated[
        Seconds | None, Variable("JANITOR_POOL_SPAWN_TIMEOUT_SECONDS", ("SPAWNING_TIMEOUT_SEC",), ambient=True)
    ] = None
    """From the request until a worker has taken its first order."""
    pool_drain_timeout: Annotated[
        Seconds | None,
        Variable("JANITOR_POOL_DRAIN_TIMEOUT_SECONDS", ("GRACEFUL_SHUTDOWN_TIMEOUT_SEC",), ambient=True),
    ] = None
    """How long a worker that is to end may still work on its task."""

    @property
    def pool_overrides(self) -> PoolOverrides:
        """What these say over the configuration."""
        return PoolOverrides(
            min_workers=self.pool_min,
            max_workers=self.pool_max,
            tasks_per_worker=self.pool_tasks_per_worker,
            idle_timeout=self.pool_idle_timeout,
            spawn_timeout=self.pool_spawn_timeout,
            stuck_timeout=self.pool_stuck_timeout,
            drain_timeout=self.pool_drain_timeout,
        )
