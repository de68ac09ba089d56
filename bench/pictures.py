"""The pictures of the documents: `python -m bench.pictures`. The real pages and screen, over rows of some nights.

They need Chromium. Rows are written as the product writes them: reports, differences, instances.
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from shutil import which

from janitor.cli.screens.dashboard import Dashboard
from janitor.services.evidence.causes import causes_of_snapshot
from janitor.services.report.log_link import page_url
from janitor.services.snapshot.take import take_snapshot
from janitor.settings import Settings, load_settings
from janitor.stores.database import transaction
from janitor.stores.migrate import migrate
from janitor.stores.standing import snapshot as store
from janitor.web.scripts import react_apps
from tests.integration.evidence.test_causes import NEW, bad, good, launch
from tests.integration.snapshot.test_snapshot import Past
from tests.support.browser import Browser
from tests.support.page_host import hosted
from tests.support.postgres import TestDatabase, running_postgres
from tests.support.reports import History
from tests.support.web_app import app_of

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "pictures"
_SIZE = (120, 32)
_PATIENCE = timedelta(seconds=30)


def main() -> int:
    """Write all of them."""
    FOLDER.mkdir(exist_ok=True)
    program = which("chromium")
    if program is None:
        raise SystemExit("no Chromium here (apt-get install chromium)")
    with tempfile.TemporaryDirectory(prefix="janitor-pictures-") as name, running_postgres(Path(name)) as database:
        migrate(database.owner_url)
        settings = _settings(database, name)
        _write_nights(settings, database)
        with hosted(app_of(settings), react_apps()[0]["bundle_url"]) as address:
            Browser(program, Path(name)).open(f"{address}?v=today", picture=FOLDER / "today.png")
        asyncio.run(_screen(settings))
    return 0


def _settings(database: TestDatabase, folder: str) -> Settings:
    environ = {
        "PATH": os.environ["PATH"],
        "JANITOR_STACK": "external",
        "JANITOR_ENGINE": "docker",
        "JANITOR_STATE_DIR": folder,
        "JANITOR_DEPLOYMENT": "prod",
        "JANITOR_DATABASE_URL": database.writer_url,
        "JANITOR_READER_DATABASE_URL": database.reader_url,
        "JANITOR_BUCKET": "test",
        "JANITOR_REGION": "us-east-1",
    }
    return load_settings("local", environ=environ, project_root=ROOT)


def _write_nights(settings: Settings, database: TestDatabase) -> None:
    history, other = History(settings), {"repository": "acme/worker-b"}
    past = Past(settings, database)
    missing = "FileNotFoundError: no such model 'small'"
    for first, second in (
        (good(), good(**other)),
        (good(), good(**other)),
        (bad(digest="2"), good(**other)),
        (bad(digest="2"), bad(NEW, reason=missing, **other)),
    ):
        launch(database, settings, history.run(first, other=second), usd_hour=Decimal("1.20"))
        past.execute(
            "update validation_runs set status = 'failed', completed_at = now(), trigger = 'schedule',"
            " daily_budget_usd = 20 where run_id = %(run)s",
            run=history.runs[-1],
        )
    # What the picture is about: an instance of every night was at work all the time.
    past.execute(
        "update instances set command_started_at = launched_at + interval '1 minute', command_ended_at = ended_at"
        " where deployment = %(deployment)s"
    )
    with transaction(database.writer_url) as connection:
        store.keep_pass(connection, settings.deployment, in_ec2=0, unknown_to_ledger=0, missing_in_ec2=0)


async def _screen(settings: Settings) -> None:
    app = Dashboard(
        lambda _: take_snapshot(settings, ask_airflow=False),
        lambda snapshot: causes_of_snapshot(settings, snapshot),
        settings.environment,
        read_log=lambda *_: (),
        find_page=lambda page: page_url(settings, page.view),
    )
    async with app.run_test(size=_SIZE) as pilot:
        await pilot.pause(_PATIENCE.total_seconds() / 10)
        await pilot.press("right", "right")
        app.action_tab("broken")
        await pilot.pause(1)
        await pilot.press("enter")
        await pilot.pause(1)
        drawn = app.export_screenshot(title="make dashboard")
    # The picture names fonts of a host elsewhere; whoever looks at it has one of their own.
    (FOLDER / "dashboard.svg").write_text(re.sub(r"@font-face \{[^}]*\}", "", drawn), encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
