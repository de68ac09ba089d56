"""The dashboard's screen over a real database: what it shows, its keys, and what it does when the database is away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable, Static, TabbedContent
from textual.widgets._footer import FooterKey

from janitor.cli.screens.dashboard import HELP, LOG_LINES, Dashboard, Details
from janitor.cli.screens.rows import Page
from janitor.domain.errors import CloudError, DatabaseError
from janitor.domain.evidence.cause import Causes
from janitor.domain.snapshot.snapshot import DeploymentSnapshot
from janitor.domain.states import RunStatus
from janitor.services.evidence.causes import causes_of_snapshot
from janitor.services.report.log_link import page_url
from janitor.services.snapshot.take import take_snapshot
from janitor.settings import Settings
from janitor.views.text.evidence import cause_lines
from janitor.views.text.snapshot import sentence
from tests.integration.snapshot.test_snapshot import CAUSE, Past
from tests.support.postgres import TestDatabase

Script = Callable[[Pilot[None], Dashboard], Coroutine[Any, Any, None]]
PATIENCE = timedelta(seconds=60)


class Source:
    """Takes snapshots of a deployment, and can be told to fail."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.fails = False
        self.last: DeploymentSnapshot | None = None
        self.asked_airflow = 0

    def __call__(self, ask_airflow: bool) -> DeploymentSnapshot:
        self.asked_airflow += ask_airflow
        if self.fails:
            raise DatabaseError("Postgres can't be reached")
        self.last = take_snapshot(self._settings, ask_airflow=False).with_airflow([])
        return self.last

    def log(self, repository: str, run_id: str) -> Sequence[str]:
        assert UUID(run_id)
        if self.fails:
            raise CloudError("CloudWatch Logs can't be asked")
        return [f"{repository} line {number} \x1b[2J[bold]" for number in range(2_000)]

    def page(self, page: Page) -> str | None:
        """As the command finds it."""
        return page_url(self._settings, page.view, **({} if page.repository is None else {"r": page.repository}))

    def causes(self, snapshot: DeploymentSnapshot) -> Causes:
        return causes_of_snapshot(self._settings, snapshot)


@pytest.fixture
def past(settings: Settings, database: TestDatabase) -> Past:
    """A night with two live instances, one of them overdue."""
    past = Past(settings, database)
    night = past.run(budget=Decimal(20))
    past.end(night, "worker-new", "failed", "new", cause=CAUSE)
    past.end(night, "worker-old", "failed", "still_failing", cause=CAUSE)
    past.end(night, "worker-fixed", "success", "fixed")
    past.over(night, RunStatus.FAILED)
    live = past.run(ago=timedelta(minutes=12))
    past.launch(live, "worker-well", expires_in=timedelta(minutes=20))
    past.launch(live, "worker-untold", expires_in=-timedelta(minutes=2))
    return past


def play(source: Source, script: Script, *, size: tuple[int, int] = (120, 40)) -> None:
    """Run the screen without a terminal."""

    async def whole() -> None:
        app = Dashboard(source, source.causes, "local", read_log=source.log, find_page=source.page)
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: "reading" not in shown(app, "sentence"))
            await script(pilot, app)

    asyncio.run(whole())


async def until(pilot: Pilot[None], is_so: Callable[[], bool]) -> None:
    """Wait for it."""
    give_up_at = datetime.now(timezone.utc) + PATIENCE
    while not is_so():
        assert datetime.now(timezone.utc) < give_up_at, "it never came to that"
        await pilot.pause(0.05)


def shown(app: Dashboard, name: str) -> str:
    """The text of a part."""
    return str(app.query_one(f"#{name}", Static).render())


def rows(app: Dashboard, tab: str) -> list[list[str]]:
    """A tab's cells."""
    table = app.query_one(f"#table-{tab}", DataTable)
    return [[str(cell) for cell in table.get_row_at(number)] for number in range(table.row_count)]


