"""What the protocol expects of a whole report is what the validator's pipeline makes."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from janitor.protocol.terms.expected_checks import EXPECTED_CHECKS, LAST_CHECK, SUCCESS_NEEDS
from janitor.protocol.terms.rollup import HANDLER_CHECKS
from janitor.protocol.terms.statuses import CheckName, CheckStatus, Engine
from janitor.validator.pipeline.order import CLEANUP, PIPELINE, run_checks
from janitor.validator.pipeline.results import Met, Result, Unmet
from janitor.validator.pipeline.steps import StepRunner


def test_the_pipeline_makes_exactly_the_expected_checks() -> None:
    assert {step.name.value for step in PIPELINE} == EXPECTED_CHECKS - {LAST_CHECK}
    assert CLEANUP.name.value == LAST_CHECK
    assert [step.name for step in (*PIPELINE, CLEANUP)] == list(CheckName)


class Halfway(StepRunner):
    """Lets every check pass but one, and keeps what each was given."""

    checks = ()

    def __init__(self, failing: str | None) -> None:
        self.failing = failing
        self.needs: dict[str, object] = {}

    def __call__(self, step, _check, need, /):
        self.needs[step.name.value] = need
        if isinstance(need, Unmet):
            return Result(name=step.name, status=CheckStatus.SKIP, reason_code="prerequisite_failed", kept_by=need)
        status = CheckStatus.FAIL if step.name.value == self.failing else CheckStatus.PASS
        return Result(name=step.name, status=status, reason_code="broken", produced=Met(SimpleNamespace(worker=None)))


def needs_with(failing: str | None) -> dict[str, object]:
    run = Halfway(failing)
    run_checks(run)
    return run.needs


@pytest.mark.parametrize("engine", Engine)
def test_no_handler_test_runs_without_what_a_success_needs(engine: Engine) -> None:
    # The start of the container isn't a prerequisite in the pipeline; it is required where there is a container.
    for need in SUCCESS_NEEDS[engine] - {"container_start"}:
        told = needs_with(need)
        assert [told[test] for test in HANDLER_CHECKS] == [Unmet(f"{need} did not pass (broken)")] * len(HANDLER_CHECKS)


def test_no_other_check_keeps_the_handler_tests_from_being_run() -> None:
    needed = frozenset.union(*SUCCESS_NEEDS.values()) - {"container_start"}
    for name in EXPECTED_CHECKS - needed - HANDLER_CHECKS - {LAST_CHECK}:
        told = needs_with(name)
        assert all(isinstance(told[test], Met) for test in HANDLER_CHECKS), name


def test_the_api_is_not_asked_once_the_local_mode_has_failed() -> None:
    told = needs_with("handler_local")
    assert told["handler_api"] == Unmet("handler_local did not pass (broken)")
    assert isinstance(told["log_scan"], Met)
