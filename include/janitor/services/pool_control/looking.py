"""What there is to see of the pools: rows of the database, with what the configuration and the breaker say of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal

from janitor.domain.errors import CloudError, ConfigError, SettingsError
from janitor.domain.launch.breaker import BreakerState
from janitor.domain.pool.pool import Pool
from janitor.domain.pool.resolve import resolved_pools
from janitor.domain.snapshot.pool import PoolFinding, PoolGlance, TaskGlance, pool_findings
from janitor.services.config_files import load_config
from janitor.services.launch import breaker
from janitor.settings import Settings
from janitor.stores.database import transaction
from janitor.stores.pool import glance

ENDED = 5
"""Tasks that ended last, in a status."""


@dataclass(frozen=True, kw_only=True)
class Configured:
    """The deployment's pools as its configuration has them."""

    pools: Mapping[str, Pool]
    problem: str | None = None
    """Why they aren't known."""


@dataclass(frozen=True, kw_only=True)
class PoolsStatus:
    """Everything that one screen says of the pools."""

    deployment: str
    at: datetime
    pools: Sequence[PoolGlance]
    """By name, those without a worker or a task too."""
    configured: Configured
    findings: Sequence[PoolFinding]
    """What is wrong, the critical ones first."""
    breakers: Sequence[BreakerState]
    """Those that pause launches."""
    ended: Sequence[TaskGlance]
    """The tasks that ended last, the last one first."""


def configured_pools(settings: Settings) -> Configured:
    """The pools of the deployment's configuration; where it can't be used, why."""
    try:
        config = load_config(settings, settings.default_config).config
        pools = resolved_pools(config, settings.pool_overrides)
    except (ConfigError, SettingsError, CloudError) as exc:
        return Configured(pools={}, problem=str(exc))
    return Configured(pools={pool.name: pool for pool in pools})


def pools_status(settings: Settings, pool: str | None = None) -> PoolsStatus:
    """Look at one pool, or at all of them.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    configured = configured_pools(settings)
    now = datetime.now(timezone.utc)
    with transaction(settings.reader_url) as connection:
        seen = {each.name: each for each in glance.pool_glances(connection, settings.deployment, now)}
        breakers = breaker.states_of_all(connection, settings, now)
        ended = glance.task_glances(connection, settings.deployment, pool, ended=ENDED)
    names = sorted(seen.keys() | configured.pools.keys()) if pool is None else [pool]
    pools = [seen.get(name) or quiet_pool(name) for name in names]
    findings = [finding for each in pools for finding in pool_findings(each, now)]
    return PoolsStatus(
        deployment=settings.deployment,
        at=now,
        pools=pools,
        configured=configured,
        findings=sorted(findings, key=lambda one: not one.is_critical),
        breakers=[each for each in breakers if each.paused_until is not None],
        ended=ended,
    )


def quiet_pool(name: str) -> PoolGlance:
    """A pool of which there is nothing to tell."""
    return PoolGlance(
        name=name,
        workers=(),
        tasks=(),
        stopped_at=None,
        stopped_by=None,
        decided_at=None,
        why=None,
        cost_usd=Decimal(0),
    )


def pool_glance(settings: Settings, pool: str | None) -> list[PoolGlance]:
    """One pool, or all of which anything is to be told.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.reader_url) as connection:
        found = glance.pool_glances(connection, settings.deployment, datetime.now(timezone.utc))
    return [each for each in found if pool in (None, each.name)] or ([quiet_pool(pool)] if pool else [])
