"""What the phases of a validation took and cost, as text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from janitor.domain.result.history_views import PhaseView
from janitor.views.text.marks import one_line
from janitor.views.text.money import dollars
from janitor.views.text.times import compactly

_SHORTEST_WHOLE_SECONDS = timedelta(seconds=10)


def phases_line(phases: Sequence[PhaseView]) -> str | None:
    """`Phases: checkout 0.5s, static 0.1s, build 4m3s $0.07, test 8.0s`; None without a report."""
    return f"Phases: {', '.join(_phase(phase) for phase in phases)}" if phases else None


def _phase(phase: PhaseView) -> str:
    short = phase.duration < _SHORTEST_WHOLE_SECONDS
    took = f"{phase.duration.total_seconds():.1f}s" if short else compactly(phase.duration)
    money = f" {dollars(phase.usd)}" if phase.usd else ""
    return f"{one_line(phase.name)} {took}{money}"
