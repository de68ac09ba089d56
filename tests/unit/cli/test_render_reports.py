"""Whole reports in each format: they say the same, and nothing that a repository wrote is markup or a command."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from janitor.cli.exit_codes import ExitCode
from janitor.cli.main import main
from janitor.cli.render.reports.html import reports_html
from janitor.cli.render.reports.junit import reports_junit
from janitor.cli.render.reports.text import reports_text
from janitor.domain.views import ValidationView
from janitor.protocol.report import Check, Evidence, Report
from janitor.protocol.terms.proven import Note, ProofLevel, Unproven, UnprovenKind
from janitor.protocol.terms.statuses import CheckStatus, EvidenceKind
from janitor.services.report.documents import ReportedRun, ReportedValidation
from janitor.views.document import as_json
from janitor.views.reports import reports_dict
from tests.support.hostile_texts import HOSTILE
from tests.support.reports import check_of, report_of
from tests.unit.cli.sample_views import RUN_ID, after, ended, run_of, validation

NOW = after(60)
COMMIT = "0123456789abcdef0123456789abcdef01234567"
BAD = check_of("handler_local", CheckStatus.FAIL, code="handler_raised", reason="the handler raised KeyError: 'large'")


def reported(view: ValidationView, *checks: Check, **changes) -> ReportedValidation:
    report = report_of(view.validation_id, RUN_ID, *checks, repository=f"acme/{view.repository_name}")
    return ReportedValidation(validation=view, report=replace(report, **changes))


def good(name: str = "echo") -> ReportedValidation:
    view = ended(name, "success", 1, 5, commit_sha=COMMIT, proof_level=ProofLevel.ENVIRONMENT, note_count=1)
    noted = replace(
        check_of("handler_local"),
        notes=(Note(code="traceback_logged", text="a traceback was logged", file="handler.py", line=7),),
    )
    unproven = (Unproven(kind=UnprovenKind.NOT_RUN, text="RUN pytest", file="Dockerfile", line=9),)
    return reported(view, check_of("build"), noted, unproven=unproven)


def bad(name: str = "broken", **fields) -> ReportedValidation:
    view = ended(
        name,
        "failed",
        0,
        9,
        commit_sha=COMMIT,
        failing_check="handler_local",
        reason_code="handler_raised",
        summary="the handler raised KeyError: 'large'",
        **fields,
    )
    return reported(view, check_of("build"), BAD)


def unreported(name: str, status: str, **fields) -> ReportedValidation:
    made = validation if status in ("running", "queued") else lambda *a, **f: ended(*a, 1, **f)
    return ReportedValidation(validation=made(name, status, **fields), report=None)


def of_run(*each: ReportedValidation) -> ReportedRun:
    run = run_of(*(one.validation for one in each), status="failed", completed_at=after(5))
    return ReportedRun(run=run, validations=each)


def of_repository(each: ReportedValidation) -> ReportedRun:
    return ReportedRun(run=None, validations=(each,))


def test_text_has_every_check_with_its_time_the_notes_and_what_is_unproven():
    text = reports_text(of_repository(good()), NOW)
    assert text.splitlines() == [
        "Repository: runpod-workers/echo",
        "Verdict: ✓ success (1m5s, environment), 1 note",
        f"Run: {RUN_ID}",
        "Finished: 2024-01-15 14:31:05 UTC",
        "Instance: i-echo",
        "Proof: environment: its handler ran in a Python environment in place of its image",
        "Commit: 0123456",
        "Engine: venv",
        "Every check:",
        "  ✓ checkout         10.0s",
        "  ✓ build            10.0s",
        "  ✓ handler_local    10.0s",
        "Notes:",
        "  traceback_logged: handler.py:7: a traceback was logged",
        "Not proven:",
        "  not run: Dockerfile:9: RUN pytest",
    ]


def test_text_of_a_run_begins_with_the_run_and_says_where_a_report_is_missing():
    text = reports_text(of_run(bad(), unreported("slow", "running"), unreported("lost", "error")), NOW)
    blocks = text.split("\n\n")
    assert blocks[0].splitlines()[0] == f"Run ID: {RUN_ID}"
    assert blocks[0].splitlines()[-1] == "Status: failed, 0/3 repositories successful"
    assert "  ✗ handler_local    10.0s  handler_raised: the handler raised KeyError: 'large'" in blocks[1]
    assert blocks[2].endswith("There is no report yet: it is still going on.")
    assert blocks[3].endswith("No report was handed in.")
    gone = replace(unreported("old", "failed"), problem="its report can't be read: format 0")
    assert reports_text(of_repository(gone), NOW).endswith("its report can't be read: format 0")


def suites(reported_run: ReportedRun) -> dict[str, ET.Element]:
    root = ET.fromstring(reports_junit(reported_run, NOW))
    assert root.tag == "testsuites"
    return {suite.get("name", ""): suite for suite in root}


@pytest.mark.parametrize(
    ("each", "kind"),
    [
        (good(), None),
        (bad(), "failure"),
        (unreported("a", "timed_out", reason_code="deadline"), "failure"),
        (unreported("a", "error", reason_code="quota"), "error"),
        (unreported("a", "incomplete", reason_code="x"), "error"),
        (unreported("a", "cancelled", reason_code="run_cancelled"), "error"),
        (unreported("a", "running"), "skipped"),
        (unreported("a", "queued"), "skipped"),
    ],
)
def test_a_suite_fails_where_its_repository_isnt_successful_and_only_there(each, kind):
    (suite,) = suites(of_run(each)).values()
    verdict = suite.find("testcase")
    assert verdict is not None
    assert verdict.get("name") == "verdict"
    ends = [child.tag for case in suite.iter("testcase") for child in case if child.tag in ("failure", "error")]
    assert (verdict[0].tag if len(verdict) and verdict[0].tag != "system-out" else None) == kind
    assert bool(ends) == (kind in ("failure", "error"))
    assert int(suite.get("failures", "-1")) == ends.count("failure")
    assert int(suite.get("errors", "-1")) == ends.count("error")
    assert int(suite.get("tests", "-1")) == len(list(suite.iter("testcase")))


def test_junit_has_a_case_for_each_check_with_its_time_and_the_commit():
    suite = suites(of_run(good(), bad()))["runpod-workers/broken"]
    cases = {case.get("name"): case for case in suite.iter("testcase")}
    assert list(cases) == ["verdict", "checkout", "build", "handler_local"]
    assert cases["build"].get("time") == "10.000"
    failure = cases["handler_local"].find("failure")
    assert failure is not None
    assert (failure.get("type"), failure.get("message")) == (
        "handler_raised",
        "handler_raised: the handler raised KeyError: 'large'",
    )
    properties = {each.get("name"): each.get("value") for each in suite.iter("property")}
    assert properties["commit"] == "0123456"


def test_a_fail_that_does_not_count_and_a_skip_fail_nothing():
    note = replace(check_of("pins", CheckStatus.FAIL, code="unpinned", reason="x"), required=False)
    skip = replace(check_of("agent_prompt", CheckStatus.SKIP, code="no_model", reason="none"), required=False)
    view = ended("a", "success", 1)
    suite = suites(of_run(reported(view, check_of("handler_local"), note, skip)))["runpod-workers/a"]
    assert (suite.get("failures"), suite.get("errors"), suite.get("skipped")) == ("0", "0", "1")
    text = reports_text(of_repository(reported(view, check_of("handler_local"), note, skip)), NOW)
    assert "– pins             10.0s  unpinned: x (does not count)" in text  # noqa: RUF001


class Page(HTMLParser):
    """Collects the tags, their attributes and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def page_of(reported_run: ReportedRun) -> Page:
    page = Page()
    page.feed(reports_html(reported_run, NOW))
    return page


