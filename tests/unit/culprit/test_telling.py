"""What people and scripts are told of a search."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

from janitor.cli.render.reports.culprit import culprit_text, question_text, step_text
from janitor.domain.culprit.culprit import Culprit, CulpritState, CulpritStep
from janitor.domain.culprit.minimize import Outcome
from janitor.domain.result.provenance_changes import Changed, PartChange
from janitor.views.culprit import culprit_dict
from janitor.views.document import as_json
from tests.corpus.culprits.judging import failure_of
from tests.unit.culprit.test_search import NEW, NOW, OLD, THEN, report

CORE = PartChange(part=Changed.PACKAGE, name="core", before="1.0", after="2.0")
IMAGE = PartChange(part=Changed.BASE_IMAGE, name="python:3.11", before=OLD, after=NEW)
CAME = PartChange(part=Changed.PACKAGE, name="came", before=None, after="1.0")
FAILURE = failure_of(report(THEN, OLD, good=True), report(NOW, NEW, good=False))
STEP = CulpritStep(
    number=1,
    put_back=(),
    outcome=Outcome.RED,
    reason="handler_raised: it raised",
    validation_id=UUID(int=1),
    cost_usd=Decimal("0.034"),
)
FOUND = Culprit(
    state=CulpritState.FOUND,
    changes=(CORE, IMAGE, CAME),
    steps=(STEP, replace(STEP, number=2, put_back=(CORE,), outcome=Outcome.GREEN, cost_usd=None)),
    cost_usd=Decimal("0.034"),
    reason="green with these put back, red without",
)


def test_a_step_is_a_line() -> None:
    assert [step_text(each) for each in FOUND.steps] == [
        "1. nothing put back, $0.03: ✗ red: handler_raised: it raised",
        "2. core 1.0 → 2.0 put back: ✓ green",
    ]
    assert "· says nothing" in step_text(replace(STEP, outcome=Outcome.OTHERWISE))
    assert "? not judged" in step_text(replace(STEP, outcome=Outcome.UNTOLD))


def test_the_question_names_commit_failure_and_the_last_success() -> None:
    assert question_text(FAILURE).splitlines() == [
        "Repository: acme/worker-a, commit 0123456789ab",
        f"Failure: {FAILURE.repeated.report.summary}",
        "Last green: 2026-01-01 12:02 UTC",
    ]
    assert "never, as far as is known" in question_text(replace(FAILURE, last_good_at=None))


def test_what_was_found_and_what_worked() -> None:
    text = culprit_text(FOUND)
    assert text.startswith("Culprit: core 1.0 → 2.0, python:3.11 sha256:111111111111 → sha256:222222222222, came not")
    assert text.endswith(f"Experiments: 2, $0.03\nWhat worked: core==1.0 python:3.11@{OLD}")


def test_what_was_not_found() -> None:
    among = replace(FOUND, state=CulpritState.INCONCLUSIVE, changes=(CORE,), reason="whether less would do")
    assert culprit_text(among).splitlines()[:3] == [
        "Culprit: not found",
        "Why: whether less would do",
        "Among: core 1.0 → 2.0",
    ]
    assert "Among" not in culprit_text(replace(among, changes=()))


def test_for_scripts() -> None:
    answer = json.loads(as_json(culprit_dict(FOUND, FAILURE)))
    assert answer["state"] == "found"
    assert answer["repository"] == "acme/worker-a"
    assert answer["changes"][2] == {"part": "package", "name": "came", "before": None, "after": "1.0"}
    assert answer["steps"][0]["cost_usd"] == 0.034
    assert answer["steps"][1]["put_back"] == [answer["changes"][0]]
