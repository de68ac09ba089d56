"""A repair is proved by a green with it and a red without it, alike in all but the patch; nothing else proves one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest

from janitor.domain.errors import BudgetRefusedError
from janitor.domain.experiment.experiment import ExperimentPurpose, Observation, Observed
from janitor.domain.repair.proof import Proof, comes_and_goes, executed_cases
from janitor.domain.repair.proposal import Failure
from janitor.domain.repair.states import RepairState
from janitor.domain.result.provenance_changes import changes_between
from janitor.protocol.terms.statuses import CheckName, CheckStatus
from janitor.services.repair.prove import prove
from tests.support.repairs import (
    GREEN_CHECKS,
    RED_CHECKS,
    Scripted,
    api_check,
    failure_of,
    green,
    judged,
    made_of,
    observation,
    proposal_of,
    red,
)
from tests.support.reports import check_of

PROPOSAL = proposal_of()
SHA = PROPOSAL.patch.sha256
PROVEN, DISPROVEN, INCONCLUSIVE = RepairState.PROVEN, RepairState.DISPROVEN, RepairState.INCONCLUSIVE
LOCAL, API = CheckName.HANDLER_LOCAL.value, CheckName.HANDLER_API.value
GOOD = judged(*GREEN_CHECKS)
SKIPPED = check_of("model_urls", CheckStatus.SKIP, code="no_network")


@dataclass(frozen=True, kw_only=True)
class Row:
    """What was observed, and what it proves."""

    name: str
    state: RepairState
    says: str
    answers: tuple[Observation, ...]
    failure: Failure | None = None


def unlike(name: str, says: str, patched: Observation, control: Observation | None = None) -> Row:
    """Reports that can't be held against each other."""
    return Row(name=name, state=INCONCLUSIVE, says=says, answers=(patched, *((control,) if control else ())))


FLIPPING = failure_of(judged(*RED_CHECKS), last_good=judged(*GREEN_CHECKS))
WITH_MODEL = judged(check_of("model_urls", CheckStatus.FAIL, code="model_gone"), *GREEN_CHECKS)
RELEASED = failure_of(
    judged(*RED_CHECKS, provenance=made_of({"a": "2"})), last_good=judged(provenance=made_of({"a": "1"}))
)
"""A release of something came between."""

ROWS = (
    Row(name="proven", state=PROVEN, says="red without it by the same cause", answers=(green(SHA), red())),
    Row(name="still red", state=DISPROVEN, says="by the same cause", answers=(red(SHA),)),
    Row(name="red otherwise", state=DISPROVEN, says="by another cause", answers=(red(SHA, signature="f" * 16),)),
    Row(name="gone by itself", state=DISPROVEN, says="gone by itself", answers=(green(SHA), green(None))),
    Row(
        name="another red without it",
        state=INCONCLUSIVE,
        says="by another cause",
        answers=(green(SHA), red(signature="f" * 16)),
    ),
    Row(
        name="trouble with it",
        state=INCONCLUSIVE,
        says="with it: no capacity",
        answers=(observation(Observed.INCONCLUSIVE, None, reason="no capacity"),),
    ),
    Row(
        name="trouble without it",
        state=INCONCLUSIVE,
        says="without it: no capacity",
        answers=(green(SHA), observation(Observed.INCONCLUSIVE, None, reason="no capacity")),
    ),
    Row(
        name="no report",
        state=INCONCLUSIVE,
        says="its report is not there",
        answers=(replace(green(SHA), report=None),),
    ),
    unlike("another patch", "of another patch", green("2" * 64)),
    unlike("no patch", "of another patch, or of none", green(None)),
    unlike("a patched control", "should be without it", green(SHA), red(SHA)),
    unlike("another commit", "it is of commit", green(SHA, commit="f" * 40)),
    unlike("another validator", "different validators", green(SHA), red(provenance=made_of(validator="2" * 64))),
    unlike("an unknown validator", "different validators", green(SHA), red(provenance=made_of(validator=None))),
    unlike("another machine", "ran on", green(SHA), red(provenance=made_of(instance_type="g5.xlarge"))),
    # What a false fix does.
    Row(
        name="the test is gone",
        state=DISPROVEN,
        says="handler_api asked 1 cases, where it had asked 2",
        answers=(green(SHA, check_of(LOCAL), api_check(1)), red(None, RED_CHECKS[1], api_check(2))),
    ),
    Row(
        name="fail becomes skip",
        state=DISPROVEN,
        says="handler_local was fail and is skip",
        answers=(
            green(SHA, GREEN_CHECKS[0], replace(check_of(LOCAL, CheckStatus.SKIP), required=False), api_check(2)),
            red(),
        ),
    ),
    Row(
        name="a check is gone",
        state=DISPROVEN,
        says="deps_resolve was pass and is gone",
        answers=(green(SHA, check_of(LOCAL), api_check(2)), red()),
    ),
    Row(
        name="a new fail that doesn't count",
        state=DISPROVEN,
        says="log_scan fails, and didn't",
        answers=(green(SHA, *GREEN_CHECKS, replace(check_of("log_scan", CheckStatus.FAIL), required=False)), red()),
    ),
    Row(
        name="less than its last success",
        state=DISPROVEN,
        says="handler_api asked 1 cases, where it had asked 2",
        failure=failure_of(last_good=GOOD, changes=changes_between(judged(commit="e" * 40), GOOD)),
        answers=(green(SHA, check_of("deps_resolve"), check_of(LOCAL), api_check(1)), red()),
    ),
    # What may come and go by itself.
    Row(
        name="a flaky red",
        state=DISPROVEN,
        says="gone by itself",
        failure=FLIPPING,
        answers=(green(SHA), red(), green(SHA), green(None)),
    ),
    Row(
        name="a red that came with a release of something else, and was gone by chance",
        state=DISPROVEN,
        says="red with it",
        failure=RELEASED,
        answers=(green(SHA), red(), red(SHA)),
    ),
    Row(
        name="a red that stays",
        state=PROVEN,
        says="red without it",
        failure=FLIPPING,
        answers=(green(SHA), red(), green(SHA), red()),
    ),
    Row(
        name="network",
        state=DISPROVEN,
        says="gone by itself",
        failure=failure_of(WITH_MODEL),
        answers=(green(SHA), red(), green(SHA), green(None)),
    ),
)


