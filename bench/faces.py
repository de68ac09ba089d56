"""`make bench`, on the database and in a browser: what the faces ask for, and when the first page can be used."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path

from bench.fleet import DEPLOYMENT, Fleet, write_fleet
from janitor.services.evidence.causes import causes_of_snapshot
from janitor.services.money.spending import spending_since
from janitor.services.snapshot.grid import cause_grid, fleet_grid
from janitor.services.snapshot.take import take_snapshot
from janitor.settings import Settings, load_settings
from janitor.stores.costs import keep_costs
from janitor.stores.database import transaction
from janitor.stores.migrate import migrate
from janitor.web.scripts import react_apps
from tests.support.browser import Browser
from tests.support.page_host import hosted
from tests.support.postgres import TestDatabase, running_postgres
from tests.support.web_app import app_of

ROOT = Path(__file__).resolve().parent.parent
FIRST_VIEW = timedelta(milliseconds=300)
"""From when the script is there until a page can be used, with 200 repositories and 60 runs."""
_TRIES = 3


def _now() -> datetime:
    return datetime.now(timezone.utc)


FACES: Mapping[str, Callable[[Settings], object]] = {
    "snapshot": lambda settings: take_snapshot(settings, ask_airflow=False),
    "causes of the last run, with their evidence": lambda settings: causes_of_snapshot(
        settings, take_snapshot(settings, ask_airflow=False)
    ),
    "fleet": lambda settings: fleet_grid(settings, runs=60, before=_now()),
    "fleet by causes": lambda settings: cause_grid(settings, runs=60, before=_now()),
    "cost of a month": lambda settings: spending_since(settings, _now() - timedelta(days=30)),
}
PAGES = ("v=today", "v=fleet", "v=fleet&rows=causes")


def measure_faces(fleet: Fleet) -> dict[str, timedelta | None]:
    """What each face asks for, and each page until it can be used; None without a Chromium."""
    with (
        tempfile.TemporaryDirectory(prefix="janitor-bench-") as folder,
        running_postgres(Path(folder)) as database,
    ):
        migrate(database.owner_url)
        write_fleet(database.owner_url, fleet)
        with transaction(database.writer_url, within=timedelta(minutes=5)) as connection:
            keep_costs(connection, DEPLOYMENT, count=1_000_000)
        with transaction(database.owner_url, within=timedelta(minutes=5)) as connection:
            connection.execute("analyze")
        settings = _settings(database, folder)
        answers: dict[str, timedelta | None] = {name: _best_of(ask, settings) for name, ask in FACES.items()}
        return {**answers, **_pages(settings, Path(folder))}


def faces_table(answers: Mapping[Fleet, Mapping[str, timedelta | None]]) -> str:
    """A line for each."""
    lines = ["what a face asks for, or a page until it can be used | fleet | ms", "---|---|---"]
    for fleet, answered in answers.items():
        for name, took in answered.items():
            said = "no Chromium" if took is None else f"{took.total_seconds() * 1000:.0f}"
            lines.append(f"{name} | {fleet.repositories} x {fleet.runs} | {said}")
    return "\n".join(lines)


def _pages(settings: Settings, folder: Path) -> dict[str, timedelta | None]:
    program = shutil.which("chromium")
    if program is None:
        return {f"page {query}": None for query in PAGES}
    browser, marks = Browser(program, folder / "chromium"), list[float]()
    found: dict[str, timedelta | None] = {}
    with hosted(app_of(settings), react_apps()[0]["bundle_url"], marks=marks) as address:
        for query in PAGES:
            took = []
            for _ in range(_TRIES):
                marks.clear()
                browser.open(f"{address}?{query}&watch=1")
                there, drawn = marks
                took.append(timedelta(seconds=drawn - there))
            found[f"page {query}"] = min(took)
    return found


def _best_of(ask: Callable[[Settings], object], settings: Settings) -> timedelta:
    took = []
    for _ in range(_TRIES):
        began = time.perf_counter()
        ask(settings)
        took.append(time.perf_counter() - began)
    return timedelta(seconds=min(took))


def _settings(database: TestDatabase, folder: str) -> Settings:
    environ = {
        "PATH": os.environ["PATH"],
        "JANITOR_STACK": "external",
        "JANITOR_ENGINE": "docker",
        "JANITOR_STATE_DIR": folder,
        "JANITOR_DEPLOYMENT": DEPLOYMENT,
        "JANITOR_DATABASE_URL": database.writer_url,
        "JANITOR_READER_DATABASE_URL": database.reader_url,
        "JANITOR_BUCKET": "test",
        "JANITOR_REGION": "us-east-1",
    }
    return load_settings("local", environ=environ, project_root=ROOT)