def test_html_shows_all_and_loads_nothing():
    page = page_of(of_run(good(), bad(), unreported("slow", "running")))
    for said in ("Dockerfile:9: RUN pytest", "handler.py:7", "KeyError", "There is no report yet", str(RUN_ID)):
        assert said in page.text
    known = {name for name, _ in page.tags}
    assert not known & {"script", "img", "link", "iframe", "object", "embed", "form", "base", "svg"}
    for tag, attributes in page.tags:
        for name, value in attributes.items():
            assert name not in ("src", "srcset", "action", "background", "style")
            assert not name.startswith("on")
            if name == "href":
                assert re.fullmatch(r"#repository-\d+", value or ""), tag
    policy = [each["content"] for tag, each in page.tags if each.get("http-equiv") == "Content-Security-Policy"]
    assert policy
    assert "default-src 'none'" in (policy[0] or "")
    assert "url(" not in reports_html(of_run(good()), NOW)


MARKUP = {
    "script": "<script>alert(1)</script>",
    "attribute": '" onmouseover="alert(1)" x=\'',
    "entity": "&lt;b&gt; &#x3c;",
    "template": "{{ 7 * 7 }}{% raw %}",
    "comment": "--><img src=x onerror=alert(1)>",
    "cdata": "]]><x/>",
}


