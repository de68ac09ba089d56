"""The last runs as text: the answer of `runs`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from janitor.domain.views import RunSummary
from janitor.views.text.marks import UNKNOWN, mark_of, one_line, words_of
from janitor.views.text.money import cost_text
from janitor.views.text.times import compactly, instant

_LONGEST_TRIGGER = 20


def runs_text(runs: Sequence[RunSummary], now: datetime) -> str:
    """A line for each run in columns that line up."""
    if not runs:
        return "There is no run here yet; start one with `make run`."
    rows = [_cells(run, now) for run in runs]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines)


def _cells(run: RunSummary, now: datetime) -> tuple[str, ...]:
    money = UNKNOWN if run.cost_usd is None else cost_text(run.cost_usd, run.cost_places, is_final=run.cost_is_final)
    return (
        mark_of(run.status),
        str(run.run_id),
        one_line(run.occasion, limit=_LONGEST_TRIGGER),
        instant(run.started_at),
        compactly(run.duration(now)),
        words_of(run.status),
        f"{run.successful}/{run.total_repositories} successful",
        money,
    )
