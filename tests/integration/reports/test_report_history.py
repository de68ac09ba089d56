"""What a validation's end means for its repository, kept in a real database."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from janitor.cli.exit_codes import ExitCode
from janitor.domain.errors import DatabaseError
from janitor.domain.result.outcome import Conclusion
from janitor.domain.result.report_diff import Change, Outcome
from janitor.domain.states import ValidationStatus
from janitor.protocol.terms.statuses import CheckStatus
from janitor.services.report.history import keep_history
from janitor.settings import Settings
from janitor.stores import validations as store
from janitor.stores.database import transaction
from janitor.views.text.times import instant
from tests.support.reports import (
    History,
    check_of,
    conclusion_of,
    end_validation,
    report_of,
    reporting,
    trouble,
)
from tests.support.rows import insert_run

WORKS = reporting(check_of("build"), check_of("handler_local"))


def raising(message: str = "RuntimeError: boom", **fields: Any) -> Any:
    bad = check_of("handler_local", CheckStatus.FAIL, code="handler_raised", reason=f"the handler raised {message}")
    return reporting(check_of("build"), bad, **fields)


def no_cloud(*_: Any) -> Conclusion:
    return trouble("spot_interrupted", "AWS took the spot instance back before the validation ended")


def test_a_repository_breaks_stays_broken_and_is_mended(history: History) -> None:
    history.run(WORKS)
    first = history.latest()
    assert first.difference is not None
    assert (first.difference.change, first.signature, first.difference.checks) == (Change.FIRST, None, ())

    history.run(raising())
    broken = history.latest()
    assert broken.difference is not None
    assert broken.signature_title == "handler_local: RuntimeError: boom"
    assert (broken.difference.change, broken.difference.previous_run_id) == (Change.NEW, history.runs[0])
    assert [(check.check, check.change) for check in broken.difference.checks] == [("handler_local", Change.NEW)]

    history.run(no_cloud)
    unknown = history.latest()
    assert unknown.difference is not None
    assert (unknown.difference.change, unknown.difference.outcome) == (Change.INCONCLUSIVE, Outcome.FAILED)
    assert unknown.signature not in (None, broken.signature)

    history.run(raising())
    still = history.latest()
    assert still.difference is not None
    assert (still.difference.change, still.signature) == (Change.STILL_FAILING, broken.signature)
    assert (still.difference.since_at, still.difference.since_run_id) == (broken.finished_at, history.runs[1])
    assert not still.difference.cause_changed
    assert [(check.change, check.since_run_id) for check in still.difference.checks] == [
        (Change.STILL_FAILING, history.runs[1])
    ]

    history.run(raising("KeyError: 'prompt'"))
    other = history.latest()
    assert other.difference is not None
    assert other.difference.cause_changed
    assert (other.difference.since_run_id, other.difference.cause_since_run_id) == (history.runs[1], history.runs[4])

    history.run(WORKS)
    mended = history.latest()
    assert mended.difference is not None
    assert (mended.difference.change, mended.difference.since_run_id) == (Change.FIXED, history.runs[1])
    assert mended.difference.flaky  # all of it at one commit


def test_repositories_and_deployments_have_histories_of_their_own(history: History, settings: Settings) -> None:
    history.run(raising(), other=reporting(check_of("handler_local"), repository="acme/worker-b"))
    history.run(raising(), other=reporting(check_of("handler_local"), repository="acme/worker-b"))
    elsewhere = History(settings.model_copy(update={"deployment": f"{settings.deployment}-2"}))
    elsewhere.run(raising())
    there, here = elsewhere.latest(), history.latest()
    assert here.difference is not None
    assert there.difference is not None
    assert (here.difference.change, there.difference.change) == (Change.STILL_FAILING, Change.NEW)
    assert here.signature == there.signature


def test_a_report_without_a_signature_gets_one(history: History) -> None:
    history.run(raising())
    history.run(raising(with_signature=False))
    with transaction(history.settings.reader_url) as connection:
        rows = connection.execute(
            "select signature from repository_validations join validation_runs using (run_id)"
            " where deployment = %s and finished_at is not null",
            (history.settings.deployment,),
        ).fetchall()
    assert len({row["signature"] for row in rows}) == 1
    assert rows[0]["signature"] is not None


def test_the_history_of_before_is_made_up_for(history: History) -> None:
    old = [history.run(WORKS, keep=False), history.run(raising(with_signature=False), keep=False)]
    history.run(no_cloud, keep=False)
    history.run(raising())
    latest = history.latest()
    assert latest.difference is not None
    assert (latest.difference.change, latest.difference.since_run_id) == (Change.STILL_FAILING, history.runs[1])
    assert not latest.difference.cause_changed
    with transaction(history.settings.reader_url) as connection:
        row = connection.execute(
            "select signature from repository_validations where validation_id = %s", (old[1],)
        ).fetchone()
    assert row is not None
    assert row["signature"] == latest.signature


def test_a_success_that_is_not_confirmed_moves_nothing(history: History) -> None:
    history.run(raising())

    def unconfirmed(validation_id: Any, run_id: Any) -> Conclusion:
        report = report_of(validation_id, run_id, check_of("build"), check_of("handler_local"))
        return Conclusion(
            status=ValidationStatus.ERROR,
            reason_code="report_unconfirmed",
            summary="the report says success, but its validator ended with exit code 1 (Failed)",
            failing_check=None,
            timeout_enforced=False,
            report=report,
        )

    history.run(unconfirmed)
    latest = history.latest()
    assert latest.difference is not None
    assert (latest.difference.change, latest.difference.checks) == (Change.INCONCLUSIVE, ())
    assert latest.signature_title == ("the report says success, but its validator ended with exit code 1 (Failed)")


def test_what_a_person_stopped_has_no_signature(history: History) -> None:
    history.run(lambda *_: trouble("run_cancelled", "its run was stopped", ValidationStatus.CANCELLED))
    latest = history.latest()
    assert latest.signature is None
    assert latest.difference is not None
    assert latest.difference.change is Change.INCONCLUSIVE


def test_a_history_that_can_not_be_written_leaves_the_validation_open(history: History) -> None:
    """It is one transaction: neither is there without the other."""
    url = history.settings.writer_url
    run_id, (first, _) = insert_run(url, deployment=history.settings.deployment)
    conclusion = raising()(first, run_id)

    def end_in_a_hurry() -> None:
        with transaction(url) as connection:
            connection.execute("set local statement_timeout = 300")
            validation = store.get_validation(connection, first)
            assert store.finish_validation(connection, first, conclusion)
            keep_history(connection, validation, conclusion)

    with psycopg.connect(url) as blocker:
        blocker.execute(
            "insert into janitor.repository_standings (deployment, organization, repository_name)"
            " values (%s, 'acme', 'worker-a')",
            (history.settings.deployment,),
        )
        with pytest.raises(DatabaseError):
            end_in_a_hurry()
        blocker.rollback()
    with transaction(url) as connection:
        assert not store.get_validation(connection, first).status.is_final
    end_in_a_hurry()
    assert history.latest().signature is not None


def test_two_at_once_are_compared_one_after_the_other(history: History) -> None:
    url, deployment = history.settings.writer_url, history.settings.deployment
    planned = [insert_run(url, deployment=deployment) for _ in range(6)]

    def end(number: int) -> None:
        run_id, (first, _) = planned[number]
        end_validation(url, first, raising()(first, run_id))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(end, range(6)))
    with psycopg.connect(history.settings.reader_url, row_factory=dict_row) as connection:
        rows = connection.execute(
            "select d.* from janitor.report_differences d join janitor.repository_validations using (validation_id)"
            " join janitor.validation_runs using (run_id) where deployment = %s",
            (deployment,),
        ).fetchall()
    assert sorted(row["change"] for row in rows) == ["new", *["still_failing"] * 5]
    assert len({row["since_run_id"] for row in rows}) == 1
    # Each was compared with another one.
    assert len({row["previous_run_id"] for row in rows}) == 6


class TestCommands:
    def test_query_db(self, history: History, janitor: Any) -> None:
        history.run(WORKS)
        history.run(raising())
        since = history.latest().finished_at
        assert since is not None
        history.run(raising())
        code, out, _ = janitor("query-db", "worker-a")
        assert code == ExitCode.OK
        mark = f"still failing since {instant(since)}"
        lines = out.splitlines()
        assert f"Change: {mark} (run {history.runs[1]})" in lines
        assert f"Checks: handler_local {mark}" in lines
        assert any(line.startswith("Cause: handler_local: RuntimeError: boom [") for line in lines)
        assert lines[lines.index("Earlier:") - 2] == "Phases: checkout 0.5s, static 0.2s, build 1m0s, test 30s"
        assert lines[-2].endswith("[new]")

        _, out, _ = janitor("query-db", "worker-a", "--json")
        latest, broken, _ = json.loads(out)["validations"]
        assert latest["signature"] == broken["signature"]
        assert latest["cause"] == "handler_local: RuntimeError: boom"
        assert latest["difference"]["change"] == "still_failing"
        assert latest["difference"]["since"] == {"at": since.isoformat(), "run_id": str(history.runs[1])}
        assert [each["check"] for each in latest["difference"]["checks"]["still_failing"]] == ["handler_local"]
        assert broken["difference"]["previous"]["run_id"] == str(history.runs[0])
        assert latest["phases"]["build"] == {"seconds": 60.0, "usd": None}

    def test_query_db_of_what_was_fixed_and_is_flaky(self, history: History, janitor: Any) -> None:
        for end in (WORKS, raising(), WORKS):
            history.run(end)
        _, out, _ = janitor("query-db", "worker-a")
        assert f"(run {history.runs[1]})" in next(
            line for line in out.splitlines() if line.startswith("Change: fixed;")
        )
        assert "Flaky: " in out
        assert "Checks: handler_local fixed (flaky)" in out

    def test_query_parallel_run(self, history: History, janitor: Any) -> None:
        b = {"repository": "acme/worker-b"}
        history.run(raising(), other=reporting(check_of("handler_local"), **b))
        history.run(WORKS, other=reporting(check_of("build", CheckStatus.FAIL), **b))
        _, out, _ = janitor("query-parallel-run", str(history.runs[1]))
        assert "\n✓ worker-a: success" in out
        assert next(line for line in out.splitlines() if line.startswith("✓ worker-a")).endswith(" [fixed]")
        assert next(line for line in out.splitlines() if line.startswith("✗ worker-b")).endswith(" [new]")
        assert "\nChanges: 1 new, 1 fixed\nOverall Status: 1/2" in out
        _, out, _ = janitor("query-parallel-run", str(history.runs[1]), "--json")
        assert [each["difference"]["change"] for each in json.loads(out)["validations"]] == ["fixed", "new"]

    def test_failures(self, history: History, janitor: Any) -> None:
        code, out, _ = janitor("failures")
        assert (code, out) == (ExitCode.OK, "There is no run here yet; start one with `make run`.\n")
        image = "nvidia/cuda:11.0.3-base: not found"
        history.run(
            reporting(check_of("build", CheckStatus.FAIL, code="not_found", reason=f"in step [1/3] FROM x: {image}")),
            other=reporting(
                check_of("build", CheckStatus.FAIL, code="not_found", reason=f"in step [internal] load: {image}"),
                repository="acme/worker-b",
            ),
        )
        history.run(WORKS, other=no_cloud)
        code, out, _ = janitor("failures")
        assert code == ExitCode.OK
        lines = out.splitlines()
        assert lines[0].startswith("2 causes in the last 2 runs, since ")
        assert lines[0].endswith(", in 2 repositories")
        assert lines[3].startswith("✗ build: image not found: nvidia/cuda:11.0.3-base [")
        assert lines[3].endswith("in 2 repositories: acme/worker-a (fixed since), acme/worker-b (new)")
        assert lines[5] == "It could not be told:"
        assert lines[6].startswith("– error: AWS took the spot instance back before the validation ended [")  # noqa: RUF001  # as it is printed

        _, out, _ = janitor("failures", "--runs", "1", "--json")
        answer = json.loads(out)
        assert answer["runs"] == 1
        assert [each["status"] for each in answer["failures"]] == ["error"]
        history.run(WORKS, other=reporting(check_of("handler_local"), repository="acme/worker-b"))
        code, out, _ = janitor("failures", "--runs", "1")
        assert out.startswith("✓ nothing failed in the last run, since ")

    def test_failures_of_before(self, history: History, janitor: Any) -> None:
        history.run(raising(), other=raising(repository="acme/worker-b"), keep=False)
        _, out, _ = janitor("failures")
        assert out.splitlines()[-1] == "✗ handler_local: handler_raised in 2 repositories: acme/worker-a, acme/worker-b"
        _, out, _ = janitor("query-db", "worker-a", "--json")
        (only,) = json.loads(out)["validations"]
        assert (only["signature"], only["difference"]) == (None, None)

    def test_the_cluster_view_counts_repositories(self, history: History, settings: Settings) -> None:
        for _ in range(2):
            history.run(raising(), other=raising(repository="acme/worker-b"))
        with transaction(settings.reader_url) as connection:
            (row,) = connection.execute(
                "select * from failure_clusters where deployment = %s", (settings.deployment,)
            ).fetchall()
        assert (row["validations"], row["runs"], row["repositories"]) == (4, 2, 2)
        assert row["repository_names"] == ["acme/worker-a", "acme/worker-b"]
        assert row["title"] == "handler_local: RuntimeError: boom"


def test_phases_have_their_share_of_the_bill(history: History, settings: Settings) -> None:
    run_id, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    with transaction(settings.writer_url) as connection:
        row = connection.execute(
            "insert into instances (owner_kind, owner_id, validation_id, run_id, deployment, generation, client_token,"
            " tags, instance_id, instance_type, market, state, termination_reason, launched_at, ended_at, deadline_at,"
            " expires_at, price_usd_hour, volume_gib, volume_usd_gib_month) values ('validation', %s, %s, %s, %s, 1,"
            " gen_random_uuid(), '{}', 'i-' || gen_random_uuid(), 'g5.xlarge', 'on_demand', 'terminated', 'finished',"
            " '2026-01-01 12:00+00', '2026-01-01 12:10+00', '2026-01-01 12:30+00', '2026-01-01 12:30+00', 6, 0, 0)"
            " returning ledger_id",
            (first, first, run_id, settings.deployment),
        ).fetchone()
    assert row is not None
    conclusion = conclusion_of(report_of(first, run_id, check_of("handler_local"), phase_usd={"test": 0.25}))
    end_validation(settings.writer_url, first, conclusion, ledger_id=row["ledger_id"])
    phases = {phase.name: phase for phase in history.latest().phases}
    assert list(phases) == ["checkout", "static", "build", "test"]
    # Ten minutes at six dollars an hour are one dollar: a minute of them is ten cents.
    assert [float(phase.usd or 0) for phase in phases.values()] == pytest.approx(
        [0.000833, 0.000417, 0.1, 0.3], abs=1e-6
    )
