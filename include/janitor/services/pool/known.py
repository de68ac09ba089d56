"""Which pools there are: those of the deployment's configuration, and those of which something is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from janitor.domain.config.repository_plan import RepositoryPlan
from janitor.domain.errors import LaunchRefusedError
from janitor.domain.pool.pool import Pool, Provider
from janitor.domain.pool.resolve import resolved_pools
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.services.config_files import load_config
from janitor.settings import Settings
from janitor.stores.database import transaction
from janitor.stores.pool import passes


@dataclass(frozen=True, kw_only=True)
class Known:
    """The pools as they are configured, and the deployment's own limits."""

    pools: Mapping[str, Pool]
    grace: timedelta
    most_instances: int
    """Of the deployment at once."""
    daily_usd: Decimal | None
    """What the deployment may reserve in a day; None: no limit."""


def known_pools(settings: Settings) -> Known:
    """The pools of the deployment's configuration.

    Raises:
        ConfigError: It is wrong.
        SettingsError: The deployment's own variables contradict it.
        CloudError: It lies in S3, and that can't be asked.
    """
    config = load_config(settings, settings.default_config).config
    return Known(
        pools={pool.name: pool for pool in resolved_pools(config, settings.pool_overrides)},
        grace=config.grace,
        most_instances=config.max_concurrent_instances,
        daily_usd=config.daily_budget_usd,
    )


def pool_for(settings: Settings, plan: RepositoryPlan, timeout: timedelta, grace: timedelta) -> Pool:
    """The pool that is to carry out a repository's validation.

    Args:
        settings: Of the environment.
        plan: One that names a pool.
        timeout: The validation's hard limit.
        grace: And what comes after it.

    Raises:
        LaunchRefusedError: The deployment has no such pool, or its workers carry out no validations, or none lives long
            enough.
        ConfigError: The deployment's configuration is wrong.
    """
    pool = known_pools(settings).pools.get(plan.pool or "")
    if pool is None:
        raise LaunchRefusedError(
            ReasonCode.LAUNCH_CONFIG,
            f"the deployment has no pool {plan.pool}: pools are those of {settings.default_config}",
        )
    if pool.provider is Provider.LOCAL:
        raise LaunchRefusedError(
            ReasonCode.LAUNCH_CONFIG,
            f"workers of pool {pool.name} are processes of a host of our own, which carry out no validations; give"
            f" {plan.name} another pool",
        )
    if timeout + grace > pool.longest_task:
        raise LaunchRefusedError(
            ReasonCode.LAUNCH_CONFIG,
            f"{plan.name} may take {timeout + grace}, and a worker of pool {pool.name} has {pool.longest_task} for"
            " a task at most; shorten its timeout_minutes or raise the pool's max_lifetime_minutes",
        )
    return pool


def pools_to_look_at(settings: Settings, known: Known) -> tuple[Pool, ...]:
    """The pools that a pass has something to do for. One that is configured no more has no worker at all: it drains.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.writer_url) as connection:
        used = passes.in_use(connection, settings.deployment)
    configured = [pool for pool in known.pools.values() if pool.min_workers or pool.name in used]
    gone = [
        Pool(name=name, provider=provider or Provider.EC2, max_workers=0)
        for name, provider in sorted(used.items())
        if name not in known.pools
    ]
    return (*configured, *gone)
