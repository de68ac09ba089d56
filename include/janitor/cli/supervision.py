"""How supervised runs are shown: as lines in a log, with a table below them on a terminal, or not at all."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from janitor.cli.terminal.console import Console
from janitor.services.maintenance.supervising import SupervisedRun, Watcher
from janitor.views.text.marks import BAD, GOOD, UNKNOWN, WAITING, one_line
from janitor.views.text.times import compactly

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

_LOG_INTERVAL = timedelta(seconds=60)
"""Without a terminal, a line at least this often tells that the runs go on."""


class LineWatcher(Watcher):
    """One line for whatever a run says, and one a minute where none says anything."""

    def __init__(self, console: Console, *, heartbeat: bool = True) -> None:
        self._console, self._heartbeat = console, heartbeat
        self._told_at = time.monotonic()

    def said(self, run: SupervisedRun, line: str) -> None:
        """Print it with the run's name."""
        self._tell(f"{run.run_id}  {line}")

    def looked(self, runs: Sequence[SupervisedRun]) -> None:
        """Print who goes on, where nothing was printed for long."""
        if self._heartbeat and time.monotonic() - self._told_at >= _LOG_INTERVAL.total_seconds():
            self._tell(overview(runs))

    def _tell(self, text: str) -> None:
        self._told_at = time.monotonic()
        self._console.progress(one_line(text, limit=1000))


@dataclass
class TableWatcher(Watcher):
    """The lines, and below them a table that is redrawn."""

    lines: LineWatcher
    live: Live

    def said(self, run: SupervisedRun, line: str) -> None:
        """Print it above the table."""
        self.lines.said(run, line)

    def looked(self, runs: Sequence[SupervisedRun]) -> None:
        """Redraw the table."""
        self.live.update(run_table(runs), refresh=True)


def overview(runs: Sequence[SupervisedRun]) -> str:
    """The runs in a line."""
    alive = [run.run_id for run in runs if run.began_at is not None and run.took is None]
    waiting = sum(run.began_at is None for run in runs)
    over = sum(run.took is not None for run in runs)
    return f"{WAITING} at work: {', '.join(alive) or 'none'}; waiting: {waiting}; over: {over}"


def run_table(runs: Sequence[SupervisedRun]) -> RenderableType:
    """What each run is at."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("", "run", "process", "elapsed", "at"):
        table.add_column(heading, no_wrap=True, overflow="ellipsis")
    for run in runs:
        elapsed = run.elapsed()
        cells = (
            _mark(run),
            run.run_id,
            "" if run.process is None else str(run.process.pid),
            "" if elapsed is None else compactly(elapsed),
            run.line or ("waiting for another run to end" if run.process is None else "starting"),
        )
        table.add_row(*(Text(one_line(cell)) for cell in cells))
    return table


def _mark(run: SupervisedRun) -> str:
    if run.exit_code is None:
        return UNKNOWN if run.process is None else WAITING
    return GOOD if run.exit_code == 0 else BAD


@contextmanager
def watcher_for(console: Console) -> Iterator[Watcher]:
    """What suits the output."""
    if console.quiet:
        yield Watcher()
        return
    if not console.terminal.interactive:
        yield LineWatcher(console)
        return
    from rich.console import Console as RichConsole
    from rich.live import Live

    options: dict[str, Any] = {"no_color": not console.terminal.colour, "highlight": False}
    with Live(run_table([]), console=RichConsole(**options), auto_refresh=False, transient=True) as live:
        yield TableWatcher(LineWatcher(console, heartbeat=False), live)
