"""The pools of a configuration with every default resolved, and what the deployment's own variables say over them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from janitor.domain.config.fields import Market, Provider
from janitor.domain.config.pools import PoolConfig
from janitor.domain.config.workers import WorkersConfig
from janitor.domain.errors import SettingsError
from janitor.domain.pool.pool import DEFAULT_POOL, Pool, PoolOverrides

NO_OVERRIDES = PoolOverrides()


def resolved_pools(config: WorkersConfig, overrides: PoolOverrides = NO_OVERRIDES) -> tuple[Pool, ...]:
    """The configuration's pools. One that is switched off is there with no worker at all, so that it drains.

    Args:
        config: The configuration.
        overrides: Of the deployment; without a pool named `default` they say nothing.

    Raises:
        SettingsError: The overrides contradict what the configuration says.
    """
    pools = (_resolved(pool, config) for pool in config.pools)
    return tuple(overridden(pool, overrides) if pool.name == DEFAULT_POOL else pool for pool in pools)


def overridden(pool: Pool, overrides: PoolOverrides) -> Pool:
    """A pool with what the deployment's variables say in the place of what the configuration said.

    Raises:
        SettingsError: It could hold no worker then that it should hold, or none could take a task.
    """
    if not pool.is_enabled:
        return pool
    changed = replace(pool, **overrides.given)  # type: ignore[arg-type]  # each is of its field's own type
    for name, number in (("min", changed.min_workers), ("keep_idle", changed.keep_idle)):
        if number > changed.max_workers > 0:
            raise SettingsError(
                f"pool {pool.name}: {name} is {number} and max is {changed.max_workers} with MIN_ACTIVE_GPUS and"
                f" MAX_ACTIVE_GPUS counted; raise the one or lower the other, there or in the configuration"
            )
    if changed.longest_task <= timedelta():
        raise SettingsError(
            f"pool {pool.name}: SPAWNING_TIMEOUT_SEC leaves no time for a task, as a worker lives"
            f" {pool.max_lifetime.total_seconds():g} s at most; lower it, or raise max_lifetime_minutes"
        )
    return changed


def _resolved(pool: PoolConfig, config: WorkersConfig) -> Pool:
    is_ec2 = pool.provider is Provider.EC2
    return Pool(
        name=pool.name,
        is_enabled=pool.enabled,
        provider=pool.provider,
        instance_types=(pool.instance_types or config.fleet_types) if is_ec2 else (),
        gpu_ids=pool.gpu_ids,
        market=pool.market or (config.default_market if is_ec2 else Market.ON_DEMAND),
        min_workers=pool.min if pool.enabled else 0,
        max_workers=pool.max if pool.enabled else 0,
        tasks_per_worker=pool.tasks_per_worker_threshold,
        keep_idle=pool.keep_idle if pool.enabled else 0,
        max_spawns_per_pass=pool.max_spawns_per_pass,
        idle_timeout=timedelta(minutes=pool.idle_timeout_minutes),
        spawn_timeout=timedelta(minutes=pool.spawn_timeout_minutes),
        heartbeat_timeout=timedelta(seconds=pool.heartbeat_timeout_seconds),
        stuck_timeout=None if pool.stuck_timeout_minutes is None else timedelta(minutes=pool.stuck_timeout_minutes),
        no_progress_warning=timedelta(minutes=pool.no_progress_minutes),
        drain_timeout=timedelta(minutes=pool.drain_timeout_minutes),
        max_lifetime=timedelta(minutes=pool.max_lifetime_minutes),
        max_tasks=pool.max_tasks,
        reuse=pool.reuse,
        daily_budget_usd=pool.daily_budget_usd,
    )
