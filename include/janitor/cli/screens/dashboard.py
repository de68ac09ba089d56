"""The deployment on one screen that keeps itself up to date. It looks and never acts: it shows the commands that do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import DataTable, Footer, Input, Static, TabbedContent, TabPane

from janitor.cli.screens.rows import TABS, Page, Row, Tab, rows_of, whys_of
from janitor.domain.errors import JanitorError
from janitor.domain.evidence.cause import Causes
from janitor.domain.snapshot.alerts import Alert, alerts_of
from janitor.domain.snapshot.snapshot import DeploymentSnapshot
from janitor.protocol.text.plain_text import plain
from janitor.views.text.marks import one_line
from janitor.views.text.snapshot import alert_lines, sentence
from janitor.views.text.times import instant

REFRESH = timedelta(seconds=2)
"""Postgres alone is asked, for some milliseconds; Airflow every `ASK_AIRFLOW`."""
ASK_AIRFLOW = timedelta(seconds=30)
TakeSnapshot = Callable[[bool], DeploymentSnapshot]
"""Takes a snapshot; its argument: whether Airflow is to be asked, too."""
FindCauses = Callable[[DeploymentSnapshot], Causes]
"""What is known of why the last run's repositories fail; as seldom asked as Airflow, for it changes with a run."""


ReadLog = Callable[[str, str], Sequence[str]]
"""The end of the log of a repository in a run, as few lines as a screen may hold."""
FindPage = Callable[[Page], str | None]
"""The address of a page; None where the web UI's isn't known."""
LOG_LINES = 500
"""From a log's end."""
_LONGEST_LINE = 1_000
HELP = (
    "Keys",
    "",
    "  q       quit",
    "  r       look now, at Airflow too",
    "  p       stop looking, and go on",
    "  /       only rows that hold a text; escape: all again",
    "  s       sort by the next column",
    "  enter   the row in full, with the commands for it",
    "  l       the end of the log of the row's repository",
    "  o       the address of the row's page in the web UI",
    "  k       the command that ends everything; not done here",
    "  a       alerts",
    "  ?       this",
    "",
    "Tab goes from part to part; escape closes this.",
)


