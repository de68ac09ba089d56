"""Repositories by runs, packed into letters: 12,000 cells are 50 KB, and say nothing that can't be looked up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from janitor.domain.states import RunStatus

NO_CELL = "."
"""The repository wasn't in that run."""


@dataclass(frozen=True, kw_only=True)
class GridRun:
    """A column."""

    run_id: str
    airflow_run_id: str
    trigger: str
    status: RunStatus
    started_at: datetime


@dataclass(frozen=True, kw_only=True)
class GridRow:
    """A repository: three strings with a letter for each column, the newest run first."""

    repository: str
    """`organization/name`."""
    statuses: str
    """s(uccess) f(ailed) e(rror) t(imed out) i(ncomplete) c(ancelled) r(unning, and waiting)."""
    changes: str
    """n(ew) x (fixed) l (still failing) m (the same) 1 (the first) - (couldn't be told)."""
    flaky: str
    """k or -."""

    @property
    def rank(self) -> int:
        """In which order rows are looked at: new, still failing, not told, well."""
        latest = next((at for at, letter in enumerate(self.statuses) if letter not in (NO_CELL, "c", "r")), None)
        if latest is None:
            return 4
        if self.statuses[latest] == "s":
            return 3
        if self.statuses[latest] != "f":
            return 2
        return 1 if self.changes[latest] == "l" else 0


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The fleet over its last runs."""

    runs: Sequence[GridRun]
    """Newest first."""
    rows: Sequence[GridRow]
    """By `rank`, then by name."""


@dataclass(frozen=True, kw_only=True)
class CauseRow:
    """A cause."""

    signature: str
    title: str
    counts: Sequence[tuple[int, int]]
    """(column, how many repositories failed by it), of the columns that had any."""


@dataclass(frozen=True, kw_only=True)
class CauseGrid:
    """The causes over the fleet's last runs: one that broke many repositories is one dark cell, not many red rows."""

    runs: Sequence[GridRun]
    """Newest first."""
    rows: Sequence[CauseRow]
    """Those of the newest runs first."""


def spread(columns: Sequence[int], letters: str, width: int) -> str:
    """Letters at their columns, `NO_CELL` elsewhere."""
    cells = [NO_CELL] * width
    for column, letter in zip(columns, letters, strict=True):
        cells[column] = letter
    return "".join(cells)
