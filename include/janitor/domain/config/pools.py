"""The pools of a configuration: what each may say, and what doesn't go together between it and the repositories.

The rules are checked on the raw data, so that they are told even where another field is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from janitor.domain.config.document import Finding, Path
from janitor.domain.config.fields import (
    NO_POOL,
    Dollars,
    GpuIds,
    InstanceTypes,
    Market,
    PoolName,
    Provider,
    Reuse,
)
from janitor.domain.config.limits import MAX_CONCURRENT_INSTANCES, MAX_TIMEOUT_MINUTES
from janitor.domain.config_problems import nearest

_MAX_TASKS = 1_000
_MAX_HEARTBEAT_SECONDS = 3_600

Minutes = Annotated[float, Field(ge=1 / 60, le=MAX_TIMEOUT_MINUTES, allow_inf_nan=False)]
Workers = Annotated[int, Field(ge=0, le=MAX_CONCURRENT_INSTANCES)]
AtLeastOne = Annotated[int, Field(ge=1, le=MAX_CONCURRENT_INSTANCES)]


class PoolConfig(BaseModel):
    """Workers that stay warm and take one validation after another."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: PoolName
    """What repositories call it under `pool`. The deployment's own variables are about the one named `default`."""
    enabled: bool = True
    """false: what it has drains, and its repositories have an instance of their own each, as without a pool."""
    provider: Annotated[Provider, Field(strict=False)] = Provider.EC2
    """Who its machines come from. `local`: processes of a host that is trusted with the database."""
    instance_types: InstanceTypes = ()
    """EC2 instance types in the order in which they are tried. Default: the fleet's."""
    gpu_ids: GpuIds = ()
    """RunPod's ids of GPUs in the order in which they are tried."""
    market: Annotated[Market, Field(strict=False)] | None = None
    """How its machines are bought. Default: default_market for EC2; RunPod sells on demand alone."""
    min: Workers = 0
    """Workers that are kept though nothing waits."""
    max: Workers = 4
    """Most workers at once, those that start included. 0: none is started, what there is drains, and tasks wait."""
    tasks_per_worker_threshold: AtLeastOne = 3
    """A further worker is wanted for so many tasks that wait."""
    keep_idle: Workers = 0
    """How many idle workers are kept ready while work goes on."""
    max_spawns_per_pass: AtLeastOne = 2
    """Most workers that one pass starts."""
    idle_timeout_minutes: Minutes = 5.0
    """A worker that had nothing to do for longer is ended, down to min. Not of `local`: people start those."""
    spawn_timeout_minutes: Minutes = 10.0
    """From the request until a worker has taken its first order."""
    heartbeat_timeout_seconds: Annotated[float, Field(ge=1, le=_MAX_HEARTBEAT_SECONDS, allow_inf_nan=False)] = 90.0
    """How long a worker may show no life before it is suspect."""
    stuck_timeout_minutes: Minutes | None = None
    """Hard limit of a task that a worker has. Default: its validation's own."""
    no_progress_minutes: Minutes = 15.0
    """A task without progress for so long is told of; nothing is ended for that."""
    drain_timeout_minutes: Minutes = 10.0
    """How long a worker that is to end may still work on its task, before that goes back to the queue."""
    max_lifetime_minutes: Minutes = 240.0
    """How long a worker lives at most. It is given no task that may take longer than what is left. Not of `local`."""
    max_tasks: Annotated[int, Field(ge=1, le=_MAX_TASKS)] = 20
    """After so many tasks a worker is replaced. Not of `local`."""
    reuse: Annotated[Reuse, Field(strict=False)] = Reuse.ORGANIZATION
    """Between whose repositories a worker stays warm; `any` needs i_trust_them."""
    i_trust_them: bool = False
    """That all repositories of this pool may find what another one left on their machine."""
    daily_budget_usd: Dollars | None = None
    """What its machines may cost in a day at the worst (UTC). Default: the fleet's limit alone."""


_DEFAULTS: Mapping[str, Any] = {name: field.default for name, field in PoolConfig.model_fields.items()}
_BELOW_MAX = ("min", "keep_idle")


def pool_findings(data: Any) -> Iterator[Finding]:
    """What is wrong with pools though each of their values may be right, and where repositories name them.

    Args:
        data: The whole configuration as it was written.
    """
    if not isinstance(data, Mapping):
        return
    pools = _entries(data.get("pools"))
    names = {pool["name"]: pool for _, pool in reversed(pools) if isinstance(pool.get("name"), str)}
    yield from _named_twice(pools)
    for index, pool in pools:
        yield from _own_findings(("pools", index), pool)
    default = _chosen(data.get("default_pool")) or NO_POOL
    yield from _unknown(("default_pool",), default, names)
    for index, repository in _entries(data.get("repositories")):
        path: Path = ("repositories", index)
        chosen = _chosen(repository.get("pool"))
        if chosen is not None:
            yield from _unknown((*path, "pool"), chosen, names)
        if (used := names.get(chosen or default)) is not None:
            yield from _repository_findings(path, repository, used, data)


