"""What the protocol expects of a whole report is what the validator's pipeline makes."""

from __future__ import annotations

import pytest

from janitor.protocol.expected_checks import EXPECTED_CHECKS, LAST_CHECK, SUCCESS_NEEDS
from janitor.protocol.rollup import HANDLER_CHECKS
from janitor.protocol.statuses import CheckName, Engine
from janitor.validator.pipeline import CLEANUP, PIPELINE


def test_the_pipeline_makes_exactly_the_expected_checks() -> None:
    assert {step.name.value for step in PIPELINE} == EXPECTED_CHECKS - {LAST_CHECK}
    assert CLEANUP.name.value == LAST_CHECK
    assert [step.name for step in (*PIPELINE, CLEANUP)] == list(CheckName)


@pytest.mark.parametrize("engine", Engine)
def test_no_handler_test_runs_without_what_a_success_needs(engine: Engine) -> None:
    needs = {step.name.value: {need.value for need in step.needs} for step in PIPELINE}
    for test in HANDLER_CHECKS:
        # The start of the container isn't a prerequisite in the pipeline; it is required where there is a container.
        assert SUCCESS_NEEDS[engine] - needs[test] <= {"container_start"}
        assert needs[test] <= SUCCESS_NEEDS[engine]
