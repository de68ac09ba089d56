"""Whatever shows a deployment says one sentence and the same alerts: page, document, print, screen, doctor."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from fastapi.testclient import TestClient

from janitor.cli.deployment import deployment_findings
from janitor.cli.exit_codes import ExitCode
from janitor.cli.main import main
from janitor.cli.render.stack.doctor import doctor_text
from janitor.cli.screens.rows import ALERTS, rows_of
from janitor.domain.snapshot.alerts import alerts_of
from janitor.domain.states import RunStatus
from janitor.services.evidence.causes import causes_of_snapshot
from janitor.services.snapshot.take import take_snapshot
from janitor.settings import Settings
from janitor.views.text.snapshot import sentence, snapshot_text
from tests.integration.snapshot.test_snapshot import CAUSE, Past
from tests.support.postgres import TestDatabase
from tests.support.web_app import app_of


@pytest.fixture
def troubled(settings: Settings, database: TestDatabase) -> Settings:
    """A deployment with something broken, something set aside while nothing runs, and a day's budget nearly gone."""
    past = Past(settings, database)
    night = past.run(budget=Decimal(1))
    past.end(night, "worker-new", "failed", "new", cause=CAUSE)
    past.over(night, RunStatus.FAILED)
    past.execute(
        "insert into budget_reservations (deployment, kind, run_id, validation_id, owner_kind, owner_id, day,"
        " reserved_usd) values (%(deployment)s, 'launch', %(run)s, %(id)s, 'validation', %(id)s,"
        " (now() at time zone 'UTC')::date, 0.85)",
        run=night.run_id,
        id=night.validations["worker-new"],
    )
    return settings


def test_one_sentence_and_the_same_alerts(
    troubled: Settings, environment: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = take_snapshot(troubled, ask_airflow=False)
    alerts = alerts_of(snapshot)
    said = sentence(snapshot)
    assert len(alerts) == 2
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main(["dashboard", "--export"]) == ExitCode.NOT_SUCCESSFUL
    exported = json.loads(capsys.readouterr().out)
    with TestClient(app_of(troubled)) as client:
        page = client.get("/api/today").json()
    printed = snapshot_text(snapshot, alerts, causes_of_snapshot(troubled, snapshot))
    findings = list(deployment_findings(troubled))
    examined = doctor_text(findings)

    assert exported["sentence"] == page["sentence"] == findings[0].message == said
    assert said in printed
    assert said in examined
    words = [(one.message, one.next_step) for one in alerts]
    assert [(one["message"], one["next_step"]) for one in exported["alerts"]] == words
    assert [(one["message"], one["next_step"]) for one in page["alerts"]] == words
    assert [(one.message, one.next_step) for one in findings[1:]] == words
    assert [row.cells[2:] for row in rows_of(ALERTS, snapshot, alerts)] == words
    for message, step in words:
        for text in (printed, examined):
            assert message in text
            assert step in text
    assert [one["verdict_text"] for one in exported["causes"]] == [one["verdict_text"] for one in page["causes"]]


def test_without_a_database_the_doctor_leaves_it_to_what_asks_for_that(troubled: Settings) -> None:
    away = troubled.model_copy(update={"reader_database_url": None})
    assert list(deployment_findings(away)) == []