def test_it_says_what_the_snapshot_says(settings: Settings, past: Past) -> None:
    source = Source(settings)

    async def script(pilot: Pilot[None], app: Dashboard) -> None:
        assert source.last is not None
        assert shown(app, "sentence") == f"local: {sentence(source.last)}"
        assert "is alive 2 min after its expiry" in shown(app, "alert-lines")
        assert [row[1] for row in rows(app, "live")][1:] == ["worker-well", "worker-untold"]
        assert rows(app, "live")[2][5] == "overdue"
        assert [row[:2] for row in rows(app, "last-run")] == [
            ["acme/worker-new", "newly broken"],
            ["acme/worker-old", "still broken"],
            ["acme/worker-fixed", "fixed"],
        ]
        assert len(rows(app, "broken")) == 2
        assert {row[0] for row in rows(app, "alerts")} == {"critical"}
        assert app.screen.max_scroll_y == 0, "all of it is on the screen"
        assert app.query_one("#sentence").region.y == 0
        table = app.query_one("#table-live", DataTable)
        assert table.region.height > 20
        await until(pilot, lambda: table.ordered_columns[1].get_render_width(table) >= len("worker-untold"))
        assert "Broken (2)" in str(app.query_one(TabbedContent).get_tab("broken").label)

    play(source, script)
    assert source.asked_airflow == 1, "Airflow is asked every half a minute, not at each look"


def test_its_keys(settings: Settings, past: Past) -> None:
    async def script(pilot: Pilot[None], app: Dashboard) -> None:
        await pilot.press("a")
        assert app.query_one(TabbedContent).active == "alerts"
        app.query_one(TabbedContent).active = "last-run"
        await pilot.press("slash", *"fixed")
        await until(pilot, lambda: [row[0] for row in rows(app, "last-run")] == ["acme/worker-fixed"])
        await pilot.press("enter")
        await pilot.press("enter")
        assert isinstance(app.screen, Details)
        told = str(app.screen.query_one("#details", Static).render())
        assert "make report REPO=acme/worker-fixed" in told
        await pilot.press("escape")
        await pilot.press("escape")
        app.query_one(TabbedContent).active = "broken"
        await until(pilot, lambda: len(rows(app, "broken")) == 2)
        app.query_one("#table-broken", DataTable).focus()
        await pilot.press("enter")
        told = str(app.screen.query_one("#details", Static).render())
        snapshot = take_snapshot(settings, ask_airflow=False)
        for said in cause_lines(causes_of_snapshot(settings, snapshot).causes[0], "local"):
            assert said.strip() in told
        await pilot.press("escape")
        app.query_one(TabbedContent).active = "last-run"
        await until(pilot, lambda: len(rows(app, "last-run")) == 3)
        await pilot.press("s")
        assert [row[0] for row in rows(app, "last-run")] == sorted(row[0] for row in rows(app, "last-run"))
        await pilot.press("k")
        assert isinstance(app.screen, Details)
        told = str(app.screen.query_one("#details", Static).render())
        assert "2 alive now" in told
        assert "make kill-all-workers ENV=local" in told
        await pilot.press("escape", "p")
        assert shown(app, "trouble") == "paused"

    play(Source(settings), script)


def details(app: Dashboard) -> str:
    """What the window above everything says."""
    assert isinstance(app.screen, Details)
    return str(app.screen.query_one("#details", Static).render())


async def choose(pilot: Pilot[None], app: Dashboard, tab: str) -> None:
    """Go to a tab's first row."""
    app.query_one(TabbedContent).active = tab
    await until(pilot, lambda: len(rows(app, tab)) > 0)
    app.query_one(f"#table-{tab}", DataTable).focus()
    await pilot.pause()