class Details(ModalScreen[None]):
    """One row in full, with the commands that go on from it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,q", "app.pop_screen", "Close")]
    DEFAULT_CSS = """
    Details { align: center middle; }
    Details VerticalScroll {
      width: 90%; max-width: 110; height: auto; max-height: 80%; border: round $accent;
      padding: 1 2; background: $surface;
    }
    """

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__()
        self._lines = lines

    def compose(self) -> ComposeResult:
        """The lines, which may be scrolled."""
        with VerticalScroll():
            yield Static(_content("\n".join(self._lines)), id="details")

    def tell(self, lines: Sequence[str], *, at_end: bool = False) -> None:
        """Show these in the place of what was there; nothing where it is closed."""
        if self.is_attached:
            self.query_one("#details", Static).update(_content("\n".join(lines)))
            if at_end:
                self.call_after_refresh(self.query_one(VerticalScroll).scroll_end, animate=False)


class Dashboard(App[None]):
    """Live, last run, broken, alerts; the numbers of `take_snapshot` and no others."""

    TITLE = "Janitor"
    ENABLE_COMMAND_PALETTE = False
    AUTO_FOCUS = f"#table-{TABS[0].name}"
    CSS = """
    #sentence { padding: 0 1; text-style: bold; }
    #trouble { padding: 0 1; color: $warning; }
    #alert-lines { padding: 0 1; color: $error; max-height: 8; }
    #filter { display: none; }
    #filter.shown { display: block; }
    Screen { overflow: hidden; }
    TabbedContent { height: 1fr; }
    TabPane { padding: 0; }
    DataTable { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "Quit"),
        Binding("r", "now", "Now"),
        Binding("p", "pause", "Pause"),
        Binding("slash", "filter", "Filter"),
        Binding("s", "sort", "Sort"),
        Binding("l", "log", "Log"),
        Binding("o", "link", "Link"),
        Binding("k", "kill", "Kill"),
        Binding("a", "tab('alerts')", "Alerts"),
        Binding("question_mark", "help", "Help", key_display="?"),
        Binding("escape", "clear", show=False),
    ]

    def __init__(
        self,
        take: TakeSnapshot,
        find_causes: FindCauses,
        environment: str,
        *,
        read_log: ReadLog,
        find_page: FindPage,
    ) -> None:
        super().__init__()
        self._read_log = read_log
        self._find_page = find_page
        self._take = take
        self._find_causes = find_causes
        self._causes = Causes()
        self._environment = environment
        self._snapshot: DeploymentSnapshot | None = None
        self._airflow: Sequence[str] | None = None
        self._asked_airflow_at: datetime | None = None
        self._paused = False
        self._filter = ""
        self._sorted_by = 0

    def compose(self) -> ComposeResult:
        """The sentence above everything, the tables, the keys."""
        yield Static("reading …", id="sentence")
        yield Static("", id="trouble")
        yield Static("", id="alert-lines")
        yield Input(placeholder="only rows that hold this text", id="filter", disabled=True)
        with TabbedContent(initial=TABS[0].name):
            for tab in TABS:
                with TabPane(tab.title, id=tab.name):
                    yield DataTable(id=f"table-{tab.name}", cursor_type="row", zebra_stripes=True)
        # Every key beside the others in 80 columns.
        yield Footer(compact=True)

    def on_mount(self) -> None:
        """Lay the columns, read at once and from then on."""
        for tab in TABS:
            self._table(tab).add_columns(*tab.columns)
        self.set_interval(REFRESH.total_seconds(), self._tick)
        self._read()

    def _tick(self) -> None:
        if not self._paused:
            self._read()

    @work(thread=True, exclusive=True, group="reading")
    def _read(self) -> None:
        now = datetime.now(timezone.utc)
        ask = self._asked_airflow_at is None or now - self._asked_airflow_at >= ASK_AIRFLOW
        try:
            snapshot = self._take(ask)
            if ask:
                self._causes = self._find_causes(snapshot)
        except JanitorError as exc:
            self.call_from_thread(self._tell_trouble, str(exc))
            return
        if ask:
            self._asked_airflow_at, self._airflow = now, snapshot.airflow_problems
        self.call_from_thread(self._show, snapshot)

    def _tell_trouble(self, why: str) -> None:
        """What was read before stays, and says how old it is."""
        if self._snapshot is None:
            said = f"no answer yet: {why}"
        else:
            said = f"no answer since {instant(self._snapshot.at)}: {why}"
        self.query_one("#trouble", Static).update(_content(said))

    def _show(self, snapshot: DeploymentSnapshot) -> None:
        self._snapshot = snapshot
        self.query_one("#trouble", Static).update("paused" if self._paused else "")
        self.query_one("#sentence", Static).update(_content(f"{self._environment}: {sentence(snapshot)}"))
        alerts = self._alerts()
        self.query_one("#alert-lines", Static).update(_content("\n".join(alert_lines(alerts))))
        for tab in TABS:
            self._fill(tab, snapshot, alerts)

    def _whys(self) -> Mapping[str, Sequence[str]]:
        return whys_of(self._causes, self._environment)

    def _alerts(self) -> Sequence[Alert]:
        if self._snapshot is None:
            return ()
        known = self._airflow if self._snapshot.airflow_problems is None else self._snapshot.airflow_problems
        return alerts_of(self._snapshot.with_airflow(known))

    def _fill(self, tab: Tab, snapshot: DeploymentSnapshot, alerts: Sequence[Alert]) -> None:
        """Rows keep their place under the cursor: what is looked at doesn't move away."""
        table, rows = self._table(tab), self._chosen(rows_of(tab, snapshot, alerts, self._whys()))
        chosen = self._key_under_cursor(table)
        table.clear()
        for row in rows:
            table.add_row(*(Text(plain(cell)) for cell in row.cells), key=row.key)
        keys = [row.key for row in rows]
        if chosen in keys:
            table.move_cursor(row=keys.index(chosen), scroll=False)
        self.query_one(TabbedContent).get_tab(tab.name).label = f"{tab.title} ({len(rows)})"

    def _chosen(self, rows: Sequence[Row]) -> list[Row]:
        wanted = self._filter.lower()
        found = [row for row in rows if wanted in " ".join(row.cells).lower()]
        if not self._sorted_by:
            return found
        return sorted(found, key=lambda row: row.cells[min(self._sorted_by, len(row.cells)) - 1])

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Open a row."""
        row = self._row(event.row_key.value)
        if row is not None:
            self.push_screen(Details(row.details))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while it is typed."""
        self._filter = event.value
        self._again()

    def on_input_submitted(self) -> None:
        """Back to the rows."""
        self._active_table().focus()

    def action_now(self) -> None:
        """Read at once, Airflow too."""
        self._asked_airflow_at = None
        self._read()

    def action_pause(self) -> None:
        """Stop reading, or go on."""
        self._paused = not self._paused
        self.query_one("#trouble", Static).update("paused" if self._paused else "")

    def action_filter(self) -> None:
        """Ask for a text."""
        field = self.query_one("#filter", Input)
        field.disabled = False
        field.add_class("shown")
        field.focus()

    def action_clear(self) -> None:
        """Show every row again."""
        field = self.query_one("#filter", Input)
        field.value = ""
        field.remove_class("shown")
        field.disabled = True
        self._active_table().focus()

    def action_sort(self) -> None:
        """By the next column, and after the last one as it comes."""
        columns = len(self._active_table().columns)
        self._sorted_by = (self._sorted_by + 1) % (columns + 1)
        self._again()

    def action_tab(self, name: str) -> None:
        """Open a tab."""
        self.query_one(TabbedContent).active = name
        self.call_after_refresh(self._active_table().focus)

    def action_kill(self) -> None:
        """Show how everything is ended; a screen never does it."""
        snapshot = self._snapshot
        alive = "" if snapshot is None else f", {len(snapshot.instances)} alive now"
        self.push_screen(
            Details(
                [
                    f"Ends every instance of this deployment{alive}:",
                    "",
                    f"  make kill-all-workers ENV={self._environment}",
                ]
            )
        )

    def action_log(self) -> None:
        """Show the end of a log, read beside everything else."""
        row = self._chosen_row()
        if row is None or row.log_of is None:
            self.push_screen(Details(["Nothing with a log of its own is chosen: choose a repository or its instance."]))
            return
        repository, run_id = row.log_of
        screen = Details([f"Reading the log of {repository} …"])
        self.push_screen(screen)
        self._fetch_log(screen, repository, run_id)

    @work(thread=True, exclusive=True, group="log")
    def _fetch_log(self, screen: Details, repository: str, run_id: str) -> None:
        command = f"make logs REPO={repository} RUN_ID={run_id} ENV={self._environment}"
        try:
            read = self._read_log(repository, run_id)
        except JanitorError as exc:
            self.call_from_thread(screen.tell, [f"No log of {repository}: {exc}", "", f"  {command}"])
            return
        lines = [one_line(line, limit=_LONGEST_LINE) for line in list(read)[-LOG_LINES:]]
        told = lines or ["(it is empty)"]
        head = f"{repository}, the last {len(lines)} lines; all of it: {command}"
        self.call_from_thread(screen.tell, [head, "", *told], at_end=True)

    def action_link(self) -> None:
        """Show where the web tells more; a terminal can't always open it."""
        row = self._chosen_row()
        address = self._find_page(Page("today") if row is None else row.page)
        missing = "JANITOR_AIRFLOW_URL is not set: the web UI's address isn't known here."
        self.push_screen(Details([missing if address is None else address]))

    def action_help(self) -> None:
        """Show what each key does."""
        self.push_screen(Details(HELP))

    def _chosen_row(self) -> Row | None:
        return self._row(self._key_under_cursor(self._active_table()))

    def _again(self) -> None:
        if self._snapshot is not None:
            self._show(self._snapshot)

    def _row(self, key: str | None) -> Row | None:
        if self._snapshot is None:
            return None
        alerts, whys = self._alerts(), self._whys()
        rows = (row for tab in TABS for row in rows_of(tab, self._snapshot, alerts, whys))
        return next((row for row in rows if row.key == key), None)

    def _table(self, tab: Tab) -> DataTable[Text]:
        table: DataTable[Text] = self.query_one(f"#table-{tab.name}", DataTable)
        return table

    def _active_table(self) -> DataTable[Text]:
        active = self.query_one(TabbedContent).active
        return self._table(next(tab for tab in TABS if tab.name == active))

    @staticmethod
    def _key_under_cursor(table: DataTable[Text]) -> str | None:
        if not table.row_count:
            return None
        return table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value


def _content(text: str) -> Content:
    """Text as it is: neither markup nor control sequences of what a repository wrote."""
    return Content(plain(text))
