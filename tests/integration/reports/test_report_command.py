"""`janitor report` and completion on a real database."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from janitor.cli.exit_codes import ExitCode
from janitor.protocol.terms.statuses import CheckStatus
from janitor.settings import Settings
from janitor.stores.database import transaction
from tests.support.reports import History, check_of, reporting, trouble

RAISED = "the handler raised RuntimeError: boom"


def works() -> Any:
    return reporting(check_of("build"), check_of("handler_local"))


def raises() -> Any:
    return reporting(
        check_of("build"), check_of("handler_local", CheckStatus.FAIL, code="handler_raised", reason=RAISED)
    )


@pytest.fixture
def run_id(history: History) -> str:
    """A run that passed, and a later one that failed; the id of the later one."""
    history.run(works())
    history.run(raises())
    return str(history.runs[-1])


def test_a_repository_s_last_report_and_a_run_s(janitor: Any, history: History, run_id: str) -> None:
    name = history.latest().repository_name
    for subject in (name, f"acme/{name}"):
        code, out, _ = janitor("report", subject)
        assert code == ExitCode.OK
        assert out.startswith(f"Repository: acme/{name}\nVerdict: ✗ failed")
        assert f"✗ handler_local    10.0s  handler_raised: {RAISED}" in out
        assert "Change: newly broken" in out
    for subject in (run_id, run_id[:8], run_id.upper()[:6]):
        code, out, _ = janitor("report", subject)
        assert code == ExitCode.OK
        assert out.startswith(f"Run ID: {run_id}\n")
        assert RAISED in out


def test_each_form_is_what_it_says(janitor: Any, run_id: str, tmp_path: Path) -> None:
    code, out, _ = janitor("report", run_id, "--json")
    answer = json.loads(out)
    assert code == ExitCode.OK
    assert answer["run"]["run_id"] == run_id
    reports = [each["report"] for each in answer["validations"] if each["report"]]
    assert [check["name"] for check in reports[0]["checks"]] == ["checkout", "build", "handler_local"]
    page = tmp_path / "report.html"
    code, out, err = janitor("report", run_id, "--html", "--output", str(page))
    assert (code, out, err) == (ExitCode.OK, "", f"Written to {page}\n")
    assert page.read_text().startswith("<!doctype html>")
    code, out, _ = janitor("report", run_id, "--junit")
    assert ET.fromstring(out).get("failures") == "2"
    code, _, err = janitor("report", run_id, "--output", str(tmp_path / "gone" / "x"))
    assert code == ExitCode.USAGE
    assert "can't be written" in err


def test_a_run_s_answer_has_its_address(janitor: Any, run_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JANITOR_AIRFLOW_URL", "https://airflow.example")
    _, out, _ = janitor("query-parallel-run", run_id)
    assert "\nWeb UI: https://airflow.example/dags/validate_workers/runs/" in out
    _, out, _ = janitor("query-parallel-run", run_id, "--json")
    json.loads(out)


def test_a_run_for_a_ci_system(janitor: Any, run_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page, junit = tmp_path / "page.md", tmp_path / "janitor.xml"
    page.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    code, out, err = janitor("query-parallel-run", run_id, "--junit", str(junit), "--github")
    assert code == ExitCode.OK
    assert f"Written to {junit}" in err
    assert ET.fromstring(junit.read_text()).get("failures") == "2"
    commands = [line for line in out.splitlines() if line.startswith("::")]
    assert len(commands) == 2
    command = next(each for each in commands if RAISED in each)
    assert command.startswith("::error title=acme/")
    assert RAISED in command
    summary = page.read_text()
    assert summary.startswith("before\n### Janitor: ")
    assert RAISED in summary
    code, _, err = janitor("query-parallel-run", run_id, "--github", "--json")
    assert code == ExitCode.USAGE
    assert "one of them" in err
    monkeypatch.delenv("GITHUB_STEP_SUMMARY")
    assert janitor("query-parallel-run", run_id, "--github")[0] == ExitCode.OK


def test_what_is_neither_is_told_what_is_near(janitor: Any, history: History, run_id: str) -> None:
    code, _, err = janitor("report", "worker-x")
    assert code == ExitCode.USAGE
    assert history.latest().repository_name in err.partition("known: ")[2]
    code, _, err = janitor("report", "ffffff")
    assert code == ExitCode.USAGE
    assert run_id in err
    code, out, _ = janitor("report", "ffffff", "--json")
    assert json.loads(out)["error"]["exit_code"] == code == ExitCode.USAGE


def test_a_report_that_is_not_read_any_more_is_said(janitor: Any, history: History, run_id: str, database: Any) -> None:
    import psycopg

    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute('update janitor.validation_reports set report = \'{"format": "janitor-report/0"}\'')
    code, out, _ = janitor("report", history.latest().repository_name)
    assert code == ExitCode.OK
    assert "its report can't be read" in out


def test_without_a_report_the_reason_stands(janitor: Any, history: History) -> None:
    history.run(lambda *_: trouble("quota", "the account has no quota for it"))
    code, out, _ = janitor("report", history.latest().repository_name)
    assert code == ExitCode.OK
    assert "Reason: the account has no quota for it" in out
    assert out.endswith("No report was handed in.\n")


@pytest.mark.parametrize(
    ("words", "beginning"),
    [
        (("query-db",), "worker"),
        (("report",), "worker"),
        (("query-parallel-run",), "run"),
        (("run", "--repo"), "worker"),
        (("logs", "worker-a", "--run-id"), "run"),
    ],
)
def test_names_and_ids_are_completed_from_the_ledger(
    janitor: Any,
    history: History,
    run_id: str,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    beginning: str,
) -> None:
    known = run_id if beginning == "run" else history.latest().repository_name
    for name, value in {
        "_JANITOR_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(("janitor", *words, known[:4])),
        "COMP_CWORD": str(len(words) + 1),
    }.items():
        monkeypatch.setitem(os.environ, name, value)
    code, out, err = janitor()
    assert (code, err) == (0, "")
    assert f"plain,{known}" in out.splitlines()


def test_runs_that_go_on_and_live_instances_are_completed(
    janitor: Any, settings: Settings, history: History, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction(settings.writer_url) as connection:
        connection.execute(
            "update validation_runs set status = 'failed', completed_at = now() where run_id = %s", (run_id,)
        )
    for words in ("cancel", "follow", "terminate"):
        monkeypatch.setitem(os.environ, "_JANITOR_COMPLETE", "bash_complete")
        monkeypatch.setitem(os.environ, "COMP_WORDS", f"janitor {words} ")
        monkeypatch.setitem(os.environ, "COMP_CWORD", "2")
        code, out, err = janitor()
        assert (code, err) == (0, "")
        assert run_id not in out
        assert (str(history.runs[0]) in out) == (words != "terminate")
