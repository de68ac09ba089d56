"""The one thing that the pages write: who may, from where, and what a page gets to read of it."""

from __future__ import annotations

import json

import pytest
from fastapi import HTTPException
from fastapi.testclient import TestClient

from janitor.domain.states import RunStatus
from janitor.settings import Settings
from tests.integration.snapshot.test_snapshot import CAUSE, Past
from tests.support.postgres import TestDatabase
from tests.support.web_app import app_of

SAID = {"cause_key": CAUSE, "reason": "known since Monday", "until": "cause_changes"}


@pytest.fixture
def client(settings: Settings, database: TestDatabase) -> TestClient:
    """Ada, who may edit, the morning after a night in which something broke."""
    past = Past(settings, database)
    night = past.run()
    past.end(night, "worker-new", "failed", "new", cause=CAUSE)
    past.end(night, "worker-too", "failed", "new", cause=CAUSE)
    past.over(night, RunStatus.FAILED)
    return TestClient(app_of(settings))


def is_silent(client: TestClient) -> bool:
    (cause,) = client.get("/api/today").json()["causes"]
    silent: bool = cause["is_silent"]
    return silent


def test_a_cause_is_acknowledged_and_heard_again(client: TestClient) -> None:
    assert not is_silent(client)
    assert client.post("/api/acknowledgements", json=SAID).status_code == 204
    assert is_silent(client)
    (cause,) = client.get("/api/today").json()["causes"]
    for one in cause["repositories"]:
        assert one["acknowledged"]["text"] == "known to ada until its cause changes: known since Monday"
    assert client.post("/api/acknowledgements/end", json={"cause_key": CAUSE}).status_code == 204
    assert not is_silent(client)
    assert client.post("/api/acknowledgements/end", json={"cause_key": CAUSE}).status_code == 404


def test_who_may_only_read_writes_nothing(settings: Settings, client: TestClient) -> None:
    def may_not() -> str:
        raise HTTPException(403, "Forbidden")

    reader = TestClient(app_of(settings, may_edit=may_not))
    assert reader.get("/api/today").status_code == 200
    assert reader.post("/api/acknowledgements", json=SAID).status_code == 403
    assert reader.post("/api/acknowledgements/end", json={"cause_key": CAUSE}).status_code == 403
    assert not is_silent(client)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://testserver.evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Origin": "http://testserver"}, 204),
        ({"Origin": "https://janitor.example", "Sec-Fetch-Site": "same-origin"}, 204),
        ({"Content-Type": "application/json; charset=utf-8"}, 204),
    ],
)
def test_another_sites_page_writes_nothing(client: TestClient, headers: dict[str, str], status: int) -> None:
    body = (
        '{"cause_key": "%s", "reason": "known", "until": "cause_changes"}' % CAUSE  # noqa: UP031 - braces
    )
    sent = client.post("/api/acknowledgements", content=body, headers={"Content-Type": "application/json", **headers})
    assert sent.status_code == status
    assert is_silent(client) is (status == 204)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"until": "never"}, 422),
        ({"reason": ""}, 422),
        ({"reason": "x" * 501}, 422),
        ({"made_by": "somebody else"}, 422),
        ({"until": "date", "until_at": "2026-01-01T00:00:00"}, 422),
        ({"until": "date"}, 409),
        ({"until": "date", "until_at": "2020-01-01T00:00:00Z"}, 409),
        ({"reason": " "}, 409),
        ({"cause_key": "0" * 16}, 404),
        ({"repository": "acme/worker-old"}, 404),
    ],
)
def test_what_is_refused_says_why(client: TestClient, changes: dict[str, str], status: int) -> None:
    answer = client.post("/api/acknowledgements", json={**SAID, **changes})
    assert answer.status_code == status
    assert answer.json()["detail"]
    assert not is_silent(client)


@pytest.mark.parametrize("key", ["cause_key", "reason", "repository"])
@pytest.mark.parametrize("text", [r"a/b\ud800c", r"a/b\u0000c"])
def test_text_that_no_database_holds_is_refused(client: TestClient, key: str, text: str) -> None:
    body = json.dumps({**SAID, key: "HERE"}).replace("HERE", text)
    for path in ("/api/acknowledgements", "/api/acknowledgements/end"):
        answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 422
        assert answer.json()["detail"]
    assert not is_silent(client)