def test_the_end_of_a_log_is_shown_as_it_is(settings: Settings, past: Past) -> None:
    source = Source(settings)

    async def script(pilot: Pilot[None], app: Dashboard) -> None:
        await choose(pilot, app, "broken")
        await pilot.press("l")
        await until(pilot, lambda: "line 1999" in details(app))
        lines = details(app).splitlines()
        assert len(lines) == LOG_LINES + 2
        assert lines[0].startswith(f"acme/worker-new, the last {LOG_LINES} lines; all of it: make logs REPO=")
        assert "\x1b" not in details(app)
        assert "[bold]" in details(app)
        await pilot.press("escape")
        source.fails = True
        await pilot.press("l")
        await until(pilot, lambda: "No log of acme/worker-new: CloudWatch Logs can't be asked" in details(app))
        await pilot.press("escape")
        source.fails = False
        await choose(pilot, app, "alerts")
        await pilot.press("l")
        assert details(app).startswith("Nothing with a log of its own is chosen")

    play(source, script)


def test_the_link_of_what_is_chosen(settings: Settings, past: Past) -> None:
    known = settings.model_copy(update={"airflow_url": "https://airflow.example/"})

    async def script(pilot: Pilot[None], app: Dashboard) -> None:
        for tab, page in (("broken", "repo&r=acme/worker-new"), ("live", "live"), ("alerts", "live")):
            await choose(pilot, app, tab)
            await pilot.press("o")
            assert details(app) == f"https://airflow.example/plugin/janitor?v={page}"
            await pilot.press("escape")

    async def nowhere(pilot: Pilot[None], app: Dashboard) -> None:
        await pilot.press("o")
        assert "JANITOR_AIRFLOW_URL is not set" in details(app)

    play(Source(known), script)
    play(Source(settings.model_copy(update={"airflow_url": None})), nowhere)


def test_every_key_is_in_the_footer_and_in_the_help_at_80_by_24(settings: Settings, past: Past) -> None:
    async def script(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, lambda: len(app.query(FooterKey)) >= 10)
        keys = {key.key_display: key for key in app.query(FooterKey)}
        assert set(keys) >= {"q", "r", "p", "/", "s", "l", "o", "k", "a", "?"}
        for name, key in keys.items():
            assert key.region.right <= 80, name
            assert key.region.y == 23, name
        assert app.query_one("#table-live", DataTable).region.height >= 5
        await pilot.press("question_mark")
        told = details(app)
        for name in keys:
            assert f"\n  {name} " in told, name
        assert told == "\n".join(HELP)
        assert app.screen.query_one("#details").region.height == len(HELP), "no line is broken"

    play(Source(settings), script, size=(80, 24))


def test_what_is_new_comes_and_the_row_under_the_cursor_stays(settings: Settings, past: Past) -> None:
    async def script(pilot: Pilot[None], app: Dashboard) -> None:
        table = app.query_one("#table-live", DataTable)
        table.focus()
        await pilot.press("down", "down")
        chosen = table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value
        past.launch(past.run(ago=timedelta(minutes=1)), "worker-new", expires_in=timedelta(minutes=20))
        await until(pilot, lambda: len(rows(app, "live")) == 5)
        assert table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value == chosen
        assert table.cursor_coordinate.row == 3

    play(Source(settings), script)


def test_a_database_that_goes_away_leaves_what_was_known(settings: Settings, past: Past) -> None:
    source = Source(settings)

    async def script(pilot: Pilot[None], app: Dashboard) -> None:
        before = rows(app, "live")
        source.fails = True
        await until(pilot, lambda: "no answer since" in shown(app, "trouble"))
        assert "Postgres can't be reached" in shown(app, "trouble")
        assert [row[1] for row in rows(app, "live")] == [row[1] for row in before]
        source.fails = False
        await until(pilot, lambda: shown(app, "trouble") == "")

    play(source, script)


def test_text_of_a_repository_is_shown_as_it_is(settings: Settings, past: Past) -> None:
    past.execute(
        "update failure_signatures set title = '[bold red]boo[/] \x1b[2J' where signature = %(cause)s", cause=CAUSE
    )

    async def script(pilot: Pilot[None], app: Dashboard) -> None:
        cause = rows(app, "last-run")[0][2]
        assert "[bold red]boo[/]" in cause
        assert "\x1b" not in cause

    try:
        play(Source(settings), script)
    finally:
        past.execute("update failure_signatures set title = 'the build broke' where signature = %(cause)s", cause=CAUSE)