def hostile(text: str) -> ReportedRun:
    """A run in which every text that a repository can choose is this one."""
    evidence = Evidence(kind=EvidenceKind.LOG, name=text[:150] or "x", sha256="0" * 64, size_bytes=1, tail=text)
    failed = replace(BAD, reason=text, evidence=(evidence,), notes=(Note(code="x", text=text, file=text, line=1),))
    view = ended(
        "worker", "failed", 1, summary=text, failing_check="handler_local", reason_code="handler_raised", prompt=text
    )
    view = replace(view, organization=text, signature="s", signature_title=text)
    report: Report = report_of(view.validation_id, RUN_ID, BAD)
    unproven = (Unproven(kind=UnprovenKind.HOST, text=text, file=text, line=1),)
    report = replace(report, checks=(failed,), unproven=unproven)
    run = run_of(view, status="failed", completed_at=after(5), config_path=text, trigger=text)
    return ReportedRun(run=run, validations=(ReportedValidation(validation=view, report=report),))


@pytest.mark.parametrize("name", [*HOSTILE, *MARKUP])
def test_what_a_repository_wrote_is_neither_markup_nor_a_command(name):
    text = (HOSTILE | MARKUP)[name]
    subject = hostile(text)
    harmless = hostile("harmless")
    page, plain_page = page_of(subject), page_of(harmless)
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in plain_page.tags]
    assert [sorted(each) for _, each in page.tags] == [sorted(each) for _, each in plain_page.tags]
    root = ET.fromstring(reports_junit(subject, NOW))
    expected = ET.fromstring(reports_junit(harmless, NOW))
    assert [each.tag for each in root.iter()] == [each.tag for each in expected.iter()]
    assert len(reports_text(subject, NOW).splitlines()) == len(reports_text(harmless, NOW).splitlines())
    answer = json.loads(as_json(reports_dict(of_repository(good()), NOW)))
    assert answer["validations"][0]["report"]["status"] == "success"
    for shown in (reports_html(subject, NOW), as_json(reports_dict(subject, NOW))):
        assert "\x1b" not in shown
        assert "\u202e" not in shown


@pytest.mark.parametrize("two", [("--html", "--json"), ("--html", "--junit"), ("--json", "--junit")])
def test_one_form_at_a_time(two, capsys):
    assert main(["report", "x", *two]) == ExitCode.USAGE
    assert "give one of them" in capsys.readouterr().err


def test_the_template_travels_with_the_package():
    text = (Path(__file__).resolve().parents[3] / "pyproject.toml").read_text()
    assert '"janitor.cli.render.reports" = ["*.j2"]' in text
