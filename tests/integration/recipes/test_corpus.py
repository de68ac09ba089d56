"""The corpus of broken repositories: `make repair-bench` measures all of it, this a case of each kind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from janitor.domain.experiment.experiment import Observed
from janitor.domain.repair.proposal import Abstained
from janitor.services.repair.recipes.table import RECIPES
from tests.corpus.repairs.__main__ import judge_all
from tests.corpus.repairs.case import Truth
from tests.corpus.repairs.catalogue import CASES
from tests.corpus.repairs.judging import Judged
from tests.corpus.repairs.tally import Tally
from tests.support.repairs import observation

QUICK = ("hub_runs_on_case", "drift_direct", "flaky_drift", "code_syntax")


def test_the_corpus_is_labelled_and_a_third_of_it_held_out() -> None:
    assert len(CASES) >= 60
    assert len({case.name for case in CASES}) == len(CASES)
    assert {case.truth for case in CASES} == set(Truth)
    assert 0.25 <= sum(case.held_out for case in CASES) / len(CASES) <= 0.4
    for case in CASES:
        assert case.subject != "other", case.name
        assert (case.recipe is not None) == (case.truth is Truth.RECIPE), case.name
        assert case.signature is not None or case.truth is Truth.ELSEWHERE, case.name
    # What only an image or a GPU shows is not seen here: those recipes have their unit tests.
    assert {case.recipe for case in CASES} - {None} == {recipe.name for recipe in RECIPES} - {"uv_path", "cudnn"}


def test_a_case_of_each_kind(tmp_path: Path) -> None:
    cases = [case for case in CASES if case.name in QUICK]
    assert len(cases) == len(QUICK)
    tally = Tally(list(judge_all(cases, tmp_path, jobs=2)))
    assert tally.wrong == {}
    states = {each.case.name: each.state for each in tally.known}
    assert states == {
        "hub_runs_on_case": "proven",
        "drift_direct": "proven",
        "flaky_drift": "disproven",
        "code_syntax": "abstained",
    }
    document = json.loads(json.dumps(tally.document()))
    assert document["all"]["proven"] == 2
    assert document["false_proofs"] == []


@pytest.mark.parametrize(("truth", "says"), [(Truth.RECIPE, "abstained"), (Truth.AGENT, None)])
def test_the_tally_names_what_is_wrong(truth: Truth, says: str | None) -> None:
    [case] = [case for case in CASES if case.name == "healthy"]
    red = observation(Observed.RED, None, signature="1" * 16)
    case = type(case)(**{**case.__dict__, "truth": truth})
    judged = Judged(case=case, red=red, proposed=Abstained(reason="no model"))
    wrong = Tally([judged]).wrong
    assert wrong == ({} if says is None else {"healthy": "abstained: no model"})


def test_the_whole_corpus(tmp_path: Path) -> None:
    tally = Tally(list(judge_all(CASES, tmp_path, jobs=2)))
    assert tally.wrong == {}
    assert tally.false_proofs == []
    assert tally.proven_share >= 0.4
