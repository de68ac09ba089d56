"""What is printed of judged repositories: each line, the matrix, and each kind apart."""

from __future__ import annotations

from pathlib import Path

from janitor.protocol.terms.proven import ProofLevel
from janitor.protocol.terms.statuses import EngineChoice, ReportStatus
from tests.accuracy.expectation import expectation_of
from tests.accuracy.judging import Judged, Said
from tests.accuracy.repositories import Labelled
from tests.accuracy.tally import Mark, Tally, mark_of
from tests.accuracy.telling import case_line, closing_lines, document

SUCCESS, FAILED, ERROR = ReportStatus.SUCCESS, ReportStatus.FAILED, ReportStatus.ERROR


def judged(name: str, expected: str, status: ReportStatus | None, **said: object) -> Judged:
    labelled = Labelled(name=name, folder=Path(name), expectation=expectation_of(expected))
    return Judged(labelled=labelled, said=Said(status=status, **said))  # type: ignore[arg-type]  # named by the caller


ALL = [
    judged("a", "failed: x\nKind: build. B", FAILED, check="build", code="file_missing", reason="no such file"),
    judged("b", "failed: x\nKind: build", SUCCESS, proof_level=ProofLevel.ENVIRONMENT, unproven=3),
    judged("c", "success: x\nKind: output", FAILED, check="handler_api", code="nested_error"),
    judged("d", "never success (a note at least): x\nKind: path", SUCCESS, notes=("log_scan/error_line: a traceback",)),
    judged("e", "never success (a note at least): x\nKind: path", SUCCESS),
    judged("f", "success: x\nKind: output", ERROR, check="host", code="engine_missing"),
    judged("g", "success: x\nKind: output", None, reason="could not be judged: OSError: \x1b[31mno disk"),
    judged("h", "failed (error tolerable): x\nKind: output", ERROR, check="build", code="engine_limit"),
]


def test_marks():
    marks = [each.mark for each in ALL]
    assert marks == [
        *(Mark.RIGHT, Mark.FALSE_GREEN, Mark.FALSE_BLAME, Mark.RIGHT),
        *(Mark.FALSE_GREEN, Mark.UNDECIDED, Mark.UNDECIDED, Mark.RIGHT),
    ]
    assert mark_of(ReportStatus.TIMED_OUT, is_right=False) is Mark.UNDECIDED


def test_line_of_a_case_says_what_was_said_by_which_check_and_with_which_notes():
    assert case_line(ALL[0]).splitlines() == ["✓ a: failed by build, file_missing (0 s) [failed]", "    no such file"]
    assert case_line(ALL[1]) == "✗ b: success, environment, 3 unproven (0 s) [failed] - FALSE GREEN"
    assert case_line(ALL[3]).splitlines()[1] == "    note: log_scan/error_line: a traceback"
    assert case_line(ALL[6]).startswith("✗ g: no verdict (0 s) [success] - UNDECIDED\n    could not be judged")
    assert "\x1b" not in case_line(ALL[6])


def test_closing_lines_tell_each_kind_apart():
    lines = list(closing_lines(ALL))
    assert lines[0].split() == ["expected", "\\", "seen", "success", "noted", "failed", "error", "none"]
    rows = {tuple(line.rsplit(maxsplit=5)) for line in lines}
    assert ("build", "2", "1", "1", "·", "·") in rows
    assert ("output", "4", "1", "·", "1", "2") in rows
    assert ("path", "2", "1", "1", "·", "·") in rows
    assert ("all", "8", "3", "2", "1", "2") in rows
    assert lines[-1] == "8 cases, 5 wrong: 2 false greens, 1 false blames, 2 undecided"


def test_document_has_the_same():
    found = document(ALL, folder="cases", engine=EngineChoice.VENV, seconds=1.26)
    assert found["total"] == {"right": 3, "false_green": 2, "false_blame": 1, "undecided": 2, "other_reason": 0}
    assert found["cases"][1]["mark"] == "false green"
    assert found["cases"][1]["proof_level"] == "environment"
    assert found["kinds"][0] == {
        **{"kind": "build", "cases": 2, "right": 1, "false_greens": 1, "false_blames": 0},
        **{"undecided": 0, "other_reason": 0},
    }


def test_other_reason_has_a_column_only_where_there_is_one():
    assert "other reason" not in "\n".join(Tally.of([("a", Mark.RIGHT)]).lines())
    assert "other reason" in "\n".join(Tally.of([("a", Mark.OTHER_REASON)]).lines())
