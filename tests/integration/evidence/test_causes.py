"""The evidence of causes as reports leave it in the rows: onsets, verdicts, money, lines of logs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from bench.fleet import DEPLOYMENT, Fleet, write_fleet
from janitor.domain.evidence.cause import Cause, CauseGroup, Causes
from janitor.domain.evidence.verdict import Answer, Verdict
from janitor.domain.result.outcome import Conclusion
from janitor.protocol.report import Check, Evidence
from janitor.protocol.terms.provenance import BaseImage, Packages, Provenance, ResolvedBy
from janitor.protocol.terms.statuses import CheckStatus, EvidenceKind
from janitor.services.evidence.causes import MOST_CAUSES, causes_of
from janitor.settings import Settings
from janitor.stores.costs import keep_costs
from janitor.stores.database import transaction
from janitor.stores.queries import named_queries
from janitor.views.evidence import causes_dicts
from janitor.views.text.evidence import cause_lines
from tests.support.postgres import TestDatabase
from tests.support.reports import History, check_of, reporting, trouble

OLD, NEW = "a" * 40, "b" * 40
OPTIONS = "-c search_path=janitor,pg_catalog -c timezone=UTC"
End = Callable[[UUID, UUID], Conclusion]


@pytest.fixture
def history(settings: Settings) -> History:
    """Of this test's deployment."""
    return History(settings)


def built_on(digest: str, torch: str = "2.1.0") -> Provenance:
    """What a validation was made of."""
    return Provenance(
        base_images=(
            BaseImage(
                reference="python:3.11", stage="0", digest=f"sha256:{digest * 64}", resolved_by=ResolvedBy.REGISTRY
            ),
        ),
        packages=Packages(python="3.11.4", versions={"torch": torch, "runpod": "1.7.0"}),
    )


def good(commit: str = OLD, digest: str = "1", **others: Any) -> End:
    return reporting(check_of("handler_local"), commit=commit, provenance=built_on(digest), **others)


def bad(commit: str = OLD, digest: str = "1", reason: str = "KeyError: 'large'", **others: Any) -> End:
    return reporting(failing(reason), commit=commit, provenance=built_on(digest), **others)


def failing(reason: str, tail: str = "") -> Check:
    """The check that decides."""
    said = tail or f"loading\nready\n{reason}\ndone"
    evidence = Evidence(
        kind=EvidenceKind.LOG,
        name="worker log",
        sha256=sha256(said.encode()).hexdigest(),
        size_bytes=len(said),
        tail=said,
    )
    return replace(check_of("handler_local", CheckStatus.FAIL, reason=reason), evidence=(evidence,))


def causes_now(history: History) -> Causes:
    """Of the last run."""
    return causes_of(history.settings, history.runs[-1])


def only(history: History) -> Cause:
    (cause,) = causes_now(history).causes
    return cause


def test_a_new_commit_and_nothing_else(history: History) -> None:
    history.run(good())
    history.run(good())
    history.run(bad(NEW))
    cause = only(history)
    one = cause.example
    assert cause.verdict is Verdict.REAL
    assert cause.group is CauseGroup.NEW
    assert one.repository == "acme/worker-a"
    assert one.last_good is not None
    assert one.first_bad is not None
    assert (one.last_good.run_id, one.first_bad.run_id) == (history.runs[1], history.runs[2])
    assert (one.last_good.commit_sha, one.first_bad.commit_sha) == (OLD, NEW)
    assert [image.digest for image in one.images] == [f"sha256:{'1' * 64}"]
    assert cause.log is not None
    assert cause.log.lines == ["loading", "ready", "KeyError: 'large'", "done"]
    assert cause.log.telling == 2


def test_a_base_image_that_moved_under_an_unchanged_commit(history: History) -> None:
    history.run(good())
    history.run(bad(digest="2"))
    history.run(bad(digest="2"))
    cause = only(history)
    assert cause.verdict is Verdict.WORLD
    assert cause.group is CauseGroup.STILL_FAILING
    assert cause.example.first_bad is not None
    assert cause.example.first_bad.run_id == history.runs[1]
    assert cause.spent.runs == 2
    assert "base image python:3.11 111111111111 → 222222222222" in "\n".join(cause_lines(cause, "local"))


def test_a_verdict_that_turns_over_at_one_commit(history: History) -> None:
    for end in (good, bad, good, bad):
        history.run(end())
    assert only(history).verdict is Verdict.FLAKY


def test_nothing_is_blamed_without_data(history: History) -> None:
    history.run(bad())
    assert only(history).verdict is Verdict.UNKNOWN
    assert only(history).example.last_good is None
    history.run(good())
    history.run(reporting(failing("KeyError: 'large'"), commit=NEW))  # its report tells of no images, no packages
    findings = only(history).example.findings
    assert findings.another_commit is Answer.YES
    assert findings.outside_changed is Answer.UNKNOWN
    assert only(history).verdict is Verdict.UNKNOWN


def test_another_cause_begins_anew(history: History) -> None:
    """It fails since the first run, for the present cause since the third, and the last good one is older than both."""
    history.run(good())
    history.run(bad(digest="2"))
    history.run(bad(NEW, digest="2", reason="ValueError: not the same"))
    one = only(history).example
    assert one.first_bad is not None
    assert one.compared_with is not None
    assert one.last_good is not None
    assert [each.run_id for each in (one.last_good, one.compared_with, one.first_bad)] == history.runs
    assert only(history).verdict is Verdict.REAL
    assert only(history).spent.runs == 1
    assert only(history).example.is_new


