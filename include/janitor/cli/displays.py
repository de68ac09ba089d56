"""How a followed run is shown: as lines in a log, as a table on a terminal, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from janitor.cli.changes import Change, ChangeKind, all_launched, changes_between
from janitor.cli.console import Console
from janitor.cli.follow import Display
from janitor.cli.render.names import shown_names
from janitor.cli.render.runs.runs import advice_text, launched_line, progress_line, reason_of, result_line
from janitor.domain.views import RunView, ValidationView
from janitor.views.text.marks import mark_of, one_line, words_of
from janitor.views.text.times import compactly

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

_LOG_INTERVAL = timedelta(seconds=60)
"""Without a terminal, a line at least this often tells that the run goes on."""


class SilentDisplay:
    """Shows nothing: for --json."""

    def update(self, run: RunView | None, now: datetime) -> None:
        """Nothing to show."""


@dataclass
class LineDisplay:
    """One line for each piece of news, and the advice once everything is launched."""

    console: Console
    environment: str
    heartbeat: timedelta | None = _LOG_INTERVAL
    """None where something else shows that the run goes on."""
    before: RunView | None = None
    advised: bool = False
    last_line_at: datetime | None = None

    def update(self, run: RunView | None, now: datetime) -> None:
        """Print what is new."""
        self.last_line_at = self.last_line_at or now
        if run is None:
            return
        lines = [line for change in changes_between(self.before, run) for line in self._lines_of(change, run, now)]
        if not self.advised and all_launched(run):
            lines += self._advice(run)
        self.before = run
        if not lines and self.heartbeat and now - self.last_line_at >= self.heartbeat and not run.status.is_final:
            lines = [progress_line(run, now)]
        for line in lines:
            self.console.progress(line)
            self.last_line_at = now

    def _lines_of(self, change: Change, run: RunView, now: datetime) -> Iterator[str]:
        name = shown_names(run.validations)[change.validation.validation_id]
        if change.kind is ChangeKind.LAUNCHED:
            yield launched_line(change.validation, name)
        elif change.kind is ChangeKind.ENDED:
            # The advice comes before the first result, also where a repository still waits for a place.
            yield from self._advice(run)
            yield result_line(change.validation, now, name)

    def _advice(self, run: RunView) -> list[str]:
        if self.advised:
            return []
        self.advised = True
        return ["", advice_text(run.timeout, self.environment), ""]


@dataclass
class TableDisplay:
    """News as lines, and below them a table that is redrawn."""

    lines: LineDisplay
    live: Live
    shown: RunView | None = field(default=None)

    def update(self, run: RunView | None, now: datetime) -> None:
        """Print what is new and redraw the table."""
        self.lines.update(run, now)
        self.live.update(waiting_text() if run is None else progress_table(run, now), refresh=True)


def waiting_text() -> RenderableType:
    """What is shown before the run is planned."""
    from rich.text import Text

    return Text("⏳ waiting for Airflow to plan the run")


def progress_table(run: RunView, now: datetime) -> RenderableType:
    """State, elapsed and remaining time of every repository that hasn't ended, and a line of totals."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("", "repository", "state", "instance", "elapsed", "remaining", "last check"):
        table.add_column(heading, no_wrap=heading != "last check", overflow="ellipsis")
    names = shown_names(run.validations)
    for validation in run.validations:
        if not validation.status.is_final:
            table.add_row(*(Text(one_line(cell)) for cell in _cells(validation, names[validation.validation_id], now)))
    totals = Text(one_line(progress_line(run, now)))
    return Group(table, totals) if table.row_count else totals


def _cells(validation: ValidationView, name: str, now: datetime) -> tuple[str, ...]:
    elapsed, remaining = validation.elapsed(now), validation.remaining(now)
    return (
        mark_of(validation.status),
        name,
        words_of(validation.status),
        validation.instance_id or "",
        compactly(elapsed) if elapsed is not None else "",
        compactly(remaining) if remaining is not None else "",
        one_line(validation.summary or reason_of(validation) or "", limit=60),
    )


@contextmanager
def display_for(console: Console, environment: str) -> Iterator[Display]:
    """The display that suits the output."""
    if console.quiet:
        yield SilentDisplay()
        return
    if not console.terminal.interactive:
        yield LineDisplay(console, environment)
        return
    from rich.console import Console as RichConsole
    from rich.live import Live

    options: dict[str, Any] = {"no_color": not console.terminal.colour, "highlight": False}
    with Live(waiting_text(), console=RichConsole(**options), auto_refresh=False, transient=True) as live:
        # Live redirects sys.stdout, so the lines appear above the table.
        yield TableDisplay(LineDisplay(console, environment, heartbeat=None), live)
