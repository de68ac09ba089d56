"""The printed answers about runs, word for word as they were asked for."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from janitor.cli.render.names import shown_names
from janitor.cli.render.runs.history import history_text
from janitor.cli.render.runs.run_list import runs_text
from janitor.cli.render.runs.runs import (
    advice_text,
    dollars,
    launched_line,
    launching_line,
    progress_line,
    result_line,
    results_text,
    run_text,
    running_text,
    status_line,
)
from janitor.domain.views import RunSummary
from janitor.protocol.terms.proven import ProofLevel, Unproven, UnprovenKind
from janitor.views.document import as_json
from janitor.views.runs import run_dict
from janitor.views.text.times import compactly, exactly, instant, roughly
from janitor.views.text.verdicts import run_note
from janitor.views.verdict import verdict_text
from tests.unit.cli.sample_views import RUN_ID, START, after, ended, run_of, validation


def test_query_parallel_run():
    run = run_of(
        ended("worker-basic", "success", 4, 32),
        ended("worker-sdxl", "success", 18, 45),
        ended("worker-faster_whisper", "success", 16, 22),
        status="success",
        completed_at=START + timedelta(minutes=22, seconds=15),
    )

    assert run_text(run, after(60)) == (
        "Run ID: 550e8400-e29b-41d4-a716-446655440000\n"
        "Configuration: infra/workers-config.yaml\n"
        "Started: 2024-01-15 14:30:00 UTC\n"
        "Completed: 2024-01-15 14:52:15 UTC\n"
        "Total Duration: 22 minutes 15 seconds\n"
        "Timeout: 30 minutes (not enforced)\n"
        "\n"
        "Results:\n"
        "✓ worker-basic: success (4m32s)\n"
        "✓ worker-sdxl: success (18m45s)\n"
        "✓ worker-faster_whisper: success (16m22s)\n"
        "\n"
        "Overall Status: 3/3 repositories successful"
    )


def test_query_parallel_run_of_a_bad_run():
    run = run_of(
        ended(
            "worker-basic",
            "failed",
            1,
            2,
            failing_check="handler_local",
            summary="the handler\nraised \x1b[31mKeyError\x1b[0m",
        ),
        ended("worker-sdxl", "timed_out", 30, 0, timeout_enforced=True, summary="cut short in build"),
        validation("worker-odd", "cancelled", instance_id=None, started_at=None, launched_at=None),
        status="failed",
        timeout_enforced=True,
        total_repositories=4,
        completed_at=after(32),
        cost_usd=Decimal("1.234"),
    )

    text = run_text(run, after(60))

    assert "Timeout: 30 minutes (enforced)\nCost: $1.23\n" in text
    assert text.endswith(
        "Results:\n"
        "✗ worker-basic: failed (1m2s)\n"
        "✗ worker-sdxl: timed out (30m0s)\n"
        "✗ worker-odd: cancelled\n"
        "✗ 1 of 4 repositories have no result\n"
        "\n"
        "Why:\n"
        "✗ the handler raised KeyError (make logs REPO=worker-basic)\n"
        "✗ cut short in build (make logs REPO=worker-sdxl)\n"
        "✗ cancelled (make query-db REPO=worker-odd)\n"
        "\n"
        "Overall Status: 0/4 repositories successful"
    )


def test_query_parallel_run_while_it_runs():
    run = run_of(ended("worker-basic", "success", 4), validation("worker-sdxl", "running"))

    text = run_text(run, after(5.5))

    assert "Completed: not yet\nTotal Duration: 5 minutes 30 seconds so far\n" in text
    assert "⏳ worker-sdxl: running (5m30s)\n" in text
    assert text.endswith("Overall Status: 1/2 repositories successful (running)")


def test_check_parallel_status():
    run = run_of(
        ended("worker-basic", "success", 10),
        validation("worker-sdxl", "running", deadline_at=after(33)),
        validation("worker-faster_whisper", "running", deadline_at=after(33)),
    )

    assert running_text([run], after(15)) == (
        "Parallel Run: 550e8400-e29b-41d4-a716-446655440000\n"
        "Started: 2024-01-15 14:30:00 UTC\n"
        "Timeout: 30 minutes (18 minutes remaining)\n"
        "\n"
        "worker-basic: ✓ completed (5 minutes ago)\n"
        "worker-sdxl: ⏳ running (15 minutes elapsed)\n"
        "worker-faster_whisper: ⏳ running (15 minutes elapsed)"
    )


def test_check_parallel_status_of_what_waits_and_what_failed():
    run = run_of(
        ended("a", "failed", 1),
        validation("b", "queued"),
        validation("c", "launching", started_at=after(2)),
        validation("d", "queued", started_at=None),
    )

    assert running_text([run], after(2.5)).splitlines()[4:] == [
        "a: ✗ failed (1 minute ago)",
        "b: ⏳ queued (2 minutes elapsed)",
        "c: ⏳ launching (30 seconds elapsed)",
        "d: ⏳ queued",
    ]


def test_check_parallel_status_with_no_run_and_with_two():
    run = run_of(validation("a", "running"))

    assert running_text([], START) == "No parallel run is active."
    assert running_text([run, run], START).count("Parallel Run: ") == 2


def test_lines_of_a_start():
    assert launching_line(3) == "Launching parallel validation for 3 repositories..."
    assert launching_line(1) == "Launching parallel validation for 1 repository..."
    assert (
        launched_line(validation("worker-basic", "running", instance_id="i-1234567890abcdef0"))
        == "✓ worker-basic: Instance i-1234567890abcdef0 launched"
    )
    assert advice_text(timedelta(minutes=30), "dev") == (
        "Timeout: 30 minutes\n"
        "Use 'make check-parallel-status ENV=dev' to monitor progress\n"
        "Use 'make kill-all-workers ENV=dev' for emergency termination"
    )


def test_progress_line():
    run = run_of(ended("a", "failed", 1), validation("b", "running"), validation("c", "queued"))

    assert progress_line(run, after(5)) == "⏳ 1 running, 1 queued, 1 finished (5m0s elapsed, 25m0s remaining)"
    assert progress_line(run_of(total_repositories=2), after(5)).startswith("⏳ planning (5m0s elapsed, 25m0s")
    assert progress_line(run_of(ended("a", "failed", 1)), after(5)) == "⏳ 1 finished (5m0s elapsed)"


def test_a_result_names_its_cost_where_it_is_known():
    view = ended("a", "success", 4, 32, cost_usd=Decimal("0.0762"))
    assert result_line(view, after(60)) == "✓ a: success (4m32s, $0.08)"


def test_json_of_a_run():
    run = run_of(
        ended("a", "success", 4, 32, cost_usd=Decimal("0.08"), gpu_available=True),
        validation("b", "running"),
        trigger="schedule",
    )

    answer = json.loads(as_json(run_dict(run, after(10))))

    assert answer["run_id"] == str(RUN_ID)
    assert (answer["status"], answer["started_at"], answer["completed_at"]) == (
        "running",
        "2024-01-15T14:30:00+00:00",
        None,
    )
    assert (answer["timeout_seconds"], answer["remaining_seconds"], answer["duration_seconds"]) == (1800, 1200, 600)
    first, second = answer["validations"]
    assert (first["repository"], first["status"], first["execution_seconds"]) == ("a", "success", 272)
    assert (first["gpu_available"], first["cuda_detected"], first["cost_usd"]) == (True, None, "0.08")
    assert second["execution_seconds"] == 600


@pytest.mark.parametrize(
    ("seconds", "exact", "rough", "compact"),
    [
        (0, "0 seconds", "0 seconds", "0s"),
        (-5, "0 seconds", "0 seconds", "0s"),
        (1, "1 second", "1 second", "1s"),
        (59.9, "59 seconds", "59 seconds", "59s"),
        (60, "1 minute", "1 minute", "1m0s"),
        (272, "4 minutes 32 seconds", "4 minutes", "4m32s"),
        (1800, "30 minutes", "30 minutes", "30m0s"),
        (3725, "1 hour 2 minutes 5 seconds", "1 hour 2 minutes", "1h2m5s"),
        (172800, "48 hours", "48 hours", "48h0m0s"),
    ],
)
def test_durations_in_words(seconds, exact, rough, compact):
    duration = timedelta(seconds=seconds)
    assert (exactly(duration), roughly(duration), compactly(duration)) == (exact, rough, compact)


def test_instants_are_shown_in_utc():
    from datetime import timezone

    at = START.astimezone(timezone(timedelta(hours=9)))
    assert instant(at) == "2024-01-15 14:30:00 UTC"


@pytest.mark.parametrize(("amount", "text"), [("0", "$0.00"), ("12.345", "$12.34"), ("0.0042", "$0.0042")])
def test_money(amount, text):
    assert dollars(Decimal(amount)) == text


def test_equal_names_of_different_organizations_can_be_told_apart():
    theirs = {"organization": "acme", "validation_id": UUID(int=7)}
    run = run_of(
        ended("worker-basic", "success", 4),
        validation("worker-basic", "running", **theirs),
        validation("worker-sdxl", "running"),
    )
    assert "✓ runpod-workers/worker-basic: success (4m0s)\n⏳ acme/worker-basic: running" in run_text(run, after(5))
    assert "⏳ worker-sdxl: running" in run_text(run, after(5))
    assert "acme/worker-basic: ⏳ running" in running_text([run], after(5))
    assert launched_line(run.validations[1], shown_names(run.validations)[UUID(int=7)]) == (
        "✓ acme/worker-basic: Instance i-worker-basic launched"
    )


def test_names_of_one_repository_stay_short():
    """Two refs of one repository aren't told apart by its organization."""
    run = run_of(validation("a", "running"), validation("a", "queued", validation_id=UUID(int=7)))
    assert set(shown_names(run.validations).values()) == {"a"}


