"""The pages in a real Airflow and a real browser: each loads, says what the other faces say, and logs no error."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from janitor.services.snapshot.take import take_snapshot
from janitor.settings import Settings
from janitor.views.text.snapshot import sentence
from janitor.web.scripts import PREFIX
from tests.support.browser import Browser, browser
from tests.support.runs import Runs
from tests.support.workers import WorkerRepository, write_config

__all__ = ["browser"]

VIEWS = ("today", "fleet", "live", "repo")


@pytest.fixture(scope="module")
def token(stack: Settings) -> str:
    """A login."""
    url, username, password = stack.airflow_login
    answer = httpx.post(f"{url}/auth/token", json={"username": username, "password": password}, timeout=60)
    return str(answer.json()["access_token"])


@pytest.fixture(scope="module")
def airflow_run(runs: Runs, workers: dict[str, WorkerRepository], tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run that is over: one repository works, one doesn't."""
    config = write_config(
        tmp_path_factory.mktemp("pages") / "workers.yaml",
        [workers["healthy"].entry(), workers["failing"].entry()],
        default_timeout_minutes=15,
    )
    run = runs.start(config)
    runs.finished(run)
    return str(run.airflow_run_id)


def test_nobody_without_a_login_gets_data(stack: Settings) -> None:
    url = stack.airflow_login[0]
    for path in ("/api/snapshot", "/api/today", "/api/fleet", "/metrics", "/api/run/x", "/api/repository/a/b"):
        assert httpx.get(f"{url}{PREFIX}{path}", timeout=60).status_code == 401, path
    assert httpx.get(f"{url}{PREFIX}/openapi.json", timeout=60).status_code == 404


def test_who_writes_has_a_login_and_comes_from_here(stack: Settings, token: str, airflow_run: str) -> None:
    """Airflow says who may edit the DAG, and who that is."""
    url, mine = stack.airflow_login[0], {"Authorization": f"Bearer {token}"}
    (cause,) = httpx.get(f"{url}{PREFIX}/api/today", headers=mine, timeout=60).json()["causes"]
    said = {"cause_key": cause["key"], "reason": "known", "until": "cause_changes"}
    path, end = f"{url}{PREFIX}/api/acknowledgements", f"{url}{PREFIX}/api/acknowledgements/end"
    assert httpx.post(path, json=said, timeout=60).status_code == 401
    foreign = {**mine, "Origin": "https://evil.example"}
    assert httpx.post(path, json=said, headers=foreign, timeout=60).status_code == 403
    assert httpx.post(path, json=said, headers={**mine, "Origin": url}, timeout=60).status_code == 204
    (known,) = httpx.get(f"{url}{PREFIX}/api/today", headers=mine, timeout=60).json()["causes"]
    assert f"known to {stack.airflow_login[1]} until its cause changes: known" in str(known)
    assert httpx.post(end, json={"cause_key": cause["key"]}, headers=mine, timeout=60).status_code == 204


def test_airflow_took_the_plugin(stack: Settings, token: str) -> None:
    url = stack.airflow_login[0]
    mine = {"Authorization": f"Bearer {token}"}
    errors = httpx.get(f"{url}/api/v2/plugins/importErrors", headers=mine, timeout=60).json()
    assert errors["import_errors"] == []


def test_each_page(
    stack: Settings,
    token: str,
    airflow_run: str,
    browser: Browser,  # the fixture that is imported
    tmp_path: Path,
) -> None:
    url = stack.airflow_login[0]
    said = sentence(take_snapshot(stack, ask_airflow=False)).partition(" ledger equals")[0]
    shown = {
        view: browser.open(f"{url}/plugin/janitor?v={view}&r=examples/failing-worker", token=token) for view in VIEWS
    }
    for view, page in shown.items():
        assert not page.console, (view, page.console)
        assert "Janitor" in page.text
        assert "Loading…" not in page.text, view
    assert said.partition(" today")[0] in shown["today"].text
    assert "the model is gone" in shown["today"].text
    assert "healthy-worker" in shown["fleet"].text
    assert 'aria-label="' in shown["fleet"].dom
    assert "failing-worker: failed" in shown["fleet"].dom
    assert "alive" in shown["live"].text
    tab = browser.open(f"{url}/dags/validate_workers/runs/{airflow_run}/plugin/repositories", token=token)
    assert not tab.console, tab.console
    assert "1 of 2 successful" in tab.text
    home = browser.open(f"{url}/", token=token)
    assert said.partition(" today")[0] in home.text
    picture = tmp_path / "today.png"
    browser.open(f"{url}/plugin/janitor?v=today", token=token, dark=True, picture=picture)
    assert picture.stat().st_size > 10_000
