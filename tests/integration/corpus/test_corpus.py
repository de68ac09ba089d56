"""A part of the labelled corpus: what can be judged in seconds. `make accuracy` judges all of it."""

from __future__ import annotations

import itertools

import pytest

from janitor.protocol.terms.statuses import CheckName, CheckStatus, ReportStatus
from tests.corpus.__main__ import judge_all
from tests.corpus.case import Case, Kind, fails, passes
from tests.corpus.catalogue import all_cases
from tests.corpus.judging import STATIC_NAMES, Seen, SeenCheck, asks_network, judge_statically, make_repository
from tests.corpus.matrix import Matrix
from tests.corpus.real import FOLDER
from tests.corpus.static import STATIC

PASS, FAIL, ERROR, SKIP = CheckStatus.PASS, CheckStatus.FAIL, CheckStatus.ERROR, CheckStatus.SKIP
HELD_HERE = {
    CheckName.CHECKOUT: {PASS, FAIL, ERROR},
    CheckName.LAYOUT: {PASS, FAIL, SKIP},
    CheckName.DOCKERFILE_PARSE: {PASS, FAIL},
    CheckName.HUB_SCHEMA: {PASS, FAIL, SKIP},
    CheckName.TESTS_SCHEMA: {PASS, FAIL, SKIP},
    CheckName.CONFIG_CONSISTENCY: {PASS, FAIL, SKIP},
    CheckName.TEST_INPUT: {PASS, FAIL, SKIP},
    CheckName.PYTHON_STATIC: {PASS, FAIL, SKIP},
    CheckName.PINS: {PASS, FAIL, SKIP},
    CheckName.CI_REFS: {PASS, FAIL, SKIP},
    CheckName.BASE_IMAGE_EXISTS: {PASS, FAIL, ERROR, SKIP},
    CheckName.MODEL_URLS: {PASS, FAIL, ERROR, SKIP},
    CheckName.DEPS_RESOLVE: {PASS, FAIL, ERROR, SKIP},
    CheckName.HOST: {PASS, ERROR, SKIP},
    CheckName.BUILD: {PASS, FAIL, ERROR, SKIP},
    CheckName.HANDLER_LOCAL: {PASS, FAIL, ERROR, SKIP},
    CheckName.HANDLER_API: {PASS, FAIL, ERROR, SKIP},
    CheckName.NEGATIVE_INPUT: {PASS, FAIL, SKIP},
    CheckName.LOG_SCAN: {PASS, FAIL, ERROR, SKIP},
    CheckName.CLEANUP: {PASS},
    CheckName.AGENT_PROMPT: {SKIP},
}
"""Which outcomes of each check a case holds, where the check can have them."""
NEEDS_DOCKER = {
    CheckName.IMAGE,
    CheckName.BUILD_TIME,
    CheckName.GPU_IN_CONTAINER,
    CheckName.CONTAINER_START,
}
"""Their cases are in the docker modules of tests/integration/validator, with a real engine."""

QUICK = ("healthy", "generator_raises", "nested_error", "cold_start_longer_than_the_test", "gpu_without_kernels")


@pytest.mark.parametrize("check", CheckName)
def test_every_check_has_a_case_for_each_of_its_outcomes(check):
    if check in NEEDS_DOCKER:
        assert check not in HELD_HERE
        return
    held = {expected.status for case in all_cases() for expected in case.expected if expected.check is check}
    assert held >= HELD_HERE[check]


def test_names_are_unique_and_every_verdict_has_its_case():
    cases = all_cases()
    assert len({case.name for case in cases}) == len(cases)
    assert {case.truth for case in cases} == set(ReportStatus)
    for case in cases:
        assert case.subject != "other", f"{case.name}: `about` gives it the subject under which it is counted"
        assert case.kind is Kind.LOG or case.expected, case.name
        # Who says failed or error says it with a check that fails or errs.
        statuses = {expected.status for expected in case.expected}
        assert case.truth is not ReportStatus.FAILED or case.kind is Kind.LOG or FAIL in statuses, case.name


def of_static_checks(case: Case) -> bool:
    """Whether the case's expectations are those of static checks alone."""
    return case.url is None and not case.git and all(each.check in STATIC_NAMES for each in case.expected)


@pytest.mark.parametrize("case", [case for case in STATIC if of_static_checks(case)], ids=lambda case: case.name)
def test_static_case(case, tmp_path):
    repository = make_repository(case, tmp_path / "worker", "127.0.0.1:1")
    seen = judge_statically(repository, case, {}, tmp_path / "packages", network=False)
    assert seen.differs(case) == [], seen.output


def test_network_cases(tmp_path):
    cases = [case for case in all_cases() if case.kind is Kind.STATIC and asks_network(case)]
    assert len(cases) >= 10
    matrix = Matrix(judge_all(cases, tmp_path, jobs=2))
    assert matrix.wrong == {}


def test_logs_of_the_real_sdk(tmp_path):
    cases = [case for case in all_cases() if case.kind is Kind.LOG]
    if not cases:
        pytest.skip(f"{FOLDER} is not here")
    assert Matrix(judge_all(cases, tmp_path, jobs=1)).wrong == {}


def test_whole_cases(tmp_path):
    cases = [case for case in all_cases() if case.name in QUICK]
    assert len(cases) == len(QUICK)
    matrix = Matrix(judge_all(cases, tmp_path, jobs=2))
    assert matrix.wrong == {}
    assert matrix.false_greens == matrix.false_blames == []


def test_matrix_names_what_is_wrong():
    def case(name: str, truth: ReportStatus) -> Case:
        expected = (fails(CheckName.PINS, "x") if truth is ReportStatus.FAILED else passes(CheckName.PINS),)
        return Case(name=name, holds="a test", truth=truth, expected=expected)

    def seen(status: ReportStatus) -> Seen:
        is_failed = status is ReportStatus.FAILED
        check = SeenCheck(FAIL, "x", True, "because") if is_failed else SeenCheck(PASS, None, True, None)
        return Seen(status=status, checks={"pins": check}, output="")

    pairs = itertools.product((ReportStatus.SUCCESS, ReportStatus.FAILED), repeat=2)
    judged = {f"{truth.value}_{status.value}": (case("c", truth), seen(status)) for truth, status in pairs}
    matrix = Matrix({**judged, "crashed": (case("c", ReportStatus.SUCCESS), "OSError: no disk")})
    assert matrix.false_greens == ["failed_success"]
    assert matrix.false_blames == ["success_failed"]
    assert set(matrix.wrong) == {"failed_success", "success_failed", "crashed"}
    assert "5 cases, 3 wrong: 1 false greens, 1 false blames" in "\n".join(matrix.lines())