def test_what_waits_for_a_place_is_never_told_that_no_time_remains():
    """The run's own limit has passed, and three still wait for one place."""
    running = validation("a", "running", launched_at=after(20), deadline_at=after(50))
    queued = [validation(name, "queued") for name in "bcd"]
    run = run_of(running, *queued)
    assert progress_line(run, after(45)) == "⏳ 1 running, 3 queued (45m0s elapsed, 1h35m0s remaining)"
    assert progress_line(run_of(*queued), after(45)) == "⏳ 3 queued (45m0s elapsed)"
    assert run_of(*queued).remaining(after(45)) is None


def test_a_result_says_how_far_it_was_proved_and_how_many_notes_it_has():
    took = {"finished_at": after(4), "cost_usd": Decimal("0.02")}
    proved = ended("worker-basic", "success", 4, 32, proof_level=ProofLevel.IMAGE, note_count=1, **took)
    less = ended("worker-sdxl", "failed", 0, 9, proof_level=ProofLevel.ENVIRONMENT, note_count=2, summary="no", **took)

    assert result_line(proved, after(5)) == "✓ worker-basic: success (4m32s, $0.02, image), 1 note"
    assert result_line(less, after(5)) == "✗ worker-sdxl: failed (9s, $0.02, environment), 2 notes"
    assert status_line(proved, after(9)) == "worker-basic: ✓ completed (5 minutes ago, image), 1 note"
    plain = run_dict(run_of(proved, ended("worker-old", "success", 1)), after(9))["validations"]
    assert [(each["proof_level"], each["note_count"]) for each in plain] == [("image", 1), (None, 0)]


