"""A deployment's snapshot, read from its rows; its document keeps to the schema, and its text to the same words."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID, uuid4

import jsonschema
import psycopg
import pytest
from psycopg.rows import dict_row
from pydantic import SecretStr

from janitor.domain.errors import DatabaseError
from janitor.domain.snapshot.alerts import AlertCode, alerts_of
from janitor.domain.states import RunStatus, ValidationStatus
from janitor.services.evidence.causes import causes_of_snapshot
from janitor.services.snapshot.take import take_snapshot
from janitor.settings import Settings
from janitor.stores.database import transaction
from janitor.stores.standing import snapshot as store
from janitor.views.snapshot import dashboard_schema, snapshot_dict
from janitor.views.text.snapshot import sentence, snapshot_text
from tests.support.postgres import TestDatabase
from tests.support.rows import insert_run

OPTIONS = "-c search_path=janitor,pg_catalog -c timezone=UTC"
AWAY = {"airflow_url": "http://127.0.0.1:9", "airflow_username": "me", "airflow_password": "secret"}
CAUSE = "aaaaaaaaaaaaaaaa"
NAMES = ("worker-new", "worker-too", "worker-old", "worker-fixed", "worker-well", "worker-untold")
CONFIG = "repositories:\n" + "".join(f"  - {{name: {name}, organization: acme, prompt: go}}\n" for name in NAMES)


@dataclass(frozen=True)
class Night:
    """A run's ids."""

    run_id: UUID
    validations: dict[str, UUID]


class Past:
    """Writes what happened."""

    def __init__(self, settings: Settings, database: TestDatabase) -> None:
        self._settings = settings
        self._database = database
        self.now = datetime.now(timezone.utc)

    def execute(self, statement: str, **values: object) -> None:
        with psycopg.connect(self._database.owner_url, options=OPTIONS) as connection:
            connection.execute(statement.encode(), {"deployment": self._settings.deployment, **values})

    def run(self, *, budget: Decimal | None = None, ago: timedelta = timedelta(hours=4)) -> Night:
        """A planned run that began so long ago."""
        run_id, ids = insert_run(self._database.writer_url, deployment=self._settings.deployment, config=CONFIG)
        self.execute(
            "update validation_runs set started_at = %(at)s, daily_budget_usd = %(budget)s where run_id = %(run)s",
            at=self.now - ago,
            budget=budget,
            run=run_id,
        )
        return Night(run_id, dict(zip(NAMES, ids, strict=True)))

    def over(self, night: Night, status: RunStatus) -> None:
        self.execute(
            "update validation_runs set status = %(status)s, completed_at = started_at + interval '40 minutes'"
            " where run_id = %(run)s",
            status=status.value,
            run=night.run_id,
        )

    def end(
        self, night: Night, name: str, status: str, change: str, *, cause: str | None = None, flaky: bool = False
    ) -> None:
        """A validation's end, its difference, and what stands of its repository."""
        outcome = None if change == "inconclusive" else "passed" if status == "success" else "failed"
        if cause is not None:
            self.execute(
                "insert into failure_signatures values (%(cause)s, 'build', 'build_failed', 'x', 'the build broke')"
                " on conflict do nothing",
                cause=cause,
            )
        values = {
            "id": night.validations[name],
            "run": night.run_id,
            "name": name,
            "status": status,
            "change": change,
            "outcome": outcome,
            "cause": cause,
            "flaky": flaky,
            "since": None if outcome is None else self.now - timedelta(days=2),
        }
        self.execute(
            "update repository_validations set status = %(status)s, commit_sha = 'a', signature = %(cause)s,"
            " status_summary = 'told so', finished_at = now() - interval '3 hours' where validation_id = %(id)s",
            **values,
        )
        self.execute(
            "insert into report_differences (validation_id, change, outcome, since_at, since_run_id, flaky)"
            " values (%(id)s, %(change)s, %(outcome)s, %(since)s, case when %(since)s::timestamptz is not null"
            " then %(run)s::uuid end, %(flaky)s)",
            **values,
        )
        self.execute(
            "insert into repository_standings (deployment, organization, repository_name, standing)"
            " values (%(deployment)s, 'acme', %(name)s,"
            " jsonb_build_object('verdict', case when %(outcome)s::text is not null"
            " then jsonb_build_object('outcome', %(outcome)s::text) end))",
            **values,
        )

    def launch(self, night: Night, name: str, *, state: str = "running", expires_in: timedelta) -> str:
        """An instance that was launched ten minutes ago."""
        instance_id = f"i-{uuid4().hex[:17]}"
        self.execute(
            "insert into instances (owner_kind, owner_id, validation_id, run_id, deployment, generation, client_token,"
            " tags, instance_id, instance_type, market, state, intent_at, launched_at, deadline_at, expires_at,"
            " price_usd_hour, volume_gib, volume_usd_gib_month) values ('validation', %(id)s, %(id)s, %(run)s,"
            " %(deployment)s, 1, %(token)s, '{}', %(instance)s, 'g5.xlarge', 'spot', %(state)s, %(at)s, %(at)s,"
            " %(expires)s, %(expires)s, 0.6, 0, 0.08)",
            id=night.validations[name],
            run=night.run_id,
            token=uuid4().hex,
            instance=instance_id,
            state=state,
            at=self.now - timedelta(minutes=10),
            expires=self.now + expires_in,
        )
        return instance_id


