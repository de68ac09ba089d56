"""A pool as it is configured: how many workers of which kind, for whom, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from janitor.domain.config.fields import Market, Provider, Reuse

__all__ = ["DEFAULT_POOL", "Pool", "PoolOverrides", "Provider", "Reuse", "trust_domain"]

DEFAULT_POOL = "default"
"""The pool that the deployment's own variables are about."""


@dataclass(frozen=True, kw_only=True)
class Pool:
    """One pool, with every default resolved."""

    name: str
    is_enabled: bool = True
    """False: it is switched off, so what it has drains."""
    provider: Provider = Provider.EC2
    instance_types: tuple[str, ...] = ()
    """In the order in which they are tried; empty for what isn't EC2."""
    gpu_ids: tuple[str, ...] = ()
    """RunPod's own names of GPUs, in that order; empty for what isn't RunPod."""
    market: Market = Market.ON_DEMAND
    min_workers: int = 0
    """Kept though nothing waits."""
    max_workers: int = 4
    """Never more live ones, spawning ones included; 0: none is spawned, and what there is drains."""
    tasks_per_worker: int = 3
    """A further worker is wanted for so many tasks that wait."""
    keep_idle: int = 0
    """How many idle ones are kept ready while work goes on."""
    max_spawns_per_pass: int = 2
    idle_timeout: timedelta = timedelta(minutes=5)
    spawn_timeout: timedelta = timedelta(minutes=10)
    """From the request until it took its first order."""
    heartbeat_timeout: timedelta = timedelta(seconds=90)
    """How long a worker may show no life before it is suspect."""
    stuck_timeout: timedelta | None = None
    """Hard limit of a task that is held; None: its validation's own."""
    no_progress_warning: timedelta = timedelta(minutes=15)
    """After which a task without progress is told of. Nothing is ended for that."""
    drain_timeout: timedelta = timedelta(minutes=10)
    max_lifetime: timedelta = timedelta(hours=4)
    max_tasks: int = 20
    """After so many a worker is recycled."""
    reuse: Reuse = Reuse.ORGANIZATION
    daily_budget_usd: Decimal | None = None
    """What the pool's machines may be reserved for in a day (UTC); None: the deployment's limit alone."""

    @property
    def longest_task(self) -> timedelta:
        """How long a task, its grace included, may take so that a worker that was slow to start can still take it."""
        return self.max_lifetime - self.spawn_timeout if self.makes_workers else timedelta.max

    @property
    def makes_workers(self) -> bool:
        """Whether its workers come and go by its own decision. On our own hosts people start them, and they stay."""
        return self.provider is not Provider.LOCAL


@dataclass(frozen=True, kw_only=True)
class PoolOverrides:
    """What the deployment's variables say of the pool named `default`; None: what the configuration says."""

    min_workers: int | None = None
    max_workers: int | None = None
    tasks_per_worker: int | None = None
    idle_timeout: timedelta | None = None
    spawn_timeout: timedelta | None = None
    stuck_timeout: timedelta | None = None
    drain_timeout: timedelta | None = None

    @property
    def given(self) -> dict[str, int | timedelta]:
        """Those that say something."""
        return {name: value for name, value in vars(self).items() if value is not None}


def trust_domain(reuse: Reuse, organization: str, repository: str) -> str | None:
    """With whose tasks one of this repository may share a worker; None: with nobody's, not even its own earlier ones.

    Args:
        reuse: The pool's rule.
        organization: Of the repository.
        repository: Its name, without the organization.
    """
    domains = {
        Reuse.NEVER: None,
        Reuse.REPOSITORY: f"repository:{organization}/{repository}".lower(),
        Reuse.ORGANIZATION: f"organization:{organization}".lower(),
        Reuse.ANY: "any",
    }
    return domains[reuse]
