"""The API behind the pages: what it answers, to whom, and what it does when Postgres is slow or away."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from importlib import resources
from pathlib import Path

import psycopg
import pytest
from fastapi import HTTPException
from fastapi.testclient import TestClient

from bench.fleet import DEPLOYMENT, Fleet, write_fleet
from janitor.domain.snapshot.grid import NO_CELL
from janitor.domain.states import RunStatus
from janitor.services.snapshot.take import take_snapshot
from janitor.settings import Settings
from janitor.views.text.snapshot import sentence
from janitor.web.app import pages
from janitor.web.scripts import PREFIX, react_apps
from tests.integration.snapshot.test_snapshot import CAUSE, OPTIONS, Past, check_document
from tests.support.postgres import TestDatabase

DATA = (
    "/api/snapshot",
    "/api/today",
    "/api/fleet",
    "/api/run/manual__1",
    "/api/repository/acme/worker-new",
    "/metrics",
)

WRITING = ("/api/acknowledgements", "/api/acknowledgements/end")
SCRIPT_FOLDER = Path(str(resources.files("janitor.web") / "static"))


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    """Somebody who may see everything."""
    with TestClient(pages(lambda: None, lambda: settings, may_edit=lambda: "ada")) as client:
        yield client


@pytest.fixture
def past(settings: Settings, database: TestDatabase) -> Past:
    """Of this test's deployment."""
    return Past(settings, database)


def refuse() -> None:
    """Nobody is let in."""
    raise HTTPException(401)


def test_no_data_without_a_login(settings: Settings) -> None:
    app = pages(refuse, lambda: settings, may_edit=lambda: "ada")
    stranger = TestClient(app)
    for path in DATA:
        assert stranger.get(path).status_code == 401, path
    for path in WRITING:
        assert stranger.post(path, json={"cause_key": CAUSE}).status_code == 401, path
    told = {getattr(route, "path", "") for route in app.routes}
    assert {path.split("{")[0] for path in told if path != "/static"} == {
        *("/api/snapshot", "/api/today", "/api/fleet", "/metrics", "/api/run/", "/api/repository/"),
        *WRITING,
    }, "a route that is new belongs in this test"
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert stranger.get(path).status_code == 404


def test_scripts_are_open_and_complete(settings: Settings) -> None:
    stranger = TestClient(pages(refuse, lambda: settings, may_edit=lambda: "ada"))
    assert {app["destination"] for app in react_apps()} == {"nav", "dag_run", "dashboard"}
    scripts = set()
    for app in react_apps():
        address = app["bundle_url"]
        assert not address.startswith("/"), "an absolute address breaks under a base path"
        answer = stranger.get("/" + address.partition("/")[2])
        assert answer.status_code == 200
        assert "javascript" in answer.headers["content-type"]
        assert f'"{app["name"]}"' in answer.text or f"{app['name']}:" in answer.text
        scripts.add(address.partition("?")[0])
    assert scripts == {f"{PREFIX[1:]}/static/main.js"}
    names = [path.stem for path in SCRIPT_FOLDER.glob("*.js")]
    assert {"main", "ui", "today", "fleet", "details", "acknowledge"} <= set(names)
    size = sum(len(stranger.get(f"/static/{name}.js").content) for name in names)
    assert size < 60 * 1024
    for name in names:
        text = stranger.get(f"/static/{name}.js").text
        assert "innerHTML" not in text
        assert "dangerouslySetInnerHTML" not in text


def test_the_page_says_what_every_other_face_says(client: TestClient, settings: Settings, past: Past) -> None:
    night = past.run(budget=Decimal(20))
    past.end(night, "worker-new", "failed", "new", cause=CAUSE)
    past.over(night, RunStatus.FAILED)
    answer = client.get("/api/snapshot")
    assert answer.headers["cache-control"] == "no-store"
    document = answer.json()
    check_document(document)
    assert document["sentence"] == sentence(take_snapshot(settings, ask_airflow=False))
    today = client.get("/api/today").json()
    check_document(today)
    assert today["sentence"] == document["sentence"]
    (cause,) = today["causes"]
    assert cause["title"] == "the build broke"
    assert cause["verdict"] == "unknown"
    assert [one["repository_name"] for one in cause["repositories"]] == ["worker-new"]