@pytest.fixture
def past(settings: Settings, database: TestDatabase) -> Past:
    """Of this test's deployment."""
    return Past(settings, database)


def test_a_deployment_without_a_row(settings: Settings) -> None:
    snapshot = take_snapshot(settings, ask_airflow=False)
    assert snapshot.last_run is None
    assert snapshot.live_runs == []
    assert snapshot.repositories == 0
    assert alerts_of(snapshot) == ()
    assert sentence(snapshot) == (
        "No run is over yet. $0.00 today. Nothing is alive in the ledger; the reaper hasn't compared it with EC2 yet."
    )
    check_document(snapshot_dict(snapshot, ()))


def test_the_morning_after_a_night(settings: Settings, past: Past) -> None:
    night = past.run(budget=Decimal(20))
    past.end(night, "worker-new", "failed", "new", cause=CAUSE)
    past.end(night, "worker-too", "failed", "new", cause=CAUSE)
    past.end(night, "worker-old", "failed", "still_failing", cause=CAUSE, flaky=True)
    past.end(night, "worker-fixed", "success", "fixed")
    past.end(night, "worker-well", "success", "same")
    past.end(night, "worker-untold", "error", "inconclusive")
    past.over(night, RunStatus.FAILED)
    # A later run that was cancelled says nothing.
    past.over(past.run(ago=timedelta(hours=1)), RunStatus.CANCELLED)

    snapshot = take_snapshot(settings, ask_airflow=False)
    assert snapshot.last_run is not None
    assert snapshot.last_run.run_id == night.run_id
    news = snapshot.news
    assert [one.repository_name for one in news.new] == ["worker-new", "worker-too"]
    assert news.new_causes == 1
    assert [one.repository_name for one in news.still_failing] == ["worker-old"]
    assert [one.repository_name for one in news.fixed] == ["worker-fixed"]
    assert [(one.repository_name, one.status) for one in news.unknown] == [("worker-untold", ValidationStatus.ERROR)]
    assert news.new[0].title == "the build broke"
    assert news.unknown[0].title == "told so"
    assert (snapshot.repositories, snapshot.failing, snapshot.untold) == (6, 3, 1)
    said = sentence(snapshot)
    assert "2 newly broken by 1 cause, 1 fixed, 1 still broken, 1 flaky, 1 couldn't be told." in said
    document = snapshot_dict(snapshot, alerts_of(snapshot))
    check_document(document)
    assert document["sentence"] == said
    causes = causes_of_snapshot(settings, snapshot)
    text = snapshot_text(snapshot, alerts_of(snapshot), causes)
    assert said in text
    check_document(whole := snapshot_dict(snapshot, alerts_of(snapshot), causes))
    assert [len(cause["repositories"]) for cause in whole["causes"]] == [3, 1], "each cause once"
    for cause in whole["causes"]:
        assert cause["verdict_text"] in text
    assert "acme/worker-old: still broken for 48 hours, flaky: the build broke" in text
    assert "worker-well" not in text


