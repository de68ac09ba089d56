"""A configuration in a few lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from janitor.cli.render.names import told_apart
from janitor.domain.config.sequential import SequentialConfig
from janitor.domain.config.workers import RepositoryPlan, WorkersConfig
from janitor.domain.pool.pool import Pool, Provider, Reuse
from janitor.protocol.terms.proven import ProofLevel
from janitor.protocol.terms.statuses import EngineChoice
from janitor.views.text.money import dollars
from janitor.views.text.times import exactly


def config_text(
    source: str,
    config: WorkersConfig,
    *,
    required_proof: ProofLevel | None = None,
    engine: EngineChoice | None = None,
    pools: Sequence[Pool] = (),
) -> str:
    """The answer of `check-config`: what a run of it would do.

    Args:
        source: The file as the user named it.
        config: What it says.
        required_proof: What the deployment requires of a success, where the config doesn't say.
        engine: What the deployment's instances build in.
        pools: Of the config, as this deployment has them.
    """
    plans = config.plan(required_proof=required_proof)
    off = len(config.repositories) - len(plans)
    counted = f"{len(plans)} {'repository' if len(plans) == 1 else 'repositories'}"
    head = f"{source}: {counted}{f' ({off} more switched off)' if off else ''}"
    limit = f"{_at_a_time(config, plans)}, {exactly(config.grace)} of grace"
    if config.confirm_above_usd is not None:
        limit += f", asked before a launch above {dollars(config.confirm_above_usd)}"
    names = told_apart([(plan.name, plan.organization) for plan in plans])
    width = max(map(len, names))
    lines = (_plan_line(plan, name.ljust(width)) for plan, name in zip(plans, names, strict=True))
    return "\n".join([f"{head}, {limit}", *lines, *_pool_lines(pools, plans), *_out_of_reach(plans, names, engine)])


def _at_a_time(config: WorkersConfig, plans: Sequence[RepositoryPlan]) -> str:
    if not isinstance(config, SequentialConfig):
        return f"at most {config.max_concurrent_instances} at once"
    return (
        f"in turn on one instance, {exactly(config.total_timeout([plan.timeout for plan in plans]))} for all together"
    )


def _out_of_reach(plans: Sequence[RepositoryPlan], names: Sequence[str], engine: EngineChoice | None) -> Iterator[str]:
    """That no success can be proved so far here: said before anything is paid for."""
    wanting = [name for plan, name in zip(plans, names, strict=True) if plan.required_proof is ProofLevel.IMAGE]
    if wanting and engine is EngineChoice.VENV:
        yield (
            f"{', '.join(wanting)}: required_proof is image, and JANITOR_ENGINE=venv builds none: a success would end"
            " as incomplete; set required_proof: environment"
        )


def _plan_line(plan: RepositoryPlan, name: str) -> str:
    kind = "GPU" if plan.gpu_required else "no GPU"
    where = f"pool {plan.pool}" if plan.pool is not None else f"{' or '.join(plan.instance_types)} {plan.market.value}"
    ref = f" at {plan.ref}" if plan.ref else ""
    proof = f"required proof {plan.required_proof.value}, " if plan.required_proof is not None else ""
    return f"  {name}  {exactly(plan.timeout)}, {where}, {kind}, {proof}{plan.url}{ref}"


def _pool_lines(pools: Sequence[Pool], plans: Sequence[RepositoryPlan]) -> Iterator[str]:
    for pool in pools:
        used = sum(plan.pool == pool.name for plan in plans)
        counted = f"{used or 'no'} {'repository' if used == 1 else 'repositories'}"
        yield f"  pool {pool.name}  {counted}, {_machines(pool)}, {_workers(pool)}"


def _machines(pool: Pool) -> str:
    if pool.provider is Provider.LOCAL:
        return "this deployment's own hosts"
    kinds = " or ".join(pool.instance_types or pool.gpu_ids)
    return f"{'RunPod' if pool.provider is Provider.RUNPOD else 'EC2'} {kinds} {pool.market.value}"


def _workers(pool: Pool) -> str:
    if not pool.is_enabled:
        return "switched off: what it has drains, and its repositories have instances of their own"
    if pool.max_workers == 0:
        return "max is 0: what it has drains, and its tasks wait"
    if not pool.makes_workers:
        return f"at most {pool.max_workers} workers, which people start, shared by {_SHARED[pool.reuse]}"
    more = f" and {pool.keep_idle} idle while work goes on" if pool.keep_idle else ""
    size = f"{pool.min_workers} to {pool.max_workers} workers{more}, one more for {pool.tasks_per_worker} that wait"
    return f"{size}, {_life(pool)}"


def _life(pool: Pool) -> str:
    limit = "" if pool.daily_budget_usd is None else f", at most {dollars(pool.daily_budget_usd)} a day"
    return (
        f"shared by {_SHARED[pool.reuse]}, ended after {exactly(pool.idle_timeout)} without work,"
        f" {pool.max_tasks} tasks or {exactly(pool.max_lifetime)}{limit}"
    )


_SHARED: Mapping[Reuse, str] = MappingProxyType(
    {
        Reuse.NEVER: "nobody",
        Reuse.REPOSITORY: "one repository",
        Reuse.ORGANIZATION: "one organization",
        Reuse.ANY: "all",
    }
)
