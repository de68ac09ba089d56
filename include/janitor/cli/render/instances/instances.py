"""Live instances as text."""

from __future__ import annotations

from collections.abc import Sequence

from janitor.domain.watch.sequential import works_for
from janitor.services.deployment import LiveInstance
from janitor.views.text.marks import one_line


def instances_text(instances: Sequence[LiveInstance]) -> str:
    """The answer of `instances`: one line each, then the count."""
    lines = [
        f"{each.instance_id}  {each.state}  {_whose(each)}  deadline {one_line(each.deadline_at or 'unknown')}"
        + (f"  kept until {one_line(each.keep_until)}" if each.keep_until else "")
        for each in instances
    ]
    counted = f"{len(instances)} {'instance' if len(instances) == 1 else 'instances'}" if instances else "No instance"
    return "\n".join([*lines, f"{counted} of this deployment {'is' if len(instances) <= 1 else 'are'} alive."])


def _whose(instance: LiveInstance) -> str:
    """Its repository and run; a run's own instance has no repository."""
    if instance.repository is None and instance.validation_id is None and instance.run_id is not None:
        return one_line(works_for(None, instance.run_id))
    return f"{one_line(works_for(instance.repository, None))}  run {one_line(instance.run_id or 'unknown')}"