def test_live_instances_killers_and_money(settings: Settings, past: Past, database: TestDatabase) -> None:
    night = past.run(budget=Decimal(1), ago=timedelta(minutes=12))
    living = past.launch(night, "worker-new", expires_in=timedelta(minutes=20))
    late = past.launch(night, "worker-too", expires_in=-timedelta(minutes=2))
    past.execute(
        "insert into budget_reservations (deployment, kind, run_id, validation_id, owner_kind, owner_id, day,"
        " reserved_usd) values (%(deployment)s, 'launch', %(run)s, %(id)s, 'validation', %(id)s,"
        " (now() at time zone 'UTC')::date, 0.85)",
        run=night.run_id,
        id=night.validations["worker-new"],
    )
    with transaction(database.writer_url) as connection:
        store.keep_pass(connection, settings.deployment, in_ec2=2, unknown_to_ledger=0, missing_in_ec2=0)
    snapshot = take_snapshot(settings, ask_airflow=False)
    one, other = snapshot.instances
    assert [one.instance_id, other.instance_id] == [living, late]
    assert one.cost_usd == pytest.approx(Decimal("0.1"), abs=Decimal("0.005"))
    assert one.deadline_at <= one.may_live_until < one.external_timer_at < one.guest_timer_at
    assert snapshot.money.used_usd == Decimal("0.85")
    assert snapshot.last_pass is not None
    assert snapshot.last_pass.agrees
    alerts = alerts_of(snapshot)
    assert [alert.code for alert in alerts] == [AlertCode.INSTANCE_OVERDUE, AlertCode.BUDGET_NEARLY_SPENT]
    document = snapshot_dict(snapshot, alerts)
    check_document(document)
    assert document["live_runs"][0]["run_id"] == str(night.run_id)
    text = snapshot_text(snapshot, alerts)
    assert f"✗ {late} is alive 2 min after its expiry" in text
    assert "ended by its run in 19m" in text
    assert "$0.85 of today's $1.00. 1 instance overdue." in text


def test_two_deployments_don_t_see_each_other(settings: Settings, past: Past) -> None:
    night = past.run()
    past.launch(night, "worker-new", expires_in=-timedelta(hours=1))
    other = settings.model_copy(update={"deployment": f"{settings.deployment}-other"})
    assert take_snapshot(other, ask_airflow=False).instances == []
    assert alerts_of(take_snapshot(other, ask_airflow=False)) == ()


def test_what_a_fortnight_makes_usual(settings: Settings, past: Past) -> None:
    for days, usd_hour in ((1, 6), (2, 12), (3, 600)):
        night = past.run(ago=timedelta(days=days))
        past.launch(night, "worker-new", expires_in=timedelta(minutes=20))
        past.execute(
            "update instances set intent_at = intent_at - %(ago)s, launched_at = launched_at - %(ago)s,"
            " state = 'terminated', termination_reason = 'finished', price_usd_hour = %(usd)s,"
            " ended_at = launched_at - %(ago)s + interval '10 minutes' where run_id = %(run)s",
            ago=timedelta(days=days),
            usd=usd_hour,
            run=night.run_id,
        )
    usual = take_snapshot(settings, ask_airflow=False).money.usual_usd
    assert usual == pytest.approx(Decimal(2), abs=Decimal("0.01"))


def test_a_database_that_doesn_t_answer_is_told_within_seconds(settings: Settings, database: TestDatabase) -> None:
    with psycopg.connect(database.owner_url, options=OPTIONS, row_factory=dict_row) as holding:
        holding.execute("lock table validation_runs in access exclusive mode")
        began = datetime.now(timezone.utc)
        with pytest.raises(DatabaseError):
            take_snapshot(settings, ask_airflow=False)
        assert datetime.now(timezone.utc) - began < timedelta(seconds=25)


def test_airflow_that_isn_t_there_is_a_problem_not_an_error(settings: Settings) -> None:
    assert take_snapshot(settings).airflow_problems is None, "without a login there is nobody to ask"
    snapshot = take_snapshot(
        settings.model_copy(update={**AWAY, "airflow_password": SecretStr(AWAY["airflow_password"])})
    )
    assert snapshot.airflow_problems
    assert AlertCode.AIRFLOW_UNHEALTHY in {one.code for one in alerts_of(snapshot)}


def test_the_command_prints_both_and_its_exit_code_says_how_bad_it_is(
    environment: dict[str, str], settings: Settings, past: Past
) -> None:
    night = past.run()
    past.launch(night, "worker-new", expires_in=-timedelta(minutes=2))
    environment = {**environment, **{f"JANITOR_{name.upper()}": value for name, value in AWAY.items()}}

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "janitor.cli.main", "dashboard", *words],
            env={**environment, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    shown, exported, schema = call(), call("--export"), call("--schema")
    assert shown.returncode == exported.returncode == 3, shown.stderr + exported.stderr
    document = json.loads(exported.stdout)
    check_document(document)
    assert {alert["code"] for alert in document["alerts"]} >= {"instance_overdue", "reaper_silent"}
    for alert in document["alerts"]:
        assert alert["message"] in shown.stdout
    assert schema.returncode == 0
    assert json.loads(schema.stdout) == json.loads(dashboard_schema())


def check_document(document: object) -> None:
    """As whoever reads it would."""
    jsonschema.Draft202012Validator.check_schema(json.loads(dashboard_schema()))
    jsonschema.Draft202012Validator(json.loads(dashboard_schema()), format_checker=jsonschema.FormatChecker()).validate(
        json.loads(json.dumps(document))
    )
