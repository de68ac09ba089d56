"""A configuration in a few lines."""

from __future__ import annotations

from janitor.cli.render.times import exactly
from janitor.domain.config import RepositoryPlan, WorkersConfig


def config_text(source: str, config: WorkersConfig) -> str:
    """The answer of `check-config`: what a run of it would do."""
    plans = config.plan()
    off = len(config.repositories) - len(plans)
    counted = f"{len(plans)} {'repository' if len(plans) == 1 else 'repositories'}"
    head = f"{source}: {counted}{f' ({off} more switched off)' if off else ''}"
    limit = f"at most {config.max_concurrent_instances} at once, {exactly(config.grace)} of grace"
    width = max(len(plan.name) for plan in plans)
    return "\n".join([f"{head}, {limit}", *(_plan_line(plan, width) for plan in plans)])


def _plan_line(plan: RepositoryPlan, width: int) -> str:
    kind = "GPU" if plan.gpu_required else "no GPU"
    types = " or ".join(plan.instance_types)
    ref = f" at {plan.ref}" if plan.ref else ""
    return f"  {plan.name.ljust(width)}  {exactly(plan.timeout)}, {types} {plan.market.value}, {kind}, {plan.url}{ref}"
