"""How a followed run is shown: as lines in a log, as a table on a terminal, or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from janitor.cli.changes import Change, ChangeKind, all_launched, changes_between
from janitor.cli.follow import Display
from janitor.cli.render.names import shown_names
from janitor.cli.render.runs.runs import advice_text, ended_line, launched_line, progress_line
from janitor.cli.terminal.console import Console
from janitor.domain.views import RunView, ValidationView
from janitor.views.text.marks import mark_of, one_line, words_of
from janitor.views.text.progress import against_last, doing, left_text
from janitor.views.text.times import compactly

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

_LOG_INTERVAL = timedelta(seconds=60)
"""Without a terminal, a line at least this often tells that the run goes on."""
_PHASE_INTERVAL = timedelta(seconds=15)
"""Without a terminal, what a repository is at is told at most this often."""
_WIDE, _NARROW = 120, 80
"""Columns of a terminal from which the instance has room, and from which the last time and the hard limit have."""
_SHORTENED = "at"
_LEAST, _PADDING = 8, 2
_NAME_WIDE, _NAME_NARROW = 28, 18
"""Characters of a repository's name."""


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
    phases_told: dict[UUID, tuple[str, datetime]] = field(default_factory=dict)
    """By validation: the phase that was told last, and when."""

    def update(self, run: RunView | None, now: datetime) -> None:
        """Print what is new."""
        self.last_line_at = self.last_line_at or now
        if run is None:
            return
        lines = [line for change in changes_between(self.before, run) for line in self._lines_of(change, run, now)]
        if not self.advised and all_launched(run):
            lines += self._advice(run)
        self.before = run
        if self.heartbeat:
            lines += self._phase_lines(run, now)
        if not lines and self.heartbeat and now - self.last_line_at >= self.heartbeat and not run.status.is_final:
            lines = [progress_line(run, now)]
        for line in lines:
            self.console.progress(line, wrapped=True)
            self.last_line_at = now

    def _phase_lines(self, run: RunView, now: datetime) -> Iterator[str]:
        """A line for each repository that has come to another phase, none sooner than `_PHASE_INTERVAL`."""
        names = shown_names(run.validations)
        for validation in run.validations:
            at, known = doing(validation), validation.validation_id
            if at is None or validation.progress is None:
                continue
            told, told_at = self.phases_told.get(known, (None, None))
            if told == validation.progress.phase or (told_at is not None and now - told_at < _PHASE_INTERVAL):
                continue
            self.phases_told[known] = (validation.progress.phase, now)
            left = left_text(validation, now)
            times = against_last(validation, now) + (f", {left}" if left else "")
            yield f"{mark_of(validation.status)} {names[known]}: {at} ({times})"

    def _lines_of(self, change: Change, run: RunView, now: datetime) -> Iterator[str]:
        name = shown_names(run.validations)[change.validation.validation_id]
        if change.kind is ChangeKind.LAUNCHED:
            yield launched_line(change.validation, name)
        elif change.kind is ChangeKind.ENDED:
            # The advice comes before the first result, also where a repository still waits for a place.
            yield from self._advice(run)
            yield ended_line(change.validation, now, name)

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
        width = self.live.console.width
        self.live.update(waiting_text() if run is None else progress_table(run, now, width), refresh=True)


def waiting_text() -> RenderableType:
    """What is shown before the run is planned."""
    from rich.text import Text

    return Text("⏳ waiting for Airflow to plan the run")


def progress_table(run: RunView, now: datetime, width: int = _WIDE) -> RenderableType:
    """What every repository that hasn't ended is at, its times, and a line of totals.

    Args:
        run: The latest look.
        now: Its instant.
        width: Columns of the terminal; few of them leave room for what matters most alone.
    """
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, _PADDING, 0, 0))
    names = shown_names(run.validations)
    rows = [
        _cells(validation, names[validation.validation_id], now, width)
        for validation in run.validations
        if not validation.status.is_final
    ]
    for heading, columns in _widths(rows, width).items():
        table.add_column(heading, no_wrap=True, overflow="ellipsis", width=columns)
    for row in rows:
        table.add_row(*(Text(one_line(cell)) for cell in row.values()))
    totals = Text(one_line(progress_line(run, now)))
    return Group(table, totals) if table.row_count else totals


def _widths(rows: Sequence[dict[str, str]], width: int) -> dict[str, int]:
    """Columns of each heading. Only what each is at is cut: it says something else a moment later."""
    from rich.cells import cell_len

    widths = {head: max(cell_len(head), *(cell_len(row[head]) for row in rows)) for head in (rows[0] if rows else ())}
    if widths:
        others = sum(columns for head, columns in widths.items() if head != _SHORTENED)
        widths[_SHORTENED] = max(_LEAST, min(widths[_SHORTENED], width - others - _PADDING * len(widths)))
    return widths


def _cells(validation: ValidationView, name: str, now: datetime, width: int) -> dict[str, str]:
    """The cells of a row by their headings."""
    left, limit = validation.left(now), validation.remaining(now)
    cells = {
        "": mark_of(validation.status),
        "repository": one_line(name, limit=_NAME_NARROW if width < _WIDE else _NAME_WIDE),
        _SHORTENED: doing(validation) or words_of(validation.status),
    }
    elapsed = validation.elapsed(now)
    if width >= _NARROW:
        cells["elapsed"] = against_last(validation, now)
    else:
        cells["elapsed"] = compactly(elapsed) if elapsed is not None else ""
    if left is not None and left > timedelta():
        cells["left"] = f"~{compactly(left)}"
    else:
        cells["left"] = "" if left is None else f"+{compactly(-left)}"
    if width >= _NARROW:
        cells["limit in"] = compactly(limit) if limit is not None else ""
    if width >= _WIDE:
        cells["instance"] = validation.instance_id or ""
    return cells


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
