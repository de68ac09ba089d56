"""What is worth a look in an answer reaches the check as notes, and changes no status."""

from __future__ import annotations

from janitor.diagnosis.handler.verdict import PASSED, Outcome, Remark, Verdict
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.protocol.terms.statuses import CheckStatus
from janitor.validator.checks.handler.handler_facts import LocalRun, with_remarks
from janitor.validator.findings import passed

REMARKED = Verdict(
    outcome=Outcome.PASS, remarks=(Remark(code=ReasonCode.NESTED_ERROR, text="output.lint tells of an error"),)
)


def test_a_verdict_with_remarks_passes():
    assert REMARKED.passes
    assert PASSED.passes
    assert LocalRun(log=None, verdict=REMARKED).has_passed


def test_remarks_become_notes_that_name_their_case():
    finding = with_remarks(passed(), [("first", PASSED), ("second", REMARKED)])
    assert finding.status is CheckStatus.PASS
    assert [(note.code, note.text) for note in finding.notes] == [
        ("nested_error", "second: output.lint tells of an error")
    ]
