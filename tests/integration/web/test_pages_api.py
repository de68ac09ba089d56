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

from janitor.domain.snapshot.grid import NO_CELL
from janitor.domain.states import RunStatus
from janitor.services.snapshot.take import take_snapshot
from janitor.settings import Settings
from janitor.views.text.snapshot import sentence
from janitor.web.scripts import PREFIX, react_apps
from tests.integration.snapshot.test_snapshot import CAUSE, OPTIONS, Past, check_document
from tests.support.postgres import TestDatabase
from tests.support.web_app import app_of

DATA = (
    "/api/snapshot",
    "/api/today",
    "/api/fleet",
    "/api/causes",
    "/api/cost",
    "/api/run/manual__1",
    "/api/repository/acme/worker-new",
    "/api/log/550e8400-e29b-41d4-a716-446655440000",
    "/metrics",
)

WRITING = ("/api/acknowledgements", "/api/acknowledgements/end")
SCRIPT_FOLDER = Path(str(resources.files("janitor.web") / "static"))


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    """Somebody who may see everything."""
    with TestClient(app_of(settings)) as client:
        yield client


@pytest.fixture
def past(settings: Settings, database: TestDatabase) -> Past:
    """Of this test's deployment."""
    return Past(settings, database)


def refuse() -> None:
    """Nobody is let in."""
    raise HTTPException(401)


def test_no_data_without_a_login(settings: Settings) -> None:
    app = app_of(settings, allowed=refuse)
    stranger = TestClient(app)
    for path in DATA:
        assert stranger.get(path).status_code == 401, path
    for path in WRITING:
        assert stranger.post(path, json={"cause_key": CAUSE}).status_code == 401, path
    told = {getattr(route, "path", "") for route in app.routes}
    assert {path.split("{")[0] for path in told if path != "/static"} == {
        *("/api/snapshot", "/api/today", "/api/fleet", "/metrics", "/api/run/", "/api/repository/"),
        *("/api/causes", "/api/cost", "/api/log/"),
        *WRITING,
    }, "a route that is new belongs in this test"
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert stranger.get(path).status_code == 404


