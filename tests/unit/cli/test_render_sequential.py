"""What a sequential run is said to have: its cache, its log, and the files of its reports."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID

from janitor.cli.render.reports.fetched import fetched_text
from janitor.cli.render.runs.runs import launching_line, results_text
from janitor.domain.states import RunKind, RunStatus, ValidationStatus
from janitor.domain.views import RunView, ValidationView
from janitor.protocol.terms.statuses import CacheState
from janitor.services.report.fetch import FetchedReport, FetchedRun
from janitor.views.fetched import fetched_dict
from janitor.views.runs import run_dict

NOW = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
RUN_ID = UUID(int=7)
REASON = (
    '2 unexpected ERROR lines in the log (see runbook "Unexpected ERROR lines"): a: ERROR one; a: ERROR two;'
    " a: failed: nothing works"
)
VALIDATIONS = tuple(
    ValidationView(
        validation_id=UUID(int=number),
        run_id=RUN_ID,
        repository_name=name,
        organization="o",
        prompt="p",
        status=ValidationStatus.SUCCESS,
        execution_time=timedelta(seconds=9),
    )
    for number, name in enumerate("ab", 1)
)
RUN = RunView(
    run_id=RUN_ID,
    airflow_run_id="janitor__1",
    config_path="infra/repos.yaml",
    trigger="manual",
    started_at=NOW,
    completed_at=NOW,
    timeout=timedelta(minutes=5),
    status=RunStatus.FAILED,
    total_repositories=2,
    validations=VALIDATIONS,
    kind=RunKind.SEQUENTIAL,
    status_reason=REASON,
    cache=CacheState.COLD,
    cache_detail="the deployment has no cache volume",
    unexpected_errors=2,
)


def test_the_results_name_the_cache_and_quote_the_error_lines() -> None:
    text = results_text(RUN, NOW)
    assert "\nCache: cold (the deployment has no cache volume)\n" in text
    assert "\n✗ 2 unexpected ERROR lines in the log" in text
    assert "\n  a: ERROR one\n  a: ERROR two\n" in text
    assert run_dict(RUN, NOW)["unexpected_errors"] == 2
    assert launching_line(2, RunKind.SEQUENTIAL) == "Launching sequential validation for 2 repositories..."


def test_the_results_say_what_of_the_log_could_not_be_searched_beside_what_was_found() -> None:
    gaps = "the log could not be searched whole for ERROR lines (see runbook): b: its log isn't there"
    text = results_text(replace(RUN, status_reason=f"1 of 2 repositories have a row; {gaps}; {REASON}"), NOW)
    assert f"\n✗ {gaps}\n" in text
    assert "\n✗ 2 unexpected ERROR lines in the log" in text
    assert "\n  a: ERROR one\n  a: ERROR two\n" in text
    alone = replace(RUN, status_reason=gaps, unexpected_errors=None, status=RunStatus.ERROR)
    assert f"\n✗ {gaps}\n" in results_text(alone, NOW)
    assert run_dict(alone, NOW)["unexpected_errors"] is None


def test_a_parallel_run_says_nothing_of_either() -> None:
    parallel = replace(RUN, kind=RunKind.PARALLEL, cache=None, cache_detail=None, unexpected_errors=None)
    text = results_text(parallel, NOW)
    assert "Cache" not in text
    assert "ERROR" not in text


def test_fetched_reports_are_told_with_their_files_and_what_is_wrong() -> None:
    fetched = FetchedRun(
        run=RUN,
        reports=(
            FetchedReport(validation=VALIDATIONS[0], content=b"{}", problem=None),
            FetchedReport(validation=VALIDATIONS[1], content=None, problem="it is gone from storage"),
        ),
    )
    text = fetched_text(fetched, Path("there"), NOW)
    assert "  there/o/a.json (2 bytes)" in text
    assert "  ✗ it is gone from storage" in text
    assert text.endswith("1/2 reports are in there")
    files = [(entry["file"], entry["problem"]) for entry in fetched_dict(fetched, Path("there"), NOW)["reports"]]
    assert files == [("there/o/a.json", None), (None, "it is gone from storage")]