def test_what_could_not_be_told_blames_nobody(history: History) -> None:
    history.run(good())
    history.run(lambda *_: trouble("instance_lost", "the instance was lost"))
    cause = only(history)
    assert cause.group is CauseGroup.UNTOLD
    assert cause.verdict is Verdict.UNKNOWN
    assert cause.example.first_bad is None


def test_one_cause_of_two_repositories(history: History) -> None:
    """Both broke with one moved image; one of them has another commit as well, which is beside the point."""
    history.run(good(), other=good(repository="acme/worker-b"))
    history.run(bad(digest="2"), other=bad(NEW, digest="2", repository="acme/worker-b"))
    cause = only(history)
    assert [one.repository for one in cause.repositories] == ["acme/worker-a", "acme/worker-b"]
    assert [one.verdict for one in cause.repositories] == [Verdict.WORLD, Verdict.UNKNOWN]
    assert cause.verdict is Verdict.WORLD


def test_what_it_cost_since_it_began(history: History, database: TestDatabase) -> None:
    """The nights before it, another repository's, and another cause's don't count."""
    ends = [good(), bad(reason="OSError: no"), bad(), bad(), bad()]
    for end in ends:
        launch(database, history.settings, history.run(end), usd_hour=Decimal("1.20"))
    spent = only(history).spent
    assert spent.runs == 3
    assert spent.usd == pytest.approx(Decimal("0.60"), abs=Decimal("0.001"))
    assert spent.is_whole
    launch(database, history.settings, history.run(bad()), usd_hour=None)
    assert not only(history).spent.is_whole
    assert only(history).spent.runs == 4


def launch(database: TestDatabase, settings: Settings, validation_id: UUID, *, usd_hour: Decimal | None) -> None:
    """An instance of ten minutes for a validation."""
    began = datetime.now(timezone.utc) - timedelta(minutes=30)
    with psycopg.connect(database.owner_url, options=OPTIONS) as connection:
        connection.execute(
            "insert into instances (owner_kind, owner_id, validation_id, run_id, deployment, generation, client_token,"
            " tags, instance_id, instance_type, market, state, termination_reason, intent_at, launched_at, ended_at,"
            " deadline_at, expires_at, price_usd_hour, volume_gib, volume_usd_gib_month)"
            " select 'validation', validation_id, validation_id, run_id, %(deployment)s, 1, %(token)s, '{}',"
            " %(instance)s, 'g5.xlarge', 'spot', 'terminated', 'finished', %(began)s, %(began)s, %(ended)s, %(ended)s,"
            " %(ended)s, %(usd)s, 0, 0.08 from repository_validations where validation_id = %(id)s",
            {
                "deployment": settings.deployment,
                "token": uuid4().hex,
                "instance": f"i-{uuid4().hex[:17]}",
                "began": began,
                "ended": began + timedelta(minutes=10),
                "usd": usd_hour,
                "id": validation_id,
            },
        )


def test_a_strangers_text_stays_text(history: History) -> None:
    history.run(good())
    history.run(
        reporting(failing("\x1b[2Jboom <script>alert(1)</script>", "\x1b[2Jboom <script>alert(1)</script>"), commit=NEW)
    )
    (document,) = causes_dicts(causes_now(history), "local")
    assert document["log"]["lines"] == ["boom <script>alert(1)</script>"]
    assert "\x1b" not in "\n".join(cause_lines(only(history), "local"))


def test_a_fleet_of_many_nights(database: TestDatabase, settings: Settings) -> None:
    """Every question of it goes by an index, and what is told of is bounded."""
    write_fleet(database.owner_url, Fleet(repositories=60, runs=40))
    fleet = settings.model_copy(update={"deployment": DEPLOYMENT})
    with transaction(database.writer_url) as connection:
        assert keep_costs(connection, DEPLOYMENT, count=10_000)
    with transaction(database.owner_url) as connection:
        connection.execute("analyze instance_cost_facts")
    with transaction(database.owner_url) as connection:
        run_id = connection.execute(
            "select run_id from validation_runs where deployment = %s order by started_at desc limit 1", (DEPLOYMENT,)
        ).fetchone()["run_id"]
    found = causes_of(fleet, run_id)
    assert 0 < len(found.causes) <= MOST_CAUSES
    assert all(cause.spent.usd for cause in found.causes)
    with transaction(database.reader_url) as connection:
        for query, values in (
            ("cause_rows", {"run_id": run_id}),
            (
                "spent_on_causes",
                {
                    "deployment": DEPLOYMENT,
                    "organizations": ["acme"],
                    "names": ["worker-0001"],
                    "signatures": [found.causes[0].signature],
                    "since": [datetime.now(timezone.utc) - timedelta(days=20)],
                    "until": datetime.now(timezone.utc),
                },
            ),
        ):
            plan = explained(connection, query, values)
            for table in ("repository_validations", "instances", "validation_reports", "instance_cost_facts"):
                assert f"Seq Scan on {table}" not in plan, f"{query} reads all of {table}:\n{plan}"


def explained(connection: Any, query: str, values: dict[str, Any]) -> str:
    """How Postgres would answer one of the named queries."""
    statement = getattr(named_queries(), query).sql
    lines = connection.execute(f"explain {statement}", values).fetchall()
    return "\n".join(line["QUERY PLAN"] for line in lines)