def test_a_verdict_without_details_stands_by_itself():
    assert verdict_text(ended("w", "success", 1, note_count=2)) == "success, 2 notes"
    assert verdict_text(ended("w", "timed_out", 1, proof_level=ProofLevel.IMAGE)) == "timed out (image)"
    assert verdict_text(ended("w", "success", 1)) == "success"


def test_a_cost_that_still_grows_is_told_by_no_result_line():
    view = ended("a", "success", 4, 32, cost_usd=Decimal("0.0162"), cost_is_final=False)
    assert result_line(view, after(60)) == "✓ a: success (4m32s)"


def costing(*amounts: str, **changes):
    parts = [Decimal(amount) for amount in amounts]
    views = [ended(f"r{i}", "success", 1, cost_usd=part) for i, part in enumerate(parts)]
    return run_of(*views, **{"cost_usd": sum(parts, Decimal(0)), **changes})


@pytest.mark.parametrize(
    "amounts",
    [
        ("0.0163", "0.0166"),
        ("0.02", "0.01"),
        ("0.0125", "0.0125"),
        ("0.016251", "0.016251", "0.016252"),
        ("1.004", "1.004"),
        ("0.0021", "0.02"),
        ("0.0762",),
        ("0.000001", "12.345678"),
    ],
)
def test_what_is_read_adds_up_to_the_sum_that_is_read(amounts):
    run = costing(*amounts)
    text = run_text(run, after(10))
    read = [line.rpartition("$")[2].rstrip(")") for line in text.splitlines() if line.startswith("✓ ")]
    (cost,) = [line.removeprefix("Cost: $") for line in text.splitlines() if line.startswith("Cost: ")]
    assert sum(Decimal(each) for each in read) == Decimal(cost)
    assert len({len(each.partition(".")[2]) for each in [*read, cost]}) == 1


