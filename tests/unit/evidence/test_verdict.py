"""The verdict of a failure: every row of the table, and what an answer needs to be anything but unknown."""

from __future__ import annotations

from itertools import product

import pytest

from janitor.domain.evidence.verdict import (
    ENOUGH_VERDICTS,
    Answer,
    Findings,
    Onset,
    Verdict,
    findings_of,
    verdict_of,
    verdict_of_cause,
)
from janitor.domain.result.provenance_changes import Changed, PartChange
from tests.unit.evidence.broken import MOVED, NEW, OLD, changes, onset

YES, NO, UNKNOWN = Answer.YES, Answer.NO, Answer.UNKNOWN
KNOWN = {
    (YES, NO, NO): Verdict.REAL,
    (YES, NO, UNKNOWN): Verdict.REAL,
    (NO, YES, NO): Verdict.WORLD,
    (NO, YES, UNKNOWN): Verdict.WORLD,
    (NO, YES, YES): Verdict.FLAKY,
    (NO, NO, YES): Verdict.FLAKY,
    (NO, UNKNOWN, YES): Verdict.FLAKY,
}
SAME = (NEW, NEW)
PACKAGE = PartChange(part=Changed.PACKAGE, name="torch", before="2.1.0", after="2.2.0")
OTHER_IMAGE = PartChange(part=Changed.BASE_IMAGE, name="stage 0", before="python:3.11", after="python:3.12")
NEW_IMAGE = PartChange(part=Changed.BASE_IMAGE, before=None, after="debian:12")


@pytest.mark.parametrize("answers", list(product(Answer, repeat=3)))
def test_every_row_of_the_table(answers: tuple[Answer, Answer, Answer]) -> None:
    commit, outside, turned = answers
    findings = Findings(another_commit=commit, outside_changed=outside, turned_before=turned)
    assert verdict_of(findings) is KNOWN.get(answers, Verdict.UNKNOWN)


def test_nobody_is_blamed_for_what_nobody_compared() -> None:
    """For each answer that is not known, neither the repository nor the world is at fault."""
    for answers, verdict in KNOWN.items():
        if verdict is Verdict.REAL:
            assert answers[:2] == (YES, NO)
        if verdict is Verdict.WORLD:
            assert answers[:2] == (NO, YES)


@pytest.mark.parametrize(
    ("case", "another_commit", "outside_changed"),
    [
        (onset(), YES, NO),
        (onset(changes=None), UNKNOWN, UNKNOWN),
        (onset(changes=changes(commits=None)), UNKNOWN, NO),
        (onset(changes=changes(commits=SAME)), NO, NO),
        (onset(changes=changes(MOVED, commits=SAME)), NO, YES),
        (onset(changes=changes(PACKAGE)), YES, YES),
        # What the Dockerfile names is the commit's own doing.
        (onset(changes=changes(OTHER_IMAGE)), YES, NO),
        (onset(changes=changes(NEW_IMAGE)), YES, NO),
        (onset(images_compared=False), YES, NO),
        (onset(packages_compared=False), YES, NO),
        (onset(images_compared=False, packages_compared=False), YES, UNKNOWN),
        (onset(changes=changes(left_out=3)), YES, UNKNOWN),
    ],
)
def test_what_the_answers_rest_on(case: Onset, another_commit: Answer, outside_changed: Answer) -> None:
    findings = findings_of(case)
    assert findings.another_commit is another_commit
    assert findings.outside_changed is outside_changed


def test_turning_over_takes_a_history_to_deny() -> None:
    assert findings_of(onset(flaky=True, verdicts=1)).turned_before is YES
    assert findings_of(onset(verdicts=ENOUGH_VERDICTS)).turned_before is NO
    assert findings_of(onset(verdicts=ENOUGH_VERDICTS - 1)).turned_before is UNKNOWN


def test_a_cause_of_several_repositories() -> None:
    world = onset(changes=changes(MOVED, commits=SAME))
    both = onset(changes=changes(MOVED, commits=(OLD, NEW)))
    other = onset(changes=changes(PACKAGE, commits=(OLD, NEW)))
    assert verdict_of_cause([onset(), onset()]) is Verdict.REAL
    assert verdict_of_cause([world, world]) is Verdict.WORLD
    # The same image moved under both, and one of them had no other commit.
    assert verdict_of_cause([both, world]) is Verdict.WORLD
    assert verdict_of_cause([both, both]) is Verdict.UNKNOWN
    assert verdict_of_cause([other, world]) is Verdict.UNKNOWN
    assert verdict_of_cause([onset(), world]) is Verdict.UNKNOWN
    assert verdict_of_cause([onset(changes=changes(MOVED, commits=SAME), flaky=True), world]) is Verdict.UNKNOWN