def _named_twice(pools: list[tuple[int, Mapping[str, Any]]]) -> Iterator[Finding]:
    seen: dict[str, int] = {}
    for index, pool in pools:
        name = pool.get("name")
        if isinstance(name, str) and (first := seen.setdefault(name, index)) != index:
            message = f"two pools are named {name[:60]}, first number {first + 1}"
            yield Finding(("pools", index, "name"), message, "keep one of them, or give it another name")


def _own_findings(path: Path, pool: Mapping[str, Any]) -> Iterator[Finding]:
    provider = pool.get("provider", Provider.EC2.value)
    if provider == Provider.RUNPOD.value:
        yield from _runpod_findings(path, pool)
    elif provider == Provider.EC2.value and pool.get("gpu_ids"):
        yield Finding((*path, "gpu_ids"), "are RunPod's, and this pool is EC2's", "name instance_types")
    elif provider == Provider.LOCAL.value:
        for key in ("instance_types", "gpu_ids", "market"):
            if pool.get(key):
                yield Finding(
                    (*path, key), "says nothing of a local pool: it has the host that it is on", "leave it out"
                )
    most = _number(pool, "max")
    for key in _BELOW_MAX:
        number = _number(pool, key)
        # With a max of 0 the pool is paused, whatever is kept else.
        if number is not None and most is not None and number > most > 0:
            said = f"{most:g}" if "max" in pool else f"{most:g} where nothing is said"
            yield Finding((*path, key), f"is more than the pool's max, {said}", "raise max, or lower it")
    if pool.get("reuse") == Reuse.ANY.value and pool.get("i_trust_them") is not True:
        message = "lets every repository find what another one's code left on its machine"
        yield Finding((*path, "reuse"), message, "say `i_trust_them: true` beside it, or take organization")


def _runpod_findings(path: Path, pool: Mapping[str, Any]) -> Iterator[Finding]:
    if pool.get("gpu_ids", ()) in ((), []):
        hint = "name the GPUs as RunPod does, such as [NVIDIA RTX A4000]"
        yield Finding((*path, "gpu_ids"), "is missing: a pod is asked for by its GPU", hint)
    if pool.get("instance_types"):
        yield Finding((*path, "instance_types"), "are EC2's, and this pool is RunPod's", "name gpu_ids")
    if pool.get("market") in (Market.SPOT.value, Market.SPOT_THEN_ON_DEMAND.value):
        message = "can't be had: RunPod's REST v2 has no spot (interruptible) pods any more"
        yield Finding((*path, "market"), message, "leave it out, or say on-demand")


def _repository_findings(
    path: Path, repository: Mapping[str, Any], pool: Mapping[str, Any], data: Mapping[str, Any]
) -> Iterator[Finding]:
    if pool.get("enabled") is False or repository.get("enabled") is False:
        return
    name = pool["name"]
    for key in ("instance_type", "market"):
        if repository.get(key) is not None:
            message = f"can't be had by one repository alone: it is in pool {name}"
            yield Finding((*path, key), message, f"say it of the pool, or `pool: {NO_POOL}` here")
    if pool.get("provider") == Provider.LOCAL.value:
        return
    limit, grace = _limit(repository, data), _number(data, "grace_minutes", 2.0)
    lifetime, start = _number(pool, "max_lifetime_minutes"), _number(pool, "spawn_timeout_minutes")
    if limit is None or grace is None or lifetime is None or start is None:
        return
    needed = limit + grace + start
    if needed > lifetime:
        key = "timeout_minutes" if "timeout_minutes" in repository else "pool"
        message = (
            f"its {limit:g} minutes with {grace:g} of grace fit into no worker of pool {name}, which lives {lifetime:g}"
            f" and may take {start:g} of them to start"
        )
        yield Finding((*path, key), message, f"raise the pool's max_lifetime_minutes to {needed:g}, or lower the limit")


def _limit(repository: Mapping[str, Any], data: Mapping[str, Any]) -> float | None:
    """A repository's hard limit in minutes; None: it isn't a number."""
    return _number(repository, "timeout_minutes", _number(data, "default_timeout_minutes", 30.0))


def _unknown(path: Path, chosen: str, names: Mapping[str, Any]) -> Iterator[Finding]:
    if chosen in (NO_POOL, *names):
        return
    near = nearest(chosen, names)
    known = f"pools here: {', '.join(names)}" if names else "this configuration has none: list it under pools"
    yield Finding(path, f"there is no pool {chosen[:60]!r}", f"did you mean {near}?" if near else known)


def _chosen(value: Any) -> str | None:
    """The pool that is named; the model says what is wrong with one that is no text."""
    if value is False:  # `off`, as YAML 1.1 reads it
        return NO_POOL
    return value if isinstance(value, str) else None


def _entries(listed: Any) -> list[tuple[int, Mapping[str, Any]]]:
    entries = listed if isinstance(listed, (list, tuple)) else ()
    return [(index, entry) for index, entry in enumerate(entries) if isinstance(entry, Mapping)]


def _number(entry: Mapping[str, Any], key: str, default: float | None = None) -> float | None:
    """A number as it is written, or what the model takes where nothing is; None: it is no number."""
    value = entry.get(key, _DEFAULTS.get(key) if default is None else default)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
