"""What changed, in words and for scripts: the lines of `query-db`, `query-parallel-run` and `failures`."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from janitor.cli.render.runs.failures import failures_text
from janitor.cli.render.runs.history import history_text, validation_text
from janitor.cli.render.runs.runs import result_line, run_text
from janitor.domain.result.history_views import (
    ChangeView,
    CheckChangeView,
    FailureCluster,
    FailureOccurrence,
    FailureReport,
    PhaseView,
)
from janitor.domain.result.report_diff import Change, Outcome
from janitor.domain.states import ValidationStatus
from janitor.protocol.terms.proven import ProofLevel
from janitor.views.failures import failures_dict
from janitor.views.runs import run_dict
from janitor.views.text.differences import change_tag
from tests.unit.cli.sample_views import START, after, ended, run_of

EARLIER = UUID("11111111-1111-4111-8111-111111111111")
SINCE = "2024-01-15 13:30:00 UTC (run 11111111-1111-4111-8111-111111111111)"
BEFORE = after(-60)


def change(kind: Change, outcome: Outcome | None = Outcome.FAILED, **fields: object) -> ChangeView:
    known = {"since_at": BEFORE, "since_run_id": EARLIER, "previous_at": BEFORE, "previous_run_id": EARLIER}
    return ChangeView(change=kind, outcome=outcome, **(known | fields))  # type: ignore[arg-type]  # named by the caller


WORDS = [
    (change(Change.NEW), f"newly broken; it last passed {SINCE}", " [new]"),
    (change(Change.NEW, previous_at=None), "broken in its first conclusive validation", " [new]"),
    (change(Change.FIXED, Outcome.PASSED), f"fixed; it had failed since {SINCE}", " [fixed]"),
    (
        change(Change.STILL_FAILING),
        f"still failing since {SINCE}",
        " [still failing since 2024-01-15 13:30:00 UTC]",
    ),
    (
        change(Change.STILL_FAILING, cause_changed=True),
        f"still failing since {SINCE}; now for another cause",
        " [still failing since 2024-01-15 13:30:00 UTC, now for another cause]",
    ),
    (
        change(Change.STILL_FAILING, since_at=after(-90), cause_since_at=BEFORE, cause_since_run_id=EARLIER),
        f"still failing since {SINCE.replace('13:30', '13:00')}; for this cause since {SINCE}",
        " [still failing since 2024-01-15 13:00:00 UTC]",
    ),
    (
        change(Change.INCONCLUSIVE),
        f"not known by this one; it fails since {SINCE}",
        " [failing since 2024-01-15 13:30:00 UTC]",
    ),
    (change(Change.INCONCLUSIVE, Outcome.PASSED), f"not known by this one; it last passed {SINCE}", ""),
    (change(Change.INCONCLUSIVE, None), None, ""),
    (change(Change.SAME, Outcome.PASSED), None, ""),
    (change(Change.FIRST, Outcome.PASSED), None, ""),
    (None, None, ""),
]


@pytest.mark.parametrize(("difference", "said", "tag"), WORDS)
def test_a_change_in_words(difference, said, tag):
    view = ended("worker-basic", "failed", 1, summary="boom", difference=difference)
    lines = [line for line in validation_text(view, after(60)).splitlines() if line.startswith("Change: ")]
    assert lines == ([f"Change: {said}"] if said else [])
    assert change_tag(difference) == tag
    assert result_line(view, after(60)) == f"✗ worker-basic: failed (1m0s){tag}"


IMAGE, ENVIRONMENT = ProofLevel.IMAGE, ProofLevel.ENVIRONMENT
ACROSS = "proved by environment this time, by image before"
ACROSS_LEVELS = [
    (
        change(Change.FIXED, Outcome.PASSED, level=ENVIRONMENT, previous_level=IMAGE),
        f"fixed as far as less proof shows; it had failed since {SINCE}; {ACROSS}",
        f" [fixed as far as less proof shows; {ACROSS}]",
    ),
    (
        change(Change.FIXED, Outcome.PASSED, level=IMAGE, previous_level=ENVIRONMENT),
        f"fixed; it had failed since {SINCE}; proved by image this time, by environment before",
        " [fixed; proved by image this time, by environment before]",
    ),
    (
        change(Change.NEW, level=ENVIRONMENT, previous_level=IMAGE),
        f"newly broken; it last passed {SINCE}; {ACROSS}",
        f" [new; {ACROSS}]",
    ),
    (
        change(Change.SAME, Outcome.PASSED, level=ENVIRONMENT, previous_level=IMAGE),
        f"passes as before; {ACROSS}",
        f" [{ACROSS}]",
    ),
    (
        change(Change.STILL_FAILING, level=ENVIRONMENT, previous_level=IMAGE),
        f"still failing since {SINCE}; {ACROSS}",
        f" [still failing since 2024-01-15 13:30:00 UTC; {ACROSS}]",
    ),
    # Of what is the same at every level, and of what isn't known, nothing is said.
    (
        change(Change.FIXED, Outcome.PASSED, level=ENVIRONMENT, previous_level=None),
        f"fixed; it had failed since {SINCE}",
        " [fixed]",
    ),
    (change(Change.NEW, level=IMAGE, previous_level=IMAGE), f"newly broken; it last passed {SINCE}", " [new]"),
]


@pytest.mark.parametrize(("difference", "said", "tag"), ACROSS_LEVELS)
def test_a_change_across_levels_says_so(difference, said, tag):
    test_a_change_in_words(difference, said, tag)


def test_changes_across_levels_are_counted_apart_and_told_of_each_check():
    mended = change(
        Change.FIXED,
        Outcome.PASSED,
        level=ENVIRONMENT,
        previous_level=IMAGE,
        checks=(
            CheckChangeView(
                check="build",
                change=Change.FIXED,
                since_at=BEFORE,
                since_run_id=EARLIER,
                flaky=True,
                level=ENVIRONMENT,
                previous_level=IMAGE,
            ),
        ),
    )
    view = ended("a", "success", 1, difference=mended)
    other = ended("b", "success", 1, difference=change(Change.FIXED, Outcome.PASSED))
    run = run_of(view, other, status="success", completed_at=after(2))

    assert "\nChanges: 1 fixed, 1 fixed by another level of proof\n" in run_text(run, after(60))
    assert f"\nChecks: build fixed ({ACROSS}, flaky)\n" in validation_text(view, after(60))
    told = run_dict(run, after(60))["validations"][0]["difference"]
    assert (told["proof_level"], told["previous_proof_level"]) == ("environment", "image")
    assert told["checks"]["fixed"][0]["previous_proof_level"] == "image"


def test_query_db_of_a_failure_that_goes_on():
    checks = (
        CheckChangeView(check="build", change=Change.FIXED, since_at=BEFORE, since_run_id=EARLIER),
        CheckChangeView(check="handler_local", change=Change.NEW, since_at=START, since_run_id=EARLIER, flaky=True),
        CheckChangeView(check="log_scan", change=Change.STILL_FAILING, since_at=BEFORE, since_run_id=EARLIER),
    )
    view = ended(
        "worker-basic",
        "failed",
        4,
        32,
        failing_check="handler_local",
        summary="the handler raised RuntimeError: boom",
        difference=change(Change.STILL_FAILING, flaky=True, checks=checks),
        signature="0123456789abcdef",
        signature_title="handler_local: RuntimeError:\n boom",
        build_succeeded=True,
        cost_usd=Decimal("0.08"),
        phases=(
            PhaseView(name="checkout", duration=timedelta(seconds=0.5), usd=None),
            PhaseView(name="build", duration=timedelta(seconds=243), usd=Decimal("0.07")),
            PhaseView(name="test", duration=timedelta(seconds=9), usd=Decimal(0)),
        ),
    )
    assert history_text([view, ended("worker-basic", "success", 1)], after(60)).splitlines()[3:] == [
        "Status: failed",
        "Reason: handler_local: the handler raised RuntimeError: boom",
        f"Change: still failing since {SINCE}",
        "Flaky: its verdict turned over again and again in its last validations",
        "Checks: build fixed; handler_local new (flaky); log_scan still failing since 2024-01-15 13:30:00 UTC",
        "Cause: handler_local: RuntimeError: boom [0123456789abcdef]",
        "Instance: i-worker-basic",
        "Execution Time: 4 minutes 32 seconds",
        "Build: ✓ succeeded",
        "Container: – not reached",  # noqa: RUF001  # as it is printed
        "GPU Available: – not reached",  # noqa: RUF001  # as it is printed
        "Cost: $0.08",
        "Phases: checkout 0.5s, build 4m3s $0.07, test 9.0s",
        "",
        "Earlier:",
        f"✓ 2024-01-15 14:31:00 UTC success (1m0s) run {view.run_id}",
    ]


def test_a_run_sums_its_changes_up():
    run = run_of(
        ended("a", "failed", 1, difference=change(Change.NEW)),
        ended("b", "failed", 1, difference=change(Change.STILL_FAILING)),
        ended("c", "success", 1, difference=change(Change.FIXED, Outcome.PASSED)),
        ended("d", "success", 1, difference=change(Change.SAME, Outcome.PASSED)),
        status="failed",
        completed_at=after(2),
    )
    assert run_text(run, after(60)).endswith(
        "\n\nChanges: 1 new, 1 fixed, 1 still failing\nOverall Status: 2/4 repositories successful"
    )
    first, *_, last = run_dict(run, after(60))["validations"]
    assert first["difference"] == {
        "change": "new",
        "stands": "failed",
        "since": {"at": "2024-01-15T13:30:00+00:00", "run_id": str(EARLIER)},
        "previous": {"at": "2024-01-15T13:30:00+00:00", "run_id": str(EARLIER)},
        "cause_changed": False,
        "cause_since": None,
        "flaky": False,
        "proof_level": None,
        "previous_proof_level": None,
        "changes": None,
        "broken_with": None,
        "checks": {"new": [], "fixed": [], "still_failing": []},
    }
    assert (last["difference"]["change"], last["phases"], last["signature"]) == ("same", {}, None)


def test_a_validation_without_a_difference_says_nothing_of_it():
    text = validation_text(ended("a", "success", 1), after(60))
    assert not [word for word in ("Change", "Checks", "Cause", "Flaky", "Phases") if f"{word}:" in text]


def occurrence(name: str, **fields: object) -> FailureOccurrence:
    known = {
        "organization": "acme",
        "repository_name": name,
        "run_id": EARLIER,
        "validation_id": EARLIER,
        "finished_at": START,
        "change": None,
        "since_at": None,
        "times": 1,
        "fixed_since": False,
    }
    return FailureOccurrence(**(known | fields))  # type: ignore[arg-type]  # named by the caller


def cluster(
    title: str, status: str, *occurrences: FailureOccurrence, signature: str | None = "0" * 16
) -> FailureCluster:
    return FailureCluster(
        signature=signature,
        status=ValidationStatus(status),
        check="build",
        reason_code="not_found",
        title=title,
        first_seen_at=BEFORE,
        last_seen_at=START,
        occurrences=occurrences,
    )


def test_failures_by_cause():
    report = FailureReport(
        runs=3,
        since=BEFORE,
        clusters=(
            cluster(
                "build: image not found: nvidia/cuda:11.0",
                "failed",
                occurrence("a", change=Change.NEW),
                occurrence("b", change=Change.STILL_FAILING, since_at=BEFORE, times=3),
                occurrence("c", change=Change.NEW, fixed_since=True),
            ),
            cluster("quota", "error", occurrence("a"), signature=None),
        ),
    )
    assert failures_text(report) == (
        "2 causes in the last 3 runs, since 2024-01-15 13:30:00 UTC, in 3 repositories\n"
        "\n"
        "The repositories are at fault:\n"
        "✗ build: image not found: nvidia/cuda:11.0 [0000000000000000] in 3 repositories:"
        " acme/a (new), acme/b (since 2024-01-15 13:30:00 UTC, 3 times), acme/c (fixed since)\n"
        "\n"
        "It could not be told:\n"
        "– error: quota in 1 repository: acme/a"  # noqa: RUF001  # as it is printed
    )
    first, second = failures_dict(report)["failures"]
    assert [each["repository"] for each in first["repositories"]] == ["acme/a", "acme/b", "acme/c"]
    assert first["repositories"][1]["failing_since"] == "2024-01-15T13:30:00+00:00"
    assert (second["signature"], second["status"]) == (None, "error")


def test_no_failures():
    assert failures_text(FailureReport(runs=0, since=None, clusters=())).startswith("There is no run here yet")
    assert failures_text(FailureReport(runs=1, since=START, clusters=())) == (
        "✓ nothing failed in the last run, since 2024-01-15 14:30:00 UTC"
    )
