"""The end of a log: read from a real endpoint, bounded, harmless, and for nobody who may not read the tasks' logs."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from fastapi import HTTPException
from fastapi.testclient import TestClient
from pydantic import SecretStr

from janitor.cloud.logs import read_tail
from janitor.cloud.session import CloudAccess
from janitor.settings import Settings
from janitor.web.history import LOG_LINES
from tests.integration.snapshot.test_snapshot import Past
from tests.support.localcloud_server import LocalCloudServer
from tests.support.postgres import TestDatabase
from tests.support.web_app import app_of

GROUP, STREAM = "/janitor/tails", "one"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloudServer]:
    """With a stream of five hundred lines, the last of them hostile."""
    with LocalCloudServer(tmp_path_factory.mktemp("cloud")) as server:
        logs = server.client("logs")
        logs.create_log_group(logGroupName=GROUP)
        logs.create_log_stream(logGroupName=GROUP, logStreamName=STREAM)
        now = int(time.time() * 1000)
        lines = [*(f"line {number}" for number in range(499)), "\x1b[2J<b>" + "x" * 5_000]
        events = [{"timestamp": now + at, "message": line} for at, line in enumerate(lines)]
        logs.put_log_events(logGroupName=GROUP, logStreamName=STREAM, logEvents=events)
        yield server


@pytest.fixture
def of_cloud(settings: Settings, cloud: LocalCloudServer) -> Settings:
    """The deployment's settings, with that cloud."""
    return settings.model_copy(
        update={
            "aws_endpoint_url": cloud.endpoint_url,
            "aws_access_key_id": cloud.access_key_id,
            "aws_secret_access_key": SecretStr(cloud.secret_access_key),
            "log_group": GROUP,
        }
    )


def test_the_last_lines_of_a_stream(of_cloud: Settings) -> None:
    access = CloudAccess.of(of_cloud)
    assert read_tail(access, GROUP, STREAM, 3)[:2] == ("line 497", "line 498")
    assert len(read_tail(access, GROUP, STREAM, 400)) == 400
    assert len(read_tail(access, GROUP, STREAM, 1_000)) == 500
    assert read_tail(access, GROUP, "nobody's", 3) == ()


def test_a_page_of_it(of_cloud: Settings, database: TestDatabase) -> None:
    past = Past(of_cloud, database)
    night = past.run()
    one, other = night.validations["worker-new"], night.validations["worker-too"]
    past.execute(
        "update repository_validations set log_stream = %(stream)s where validation_id = %(id)s", stream=STREAM, id=one
    )
    lines = TestClient(app_of(of_cloud)).get(f"/api/log/{one}").json()["lines"]
    assert len(lines) == LOG_LINES
    assert lines[-2] == "line 498"
    assert lines[-1].startswith("<b>xxx")
    assert len(lines[-1]) == 1_000
    assert TestClient(app_of(of_cloud)).get(f"/api/log/{other}").status_code == 404

    def may_not() -> None:
        raise HTTPException(403)

    assert TestClient(app_of(of_cloud, may_read_logs=may_not)).get(f"/api/log/{one}").status_code == 403
    away = of_cloud.model_copy(update={"aws_endpoint_url": "http://127.0.0.1:9"})
    answer = TestClient(app_of(away)).get(f"/api/log/{one}")
    assert answer.status_code == 503
    assert "GetLogEvents" in answer.json()["detail"]
