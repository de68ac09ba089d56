"""A configuration in a few lines."""

from __future__ import annotations

from janitor.cli.render.names import told_apart
from janitor.domain.config.workers import RepositoryPlan, WorkersConfig
from janitor.views.text.times import exactly


def config_text(source: str, config: WorkersConfig) -> str:
    """The answer of `check-config`: what a run of it would do."""
    plans = config.plan()
    off = len(config.repositories) - len(plans)
    counted = f"{len(plans)} {'repository' if len(plans) == 1 else 'repositories'}"
    head = f"{source}: {counted}{f' ({off} more switched off)' if off else ''}"
    limit = f"at most {config.max_concurrent_instances} at once, {exactly(config.grace)} of grace"
    names = told_apart([(plan.name, plan.organization) for plan in plans])
    width = max(map(len, names))
    lines = (_plan_line(plan, name.ljust(width)) for plan, name in zip(plans, names, strict=True))
    return "\n".join([f"{head}, {limit}", *lines])


def _plan_line(plan: RepositoryPlan, name: str) -> str:
    kind = "GPU" if plan.gpu_required else "no GPU"
    types = " or ".join(plan.instance_types)
    ref = f" at {plan.ref}" if plan.ref else ""
    return f"  {name}  {exactly(plan.timeout)}, {types} {plan.market.value}, {kind}, {plan.url}{ref}"
