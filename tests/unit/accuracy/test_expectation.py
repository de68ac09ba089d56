"""What an EXPECTED.txt may say, and what is told of one that can't be read."""

from __future__ import annotations

import pytest

from janitor.protocol.terms.statuses import ReportStatus
from tests.accuracy.expectation import NO_KIND, ExpectationError, expectation_of, read_expectation

SUCCESS, FAILED, ERROR = ReportStatus.SUCCESS, ReportStatus.FAILED, ReportStatus.ERROR
EVERY = frozenset(ReportStatus)


@pytest.mark.parametrize(
    ("line", "right", "needs_note", "cases"),
    [
        ("failed: a line of the Dockerfile fails", {FAILED}, False, None),
        ("success: it answers, and never failed before", {SUCCESS}, False, None),
        ("Success", {SUCCESS}, False, None),
        ("failed or error: no registry", {FAILED, ERROR}, False, None),
        ("failed or error, never success: a library", {FAILED, ERROR}, False, None),
        ("failed (error tolerable), never success: no python", {FAILED, ERROR}, False, None),
        ("failed (error would be tolerable), never success: no python", {FAILED, ERROR}, False, None),
        ("success or error, never failed: a link", {SUCCESS, ERROR}, False, None),
        ("success or incomplete", {SUCCESS, ReportStatus.INCOMPLETE}, False, None),
        ("timed out or error: a handler that hangs", {ReportStatus.TIMED_OUT, ERROR}, False, None),
        ("never success (a note at least): logged", EVERY, True, None),
        ("success with a note: logged", {SUCCESS}, True, None),
        ("never success: nothing is shown", EVERY - {SUCCESS}, False, None),
        ("never failed: nothing is shown", EVERY - {FAILED}, False, None),
        ("never success or error: a fault that is plain", EVERY - {SUCCESS, ERROR}, False, None),
        ("failed (each of its 10 cases alone, too): texts", {FAILED}, False, 10),
        ("failed (by the line that comes first): texts", {FAILED}, False, None),
    ],
)
def test_first_line(line, right, needs_note, cases):
    expectation = expectation_of(f"{line}\nKind: control. The version before said success\n")
    assert expectation.right == right
    assert expectation.needs_note is needs_note
    assert expectation.cases == cases
    assert expectation.kind == "control"
    assert expectation.words == line.partition(":")[0]


@pytest.mark.parametrize(
    "text", ["", "\n\n", "maybe: it depends", "failed or maybe", ": failed", "failed, never failed"]
)
def test_unreadable_one_names_its_file(text, tmp_path):
    file = tmp_path / "EXPECTED.txt"
    file.write_text(text)
    with pytest.raises(ExpectationError) as caught:
        read_expectation(file)
    assert str(caught.value).startswith(f"{file}:1: ")


def test_bytes_that_are_no_text_are_an_error_with_the_file(tmp_path):
    file = tmp_path / "EXPECTED.txt"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ExpectationError, match=r"EXPECTED\.txt: can't be read"):
        read_expectation(file)


def test_success_that_needs_a_note_is_right_with_one_only():
    expectation = expectation_of("never success (a note at least)")
    assert expectation.allows(SUCCESS, has_note=True)
    assert not expectation.allows(SUCCESS, has_note=False)
    assert expectation.allows(FAILED, has_note=False)
    assert not expectation_of("failed").allows(SUCCESS, has_note=True)
    assert expectation_of("success").allows(SUCCESS, has_note=True)


def test_kind_ends_at_its_first_full_stop_and_may_hold_dots():
    text = "failed: x\nKind: output: JSON of json.dumps isn't JSON. The version before said success\n"
    assert expectation_of(text).kind == "output: JSON of json.dumps isn't JSON"
    assert expectation_of("failed: x\nno kind here\n").kind == NO_KIND
