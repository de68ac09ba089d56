"""What the phases of a validation took and cost, for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from janitor.domain.result.history_views import PhaseView


def phases_dict(phases: Sequence[PhaseView]) -> dict[str, Any]:
    """Seconds and dollars by phase."""
    return {
        phase.name: {
            "seconds": round(phase.duration.total_seconds(), 3),
            "usd": str(phase.usd) if phase.usd is not None else None,
        }
        for phase in phases
    }
