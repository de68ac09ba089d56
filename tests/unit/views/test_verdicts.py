"""The verdict in a task's log, and the note of a run."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from janitor.domain.result.history_views import ChangeView, CheckView, PlaceView
from janitor.domain.result.report_diff import Change, Outcome
from janitor.protocol.terms.proven import Note, ProofLevel
from janitor.protocol.terms.provenance import Machine, Warm
from janitor.protocol.terms.statuses import CheckStatus
from janitor.views.text.verdicts import failure_lines, grounds, run_note, verdict_lines
from tests.unit.cli.sample_views import START, after, ended, run_of

NEW = ChangeView(change=Change.NEW, outcome=Outcome.FAILED, since_at=START)


def check(name: str, status: str, reason: str | None = None, *, required: bool = True) -> CheckView:
    return CheckView(
        name=name,
        status=CheckStatus(status),
        required=required,
        reason_code=None if reason is None else "code",
        reason=reason,
        duration=timedelta(seconds=1.25),
    )


@pytest.mark.parametrize(
    ("ordinal", "warm", "said"),
    [
        (1, None, "On worker 3f2a0b1c, its 1st task"),
        (2, Warm(build_cache=True), "On worker 3f2a0b1c, its 2nd task, warm: build cache"),
        (13, Warm(base_images=1), "On worker 3f2a0b1c, its 13th task, warm: 1 image"),
        (24, Warm(base_images=2, build_cache=True), "On worker 3f2a0b1c, its 24th task, warm: 2 images, build cache"),
        (103, Warm(), "On worker 3f2a0b1c, its 103rd task, warm: nothing"),
    ],
)
def test_a_worker_of_the_pool_is_named_with_what_was_warm(ordinal: int, warm: Warm | None, said: str) -> None:
    machine = Machine(worker_id="3f2a0b1c-0000-4000-8000-000000000001", task_ordinal=ordinal, warm=warm)
    assert grounds(ended("a", "success", 1, 20, machine=machine), [], log_url=None)[1] == said
    alone = ended("a", "success", 1, 20, machine=Machine(instance_type="g5.xlarge"))
    assert not any("worker " in line for line in grounds(alone, [], log_url=None))


def test_the_verdict_has_everything_in_plain_lines() -> None:
    view = ended(
        "a",
        "failed",
        1,
        20,
        cost_usd=Decimal("0.03"),
        commit_sha="a" * 40,
        difference=NEW,
        failing_check="handler_local",
        summary="runpod-workers/a does not work: handler_local: the handler raised KeyError: 'large'\x1b[2J",
        signature_title="handler_local: KeyError: 'large'",
        place=PlaceView(file="handler.py", line=12),
    )
    checks = [
        check("checkout", "pass"),
        check("pins", "fail", "unpinned:\ntorch", required=False),
        check("handler_local", "fail", "the handler raised KeyError: 'large'"),
        check("handler_api", "skip", "a prerequisite failed"),
    ]
    assert grounds(view, checks, log_url="http://127.0.0.1:8080/janitor/logs/1") == [
        "Checks:",
        "  ✓ checkout          1.2 s",
        "  ✗ pins              1.2 s  fail, not required: unpinned: torch",
        "  ✗ handler_local     1.2 s  fail: the handler raised KeyError: 'large'",
        "  – handler_api       1.2 s  skip: a prerequisite failed",  # noqa: RUF001 - the mark
        "Instance: i-a",
        "Commit: aaaaaaa",
        "Cost: $0.03",
        "Log of the validator: http://127.0.0.1:8080/janitor/logs/1",
    ]
    said = ["runpod-workers/a: failed (1m20s) [new]", "Cause: handler.py:12: KeyError: 'large'"]
    assert verdict_lines(view, checks, after(5)) == said
    # Without a report no check says why at length.
    reason = "Reason: runpod-workers/a does not work: handler_local: the handler raised KeyError: 'large'"
    assert verdict_lines(view, [], after(5)) == [said[0], reason, said[1]]


def test_what_is_not_known_is_left_out() -> None:
    view = ended("a", "success", 1, instance_id=None)
    assert grounds(view, [], log_url=None) == []
    assert verdict_lines(view, [], after(5)) == ["runpod-workers/a: success (1m0s)"]


def test_a_run_s_failures_are_a_line_each_with_the_cause() -> None:
    run = run_of(
        ended("a", "failed", 1, difference=NEW, summary="boom", place=PlaceView(file="handler.py", line=2)),
        ended("b", "success", 1),
        ended("c", "error", 0, 7, summary="no answer"),
        ended("d", "cancelled", 0, execution_time=None),
        status="failed",
    )
    assert failure_lines(run) == [
        "a: failed (1m0s): handler.py:2: boom [new]",
        "c: error (7s): no answer",
        "d: cancelled: cancelled",
    ]


def test_the_note_of_a_run() -> None:
    fixed = ChangeView(change=Change.FIXED, outcome=Outcome.PASSED, since_at=START)
    run = run_of(
        ended("a", "failed", 1, difference=NEW),
        ended("b", "timed_out", 1, difference=NEW),
        ended("c", "success", 1, difference=fixed),
        status="failed",
        total_repositories=5,
        cost_usd=Decimal("0.13"),
    )
    assert run_note(run) == "1/5 successful, $0.13, 2 new, 1 fixed"
    assert run_note(run_of(ended("a", "success", 1), status="success")) == "1/1 successful"
    assert run_note(run_of(ended("a", "success", 1), status="cancelled")) == "1/1 successful, cancelled"


def test_how_far_it_was_proved_is_told_of_a_verdict_and_of_a_run():
    view = ended("a", "success", 1, proof_level=ProofLevel.IMAGE, note_count=1, notes=(Note(code="odd", text="x"),))
    less = ended("b", "success", 1, proof_level=ProofLevel.ENVIRONMENT)

    assert verdict_lines(view, [], after(5)) == ["runpod-workers/a: success (1m0s, image), 1 note"]
    assert grounds(view, [], log_url=None)[1:4] == [
        "Proof: image: its image was built and started, and its handler ran in it",
        "Notes:",
        "  odd: x",
    ]
    assert run_note(run_of(view, ended("c", "failed", 1), status="failed")) == "1/2 successful (image)"
    assert run_note(run_of(view, less, status="success")) == "2/2 successful (1 image, 1 environment)"
