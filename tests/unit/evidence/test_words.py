"""What is said of a cause: each verdict, each answer, last good and first bad, the money, the lines that tell."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from janitor.domain.evidence.cause import Cause, CauseGroup, Causes, Spent
from janitor.domain.evidence.log_excerpt import AROUND, LONGEST_LINE, excerpt_of
from janitor.domain.evidence.verdict import Onset, Verdict
from janitor.views.evidence import causes_dicts
from janitor.views.text.evidence import cause_lines, finding_texts, onset_texts, spent_text, verdict_text
from tests.unit.evidence.broken import MOVED, NEW, broken, cause, changes, onset

SAME = (NEW, NEW)


@pytest.mark.parametrize(
    ("began", "verdict", "said"),
    [
        (onset(), Verdict.REAL, "real: it came with another commit"),
        (onset(changes=changes(MOVED, commits=SAME)), Verdict.WORLD, "the world: the commit is the same"),
        (onset(changes=changes(commits=SAME), flaky=True), Verdict.FLAKY, "flaky: its verdict turns over"),
        (onset(changes=changes(commits=SAME)), Verdict.UNKNOWN, "nothing is known to have changed"),
        (onset(changes=changes(MOVED)), Verdict.UNKNOWN, "another commit came together with something outside"),
        (onset(flaky=True), Verdict.UNKNOWN, "there is another commit, but it turned over before too"),
        (onset(images_compared=False, packages_compared=False), Verdict.UNKNOWN, "nobody knows whether something"),
        (onset(changes=changes(commits=None)), Verdict.UNKNOWN, "one of the two commits isn't known"),
    ],
)
def test_verdicts(began: Onset, verdict: Verdict, said: str) -> None:
    one = cause(broken(onset=began))
    assert one.verdict is verdict
    assert said in verdict_text(one)


def test_what_has_no_verdict() -> None:
    first = cause(broken(onset=onset(changes=None), compared_with=None, last_good=None))
    assert "there is no earlier report to compare with" in verdict_text(first)
    assert onset_texts(first.example)[0] == "it isn't known to have ever passed"
    untold = cause(broken(first_bad=None, compared_with=None, last_good=None), group=CauseGroup.UNTOLD)
    assert untold.verdict is Verdict.UNKNOWN
    assert "no verdict says that the repository fails" in verdict_text(untold)
    assert onset_texts(untold.example) == []
    differing = cause(broken(), broken("worker-b", onset=onset(changes=changes(MOVED, commits=SAME))))
    assert "what is known of its repositories doesn't agree" in verdict_text(differing)


def test_answers_say_what_they_rest_on() -> None:
    assert finding_texts(broken()) == [
        "another commit? yes: aaaaaaa..bbbbbbb",
        "something outside changed? no: base images and packages are the same",
        "turned before? no: 8 verdicts are remembered",
    ]
    moved = finding_texts(broken(onset=onset(changes=changes(MOVED, commits=SAME), flaky=True)))
    assert moved == [
        "another commit? no: bbbbbbb",
        "something outside changed? yes: base image python:3.11 111111111111 → 222222222222",
        "turned before? yes: again and again in its last 8 verdicts",
    ]
    nothing = finding_texts(
        broken(onset=onset(changes=None, images_compared=False, packages_compared=False, verdicts=1))
    )
    assert nothing[:2] == ["another commit? not known", "something outside changed? not known"]


@pytest.mark.parametrize(
    ("spent", "said"),
    [
        (
            Spent(runs=14, usd=Decimal("3.90"), is_whole=True),
            "red in 14 runs: $3.90 spent finding it out again, $0.28 a run",
        ),
        (Spent(runs=1, usd=Decimal("0.28"), is_whole=True), "red in 1 run: $0.28"),
        (
            Spent(runs=2, usd=Decimal("0.28"), is_whole=False),
            "red in 2 runs: at least $0.28 spent finding it out again, $0.14 a run",
        ),
        (Spent(runs=2), "red in 2 runs: what that cost isn't known"),
    ],
)
def test_money(spent: Spent, said: str) -> None:
    assert spent_text(spent) == said


def test_a_cause_adds_up_its_repositories() -> None:
    first = broken(spent=Spent(runs=3, usd=Decimal("0.90"), is_whole=True))
    second = broken("worker-b", spent=Spent(runs=2, usd=Decimal("0.10"), is_whole=True))
    assert cause(first, second).spent == Spent(runs=3, usd=Decimal("1.00"), is_whole=True)
    unpriced = cause(first, broken("worker-c", spent=Spent(runs=5))).spent
    assert unpriced == Spent(runs=5, usd=Decimal("0.90"), is_whole=False)
    assert cause(broken(spent=Spent(runs=5))).spent.usd is None


def test_on_paper_and_as_a_document() -> None:
    one = cause(broken(), broken("worker-b"), log=excerpt_of("KeyError: 'large'", [log("a\nKeyError: 'large'\nb")]))
    text = "\n".join(cause_lines(one, "local"))
    for said in (
        *("newly broken: acme/worker-a, acme/worker-b", "last good 2026-05-03 03:12:00 UTC at aaaaaaa", "compare/"),
        *("real: it came", "another commit? yes", "KeyError: 'large'", "git clone --", "make keep REPO=acme/worker-a"),
    ):
        assert said in text
    (document,) = causes_dicts_of(one)
    assert document["verdict_text"] in text
    assert document["spent_text"] in text
    assert document["repositories"][0]["findings"][0]["text"] in text
    assert document["reproduce"] == [line.strip() for line in text.partition("See it again:\n")[2].split("\n")]


def causes_dicts_of(*causes: Cause) -> list[dict[str, Any]]:
    """As scripts and pages get them."""
    return causes_dicts(Causes(causes=causes), "local")


def log(tail: str, **others: str) -> dict[str, Any]:
    """Evidence of a check."""
    return {"kind": "log", "name": "build log", "tail": tail, **others}


def test_the_line_that_tells_is_shown_with_its_neighbours() -> None:
    lines = [f"line {number}" for number in range(50)]
    lines[20] = "ModuleNotFoundError: No module named 'runpod'"
    found = excerpt_of("handler.py: ModuleNotFoundError: No module named 'runpod'", [log("\n".join(lines))])
    assert found is not None
    assert found.telling == AROUND
    assert found.lines == lines[20 - AROUND : 21 + AROUND]
    end = excerpt_of("it ended with exit code 1", [log("x"), log("\n".join(lines), name="run log")])
    assert end is not None
    assert end.name == "run log"
    assert end.telling is None
    assert end.lines == lines[-2 * AROUND - 1 :]


def test_what_is_no_log_shows_nothing() -> None:
    for evidence in (None, [], {}, "x", [None], [{"kind": "value", "tail": "x"}], [log("")], [log("\n\n")]):
        assert excerpt_of("why", evidence) is None
    long = excerpt_of("why", [log("\x1b[31m" + "x" * 9_000)])
    assert long is not None
    assert long.lines == ["x" * LONGEST_LINE]
    assert replace(cause(), log=long).log is long