def proved(row: Row, limit: str | None = None) -> tuple[Proof, Scripted]:
    laboratory = Scripted(list(row.answers))
    limit_usd = None if limit is None else Decimal(limit)
    proof = prove(laboratory, row.failure or failure_of(), PROPOSAL, key="repair-1", limit_usd=limit_usd)
    return proof, laboratory


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_what_observations_prove(row: Row) -> None:
    proof, laboratory = proved(row)
    assert proof.state is row.state, proof.reason
    assert row.says in proof.reason
    assert len(laboratory.asked) == len(row.answers)
    assert proof.cost_usd == Decimal("0.10") * len(row.answers)


def test_nothing_follows_a_red_with_the_patch() -> None:
    proof, laboratory = proved(Row(name="", state=DISPROVEN, says="", answers=(red(SHA), red())))
    assert (proof.state, proof.control, len(laboratory.asked)) == (DISPROVEN, None, 1)


def test_the_same_repair_asks_for_the_same_experiments() -> None:
    row = ROWS[0]
    first, second = (proved(row)[1].asked for _ in range(2))
    assert [each.experiment_id for each in first] == [each.experiment_id for each in second]
    assert len({each.experiment_id for each in first}) == 2
    assert [(each.purpose, each.patch) for each in first] == [
        (ExperimentPurpose.PATCHED, PROPOSAL.patch),
        (ExperimentPurpose.CONTROL, None),
    ]
    laboratory = Scripted([green(SHA), red()])
    prove(laboratory, failure_of(), PROPOSAL, key="repair-2", limit_usd=None)
    assert {each.experiment_id for each in laboratory.asked}.isdisjoint(each.experiment_id for each in first)


def test_what_is_asked_once_more_is_another_experiment() -> None:
    _, laboratory = proved(next(row for row in ROWS if row.name == "a red that stays"))
    assert len({each.experiment_id for each in laboratory.asked}) == 4
    assert [each.patch is None for each in laboratory.asked] == [False, True, False, True]


def test_at_the_limit_it_stops_and_says_what_is_spent() -> None:
    proof, laboratory = proved(ROWS[0], limit="0.15")
    assert (proof.state, len(laboratory.asked)) == (INCONCLUSIVE, 1)
    assert proof.cost_usd == proof.known_cost_usd == Decimal("0.10")
    assert "its limit of $0.15: $0.10 spent, the next could cost $0.10" in proof.reason
    assert proved(ROWS[0], limit="0.20")[0].state is PROVEN
    nothing, unasked = proved(ROWS[0], limit="0")
    assert (nothing.state, nothing.cost_usd, unasked.asked) == (INCONCLUSIVE, Decimal(0), [])


def test_an_unknown_price_is_not_nothing() -> None:
    answers = (green(SHA, cost=None), red())
    proof, _ = proved(Row(name="", state=PROVEN, says="", answers=answers), limit="1")
    assert (proof.state, proof.cost_usd, proof.known_cost_usd) == (PROVEN, None, Decimal("0.10"))


def test_a_budget_that_refuses_leaves_what_is_known() -> None:
    def refuse() -> Observation:
        raise BudgetRefusedError("the day's $1 are reserved; wait until tomorrow")

    answers: list[Observation | Callable[[], Observation]] = [green(SHA), refuse]
    proof = prove(Scripted(answers), failure_of(), PROPOSAL, key="k", limit_usd=None)
    assert (proof.state, proof.cost_usd) == (INCONCLUSIVE, Decimal("0.10"))
    assert "the day's $1 are reserved" in proof.reason
    assert proof.patched is not None


def test_a_cause_that_came_while_the_commit_stayed_may_come_and_go() -> None:
    assert comes_and_goes(FLIPPING)
    assert comes_and_goes(RELEASED)
    assert comes_and_goes(failure_of(judged(check_of("build", CheckStatus.FAIL, code="deadline"))))
    assert not comes_and_goes(failure_of())


def test_the_test_input_counts_for_nothing_whoever_asks_it() -> None:
    assert executed_cases(judged(api_check(3, with_test_input=True))) == {API: 2}
    assert executed_cases(judged(api_check(2))) == {API: 2}
    assert executed_cases(judged(check_of(API, CheckStatus.SKIP))) == {}
