"""Notes and what is not proven stand in each form of the static checks' answer, and change none of its verdicts."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from xml.etree import ElementTree

from janitor.prepush.annotations import annotation_lines
from janitor.prepush.junit import junit_xml
from janitor.prepush.summary import summary_markdown
from janitor.prepush.telling import static_json, static_text
from janitor.protocol.report import Check
from janitor.protocol.terms.proven import Note, Unproven, UnprovenKind
from janitor.protocol.terms.statuses import CheckStatus
from janitor.validator.pipeline.static_run import StaticCheck, StaticResult
from janitor.validator.pipeline.steps import Phase


def result(*notes: Note, unproven: int = 0) -> StaticResult:
    """One check that passes, with notes."""
    check = Check(
        name="layout",
        status=CheckStatus.PASS,
        required=True,
        reason_code=None,
        reason=None,
        started_at=datetime(2026, 1, 1, tzinfo=timezone.utc),
        duration_seconds=0.1,
        notes=notes,
    )
    return StaticResult(
        root=Path("/srv/worker"),
        commit_sha=None,
        changes=(),
        checks=(StaticCheck(check=check, phase=Phase.STATIC, locations=()),),
        phases={"static": 0.1},
        seconds=0.1,
        unproven=tuple(
            Unproven(kind=UnprovenKind.NOT_RUN, text=f"RUN step {number}", file="Dockerfile", line=number)
            for number in range(1, unproven + 1)
        ),
    )


NOTED = result(
    Note(code="odd_base", text="the base\nis old, 100%", file="a,b:Dockerfile", line=3),
    Note(code="odd_name", text="a name | odd"),
    unproven=10,
)


def test_people_read_them_below_their_check_and_as_a_count() -> None:
    lines = static_text(NOTED).splitlines()
    assert lines[1:4] == [
        "✓ layout",
        "    note: odd_base: a,b:Dockerfile:3: the base is old, 100%",
        "    note: odd_name: a name | odd",
    ]
    assert lines[4:6] == ["Not proven:", "  not run: Dockerfile:1: RUN step 1"]
    assert lines[13] == "  … and 2 more: --json"
    assert lines[-1].startswith("1 of 1 checks pass; 2 notes (")
    assert NOTED.is_good
    plain = static_text(result())
    assert "note" not in plain
    assert "Not proven" not in plain


def test_scripts_read_all_of_them() -> None:
    told = json.loads(static_json(NOTED))
    assert (told["status"], told["proof_level"], told["note_count"]) == ("pass", None, 2)
    assert [note["code"] for note in told["checks"][0]["notes"]] == ["odd_base", "odd_name"]
    assert len(told["unproven"]) == 10


def test_a_pull_request_shows_them_as_notices() -> None:
    assert annotation_lines(NOTED) == [
        "::notice file=a%2Cb%3ADockerfile,line=3,title=layout::odd_base: the base%0Ais old, 100%25",
        "::notice title=layout::odd_name: a name | odd",
    ]
    assert "note: odd\\_name: a name \\| odd" in summary_markdown(NOTED)


def test_a_case_that_passes_keeps_them_in_its_output() -> None:
    suite = ElementTree.fromstring(junit_xml(NOTED))
    assert (suite.get("failures"), suite.get("errors")) == ("0", "0")
    said = suite.find(".//system-out")
    assert said is not None
    assert (said.text or "").endswith("odd_name: a name | odd")
    assert ElementTree.fromstring(junit_xml(result())).find(".//system-out") is None