def test_the_grid_packs_what_the_rows_say(client: TestClient, past: Past) -> None:
    older = past.run(ago=timedelta(days=2))
    past.end(older, "worker-new", "success", "first")
    past.end(older, "worker-old", "failed", "new", cause=CAUSE)
    newer = past.run(ago=timedelta(days=1))
    past.execute("delete from repository_standings where deployment = %(deployment)s")
    past.end(newer, "worker-new", "failed", "new", cause=CAUSE, flaky=True)
    past.end(newer, "worker-old", "failed", "still_failing", cause=CAUSE)
    past.end(newer, "worker-fixed", "error", "inconclusive")
    past.execute(
        "delete from repository_validations where run_id = %(run)s and repository_name = 'worker-well'",
        run=newer.run_id,
    )
    grid = client.get("/api/fleet").json()
    assert [run["run_id"] for run in grid["runs"]] == [str(newer.run_id), str(older.run_id)]
    rows = {name.partition("/")[2]: letters for name, *letters in grid["rows"]}
    assert rows["worker-new"] == ["fs", "n1", "k-"]
    assert rows["worker-old"] == ["ff", "ln", "--"]
    assert rows["worker-fixed"] == ["er", "--", "--"]
    assert rows["worker-well"] == [f"{NO_CELL}r", f"{NO_CELL}-", f"{NO_CELL}-"]
    assert [name.partition("/")[2] for name, *_ in grid["rows"]][:3] == ["worker-new", "worker-old", "worker-fixed"]

    then = (datetime.now(timezone.utc) - timedelta(days=1, hours=12)).isoformat()
    past_grid = client.get("/api/fleet", params={"at": then}).json()
    assert [run["run_id"] for run in past_grid["runs"]] == [str(older.run_id)]
    assert len(client.get("/api/fleet", params={"runs": 1}).json()["runs"]) == 1
    for runs in (0, 121, "x"):
        assert client.get("/api/fleet", params={"runs": runs}).status_code == 422


def test_a_run_and_a_repository(client: TestClient, past: Past) -> None:
    night = past.run()
    past.end(night, "worker-new", "failed", "new", cause=CAUSE)
    run = client.get(f"/api/run/{night.run_id}").json()
    assert {one["repository"]: one["status"] for one in run["validations"]}["worker-new"] == "failed"
    by_airflow = client.get(f"/api/run/{run['airflow_run_id']}").json()
    assert by_airflow["run_id"] == str(night.run_id)
    history = client.get("/api/repository/acme/worker-new").json()["validations"]
    assert history[0]["status"] == "failed"
    for path in ("/api/run/scheduled__2026-01-01T03:00:00+00:00", "/api/repository/acme/nobody"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert answer.json()["detail"]


def test_gauges(client: TestClient, past: Past) -> None:
    night = past.run(budget=Decimal(10), ago=timedelta(minutes=12))
    past.end(night, "worker-new", "failed", "new", cause=CAUSE)
    past.launch(night, "worker-too", expires_in=-timedelta(minutes=2))
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = dict(line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#"))
    assert samples['janitor_repositories{standing="failing"}'] == "1"
    assert samples['janitor_instances_live{market="spot",type="g5.xlarge"}'] == "1"
    assert samples["janitor_instances_overdue"] == "1"
    assert samples['janitor_alerts{severity="critical"}'] == "2"
    assert float(samples["janitor_budget_used_ratio"]) == 0
    for line in answer.text.splitlines():
        if not line.startswith("#"):
            assert f"# TYPE {line.partition('{')[0].partition(' ')[0]} gauge" in answer.text, line


def test_a_database_that_doesn_t_answer_is_told(client: TestClient, database: TestDatabase) -> None:
    with psycopg.connect(database.owner_url, options=OPTIONS) as holding:
        holding.execute("lock table validation_runs in access exclusive mode")
        answer = client.get("/api/fleet")
    assert answer.status_code == 503
    assert answer.json()["detail"]


def test_two_hundred_repositories_stay_small(settings: Settings, database: TestDatabase) -> None:
    write_fleet(database.owner_url, Fleet(repositories=200, runs=60))
    of_fleet = settings.model_copy(update={"deployment": DEPLOYMENT})
    fleet = TestClient(pages(lambda: None, lambda: of_fleet, may_edit=lambda: "ada"))
    answer = fleet.get("/api/fleet")
    assert len(answer.json()["rows"]) == 200
    assert len(answer.content) < 80_000
