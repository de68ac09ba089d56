"""Many who look at once: a few of them are in the database, and the rest of the server is free."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient

from janitor.settings import Settings
from janitor.web.turns import AT_ONCE, taking_turns
from tests.integration.snapshot.test_snapshot import OPTIONS
from tests.support.postgres import TestDatabase
from tests.support.web_app import app_of

WAITING = "select count(*) from pg_locks where not granted"


def test_sixty_at_once_are_all_answered(settings: Settings) -> None:
    with TestClient(app_of(settings)) as client, ThreadPoolExecutor(60) as many:
        assert {answer.status_code for answer in many.map(client.get, ["/api/fleet"] * 60)} == {200}


def test_a_slow_database_takes_few_of_the_servers_threads(settings: Settings, database: TestDatabase) -> None:
    with TestClient(app_of(settings)) as client, ThreadPoolExecutor(20) as many:
        with psycopg.connect(database.owner_url, options=OPTIONS) as holding:
            holding.execute("lock table validation_runs in access exclusive mode")
            answers = [many.submit(client.get, "/api/fleet") for _ in range(20)]
            with psycopg.connect(database.owner_url, autocommit=True) as looking:
                most = 0
                for _ in range(20):
                    row = looking.execute(WAITING).fetchone()
                    assert row is not None
                    most = max(most, row[0])
                    time.sleep(0.05)
            assert client.get("/static/main.js").status_code == 200
        told = [answer.result() for answer in answers]
    assert 1 <= most <= AT_ONCE
    assert {answer.status_code for answer in told} <= {200, 503}
    assert 200 in {answer.status_code for answer in told}


def test_who_waits_too_long_is_told() -> None:
    goes_on, begun = threading.Event(), threading.Semaphore(0)
    app = FastAPI(dependencies=[Depends(taking_turns(at_once=2, wait_seconds=0.2))])

    @app.get("/slow")
    def slow() -> None:
        begun.release()
        goes_on.wait(30)

    with TestClient(app) as client, ThreadPoolExecutor(3) as many:
        held = [many.submit(client.get, "/slow") for _ in range(2)]
        for _ in held:
            assert begun.acquire(timeout=20)
        refused = client.get("/slow")
        goes_on.set()
        assert refused.status_code == 503
        assert "ask again" in refused.json()["detail"]
        assert [answer.result().status_code for answer in held] == [200, 200]
        assert client.get("/slow").status_code == 200, "a turn that is over is another's"