def test_scripts_are_open_and_complete(settings: Settings) -> None:
    stranger = TestClient(app_of(settings, allowed=refuse))
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
    health = client.get("/api/repository/acme/worker-new").json()["health"]
    assert (health["validations"], health["successes"]) == (1, 0)
    assert client.get("/api/repository/acme/worker-new").json()["checks"] == []
    for path in ("/api/run/scheduled__2026-01-01T03:00:00+00:00", "/api/repository/acme/nobody"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert answer.json()["detail"]


def test_a_moment_of_the_past_shows_what_was_known_then(client: TestClient, past: Past) -> None:
    night = past.run(ago=timedelta(hours=4))
    past.end(night, "worker-new", "failed", "new", cause=CAUSE, flaky=True)
    past.over(night, RunStatus.FAILED)

    def shown(ago: timedelta) -> tuple[str, list[str], list[object]]:
        at = {"at": (datetime.now(timezone.utc) - ago).isoformat()}
        grid, causes = client.get("/api/fleet", params=at).json(), client.get("/api/causes", params=at).json()
        rows = {name: letters for name, *letters in grid["rows"]}
        return grid["runs"][0]["status"], rows["acme/worker-new"], causes["rows"]

    # It began four hours ago, its repository ended three hours ago.
    assert shown(timedelta(hours=3, minutes=30)) == ("running", ["r", "-", "-"], [])
    assert shown(timedelta(hours=2)) == ("failed", ["f", "n", "k"], [[CAUSE, "the build broke", [[0, 1]]]])


def test_causes_by_runs(client: TestClient, past: Past) -> None:
    older = past.run(ago=timedelta(days=2))
    past.end(older, "worker-old", "failed", "new", cause=CAUSE)
    past.execute("delete from repository_standings where deployment = %(deployment)s")
    newer = past.run(ago=timedelta(days=1))
    for name in ("worker-old", "worker-new"):
        past.end(newer, name, "failed", "still_failing", cause=CAUSE)
    past.end(newer, "worker-well", "success", "same")
    grid = client.get("/api/causes").json()
    assert [run["run_id"] for run in grid["runs"]] == [str(newer.run_id), str(older.run_id)]
    assert grid["rows"] == [[CAUSE, "the build broke", [[0, 2], [1, 1]]]]


def test_what_it_cost(client: TestClient, past: Past) -> None:
    night = past.run(budget=Decimal(10))
    past.end(night, "worker-new", "failed", "new", cause=CAUSE)
    past.end(night, "worker-well", "success", "same")
    for name in ("worker-new", "worker-well"):
        past.launch(night, name, expires_in=timedelta(minutes=20))
    told = client.get("/api/cost", params={"days": 7}).json()
    assert sum(Decimal(day["total_usd"]) for day in told["days"]) == pytest.approx(Decimal("0.2"), abs=Decimal("0.01"))
    by_name = {one["repository"]: one for one in told["repositories"]}
    assert by_name["acme/worker-new"]["failing_usd"] == by_name["acme/worker-new"]["total_usd"]
    assert by_name["acme/worker-well"]["failing_usd"] is None
    (cause,) = told["causes"]
    assert (cause["signature"], cause["repositories"], cause["runs"]) == (CAUSE, 1, 1)
    assert Decimal(told["budget"]["daily_budget_usd"]) == 10
    assert told["waste"]["instances"] == 2
    for days in (0, 91, "x"):
        assert client.get("/api/cost", params={"days": days}).status_code == 422


def test_each_instance_of_a_run(client: TestClient, past: Past) -> None:
    """The attempt that EC2 refused, the instance that took its place, and who ended it."""
    night = past.run()
    refused = past.launch(night, "worker-new", state="intent", expires_in=timedelta(minutes=20))
    past.execute(
        "update instances set state = 'not_launched', termination_reason = 'launch_failed', ended_at = now(),"
        " instance_id = null, launched_at = null where instance_id = %(id)s",
        id=refused,
    )
    past.execute(
        "insert into placement_attempts (ledger_id, owner_kind, owner_id, round, position, instance_type, market,"
        " result, aws_code, ended_at) select ledger_id, owner_kind, owner_id, 1, 0, instance_type, market, 'capacity',"
        " 'InsufficientInstanceCapacity', now() from instances where run_id = %(run)s",
        run=night.run_id,
    )
    launched = past.launch(night, "worker-too", expires_in=timedelta(minutes=20))
    past.execute(
        "update instances set state = 'terminated', termination_reason = 'orphan', ended_at = now()"
        " where instance_id = %(id)s",
        id=launched,
    )
    first, second = client.get(f"/api/run/{night.run_id}").json()["instances"]
    assert (first["instance_id"], first["placement"], first["aws_code"]) == (
        None,
        "capacity",
        "InsufficientInstanceCapacity",
    )
    assert (second["instance_id"], second["ended_by"], second["termination_reason"]) == (
        launched,
        "the reaper",
        "orphan",
    )
    assert second["repository"] == "worker-too"


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


def test_what_isn_t_well_with_airflow_is_on_each_page(settings: Settings) -> None:
    problem = "triggerer: no heartbeat for 25 minutes"
    client = TestClient(app_of(settings, airflow_problems=lambda: [problem]))
    for path in ("/api/snapshot", "/api/today"):
        document = client.get(path).json()
        check_document(document)
        assert document["airflow_problems"] == [problem]
        assert [(alert["code"], alert["message"]) for alert in document["alerts"]] == [("airflow_unhealthy", problem)]
    assert 'janitor_alerts{severity="critical"} 1' in client.get("/metrics").text


def test_a_database_that_doesn_t_answer_is_told(client: TestClient, database: TestDatabase) -> None:
    with psycopg.connect(database.owner_url, options=OPTIONS) as holding:
        holding.execute("lock table validation_runs in access exclusive mode")
        answer = client.get("/api/fleet")
    assert answer.status_code == 503
    assert answer.json()["detail"]


def test_two_hundred_repositories_stay_small(settings: Settings, fleet: str) -> None:
    answer = TestClient(app_of(settings.model_copy(update={"deployment": fleet}))).get("/api/fleet")
    assert len(answer.json()["rows"]) == 200
    assert len(answer.content) < 80_000


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/api/fleet?at=nonsense", "at: "),
        ("/api/fleet?runs=1.5", "runs: "),
        ("/api/causes?runs=0&at=x", "; at: "),
        ("/api/cost?days=1e3", "days: "),
        ("/api/log/nonsense", "validation_id: "),
    ],
)
def test_what_isn_t_understood_is_one_sentence(client: TestClient, path: str, words: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 422
    assert words in answer.json()["detail"]
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path",
    [
        *("/api/repository/acme/%00", "/api/repository/%00/x", "/api/repository/acme/%ED%A0%80", "/api/run/a%00b"),
        *("/api/repository/acme/..%2fx", "/api/run/%ED%A0%80", "/api/fleet?at=0001-01-01T00:00:00%2B14:00"),
        *("/api/causes?at=9999-12-31T23:59:59-14:00", "/api/fleet?runs=99999999999999999999999"),
    ],
)
def test_text_that_no_database_holds_is_refused(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in (200, 404, 422), answer.text
    if answer.status_code != 200:
        assert answer.json()["detail"]


def test_a_script_is_asked_for_again_and_sent_once(client: TestClient) -> None:
    """Its imports have no version in their addresses: an upgrade must reach them too."""
    for name in [path.name for path in SCRIPT_FOLDER.glob("*.js")]:
        first = client.get(f"/static/{name}")
        again = client.get(f"/static/{name}", headers={"If-None-Match": first.headers["etag"]})
        assert (first.status_code, again.status_code) == (200, 304)
        for answer in (first, again):
            assert answer.headers["cache-control"] == "no-cache"
            assert answer.headers["etag"] == first.headers["etag"]


def test_the_scripts_are_fetched_side_by_side() -> None:
    """A browser learns of a script by reading the one that imports it: the first one names them all."""
    first = (SCRIPT_FOLDER / "main.js").read_text()
    others = {path.name for path in SCRIPT_FOLDER.glob("*.js")} - {"main.js"}
    assert {name for name in others if f'"./{name}"' in first} == others