def test_a_sum_with_what_no_repository_cost_is_shown_to_the_cent():
    assert "\nCost: $1.03\n" in run_text(costing("0.0163", "0.0166", cost_usd=Decimal("1.0329")), after(10))


def test_a_cost_that_still_grows_says_so():
    assert "\nCost: $0.02 so far\n" in run_text(costing("0.0163", cost_is_final=False), after(10))


def test_the_commit_stands_beside_a_result_or_below_it():
    sha = "0123456789abcdef0123456789abcdef01234567"
    view = ended("worker-basic", "success", 4, 32, commit_sha=sha, proof_level=ProofLevel.IMAGE)
    run = run_of(view, status="success", completed_at=after(5))

    assert result_line(view, after(5)) == "✓ worker-basic: success (4m32s, at 0123456, image)"
    assert results_text(run, after(5)).startswith("Results:\n✓ worker-basic: success (4m32s, at 0123456, image)\n\n")
    assert "✓ worker-basic: success (4m32s, image)\n\nCommits:\nworker-basic: 0123456\n" in run_text(run, after(5))


def test_a_run_says_where_notes_and_what_is_not_proven_can_be_read():
    unproven = (Unproven(kind=UnprovenKind.NOT_RUN, text="RUN make"),)
    plain = ended("a", "success", 1, proof_level=ProofLevel.IMAGE)
    where = "\nNotes, and what is not proven: make query-db REPO=…\nOverall Status: "

    assert "not proven" not in results_text(run_of(plain), after(5))
    assert where in results_text(run_of(plain, ended("b", "success", 1, unproven=unproven)), after(5))
    noted = run_of(plain, ended("b", "success", 1, note_count=1))
    assert where in results_text(noted, after(5))
    assert where.replace("…", "… ENV=dev") in results_text(noted, after(5), "dev")
    told = run_dict(run_of(ended("b", "success", 1, unproven=unproven, gpu_required=False)), after(5))["validations"][0]
    assert told["unproven"] == [{"kind": "not_run", "text": "RUN make", "file": None, "line": None}]
    assert (told["gpu_required"], told["required_proof"]) == (False, None)


def test_one_sum_is_written_with_the_same_digits_everywhere():
    run = costing("0.0176", "0.0172", status="success", completed_at=after(5))
    summary = RunSummary(
        run_id=run.run_id,
        airflow_run_id=run.airflow_run_id,
        config_path=run.config_path,
        trigger=run.trigger,
        started_at=run.started_at,
        completed_at=run.completed_at,
        status=run.status,
        successful=2,
        total_repositories=2,
        cost_usd=run.cost_usd,
        cost_places=run.cost_places,
    )
    (cost,) = [line.removeprefix("Cost: ") for line in run_text(run, after(10)).splitlines() if line.startswith("Cost")]
    assert runs_text([summary], after(10)).endswith(f"  {cost}")
    assert f", {cost}" in run_note(run)
    first = replace(run.validations[0], cost_places=run.cost_places)
    assert "$0.018" in result_line(first, after(5), places=run.cost_places)
    assert "\nCost: $0.018\n" in history_text([first], after(10)) + "\n"
