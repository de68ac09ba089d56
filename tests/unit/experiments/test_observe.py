"""What an experiment's end means: green and red are said of what can be compared alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import pytest

from janitor.domain.experiment.experiment import Observation, Observed
from janitor.domain.experiment.observe import observation_of
from janitor.domain.result.outcome import Conclusion
from janitor.domain.states import ValidationStatus
from janitor.protocol.order.patch import Patch
from janitor.protocol.report import Check, Report
from janitor.protocol.terms.provenance import Machine, Provenance
from janitor.protocol.terms.statuses import CheckStatus, Engine
from tests.support.experiments import experiment_of, plan_of, repeated_of
from tests.support.reports import check_of, report_of

VALIDATION, RUN = UUID(int=1), UUID(int=2)
PATCH = Patch.of("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n")


def report(*checks: Check, instance_type: str | None = None, artefact: str = "a" * 64) -> Report:
    machine = None if instance_type is None else Machine(instance_type=instance_type)
    provenance = Provenance(validator_sha256=artefact, machine=machine)
    return report_of(VALIDATION, RUN, *checks, provenance=provenance)


RED = report(check_of("build"), check_of("handler_local", CheckStatus.FAIL), check_of("log_scan", CheckStatus.FAIL))
GREEN = report(check_of("build"), check_of("handler_local"), check_of("log_scan"))
PLAN = plan_of("https://example.com/x")


def observed(
    found: Report | None, status: ValidationStatus | None = None, *, patch: Patch | None = PATCH, on: str | None = None
) -> Observation:
    if found is not None and patch is not None and found.patch_sha256 is None:
        found = replace(found, patch_sha256=patch.sha256)
    ended = status or ValidationStatus(found.status.value if found is not None else "error")
    conclusion = Conclusion(
        status=ended,
        reason_code=None if found is None else found.reason_code,
        summary="it ended" if found is None else found.summary,
        failing_check=None if found is None else found.failing_check,
        timeout_enforced=False,
        report=None,
    )
    experiment = experiment_of(repeated_of(RED, PLAN, instance_type=on), patch)
    return observation_of(
        found, experiment=experiment, conclusion=conclusion, validation_id=VALIDATION, cost_usd=Decimal("0.02")
    )


def test_a_success_that_proves_what_was_looked_at_is_green() -> None:
    seen = observed(GREEN)
    assert (seen.observed, seen.signature) == (Observed.GREEN, None)
    assert (seen.validation_id, seen.cost_usd) == (VALIDATION, Decimal("0.02"))
    assert seen.report is not None
    assert seen.report.patch_sha256 == PATCH.sha256


def test_a_failure_with_its_cause_is_red() -> None:
    seen = observed(RED, patch=None)
    assert RED.signature is not None
    assert (seen.observed, seen.signature) == (Observed.RED, RED.signature.id)
    assert seen.reason.startswith("handler_local_fail: ")


@pytest.mark.parametrize(
    "status",
    [
        *(ValidationStatus.ERROR, ValidationStatus.TIMED_OUT, ValidationStatus.INCOMPLETE, ValidationStatus.CANCELLED),
    ],
)
@pytest.mark.parametrize("found", [None, GREEN, RED], ids=["none", "green", "red"])
def test_every_other_end_tells_nothing(found: Report | None, status: ValidationStatus) -> None:
    seen = observed(found, status)
    assert seen.observed is Observed.INCONCLUSIVE
    assert status.value in seen.reason


@pytest.mark.parametrize("status", [ValidationStatus.SUCCESS, ValidationStatus.FAILED])
def test_a_word_without_its_report_tells_nothing(status: ValidationStatus) -> None:
    assert observed(None, status).observed is Observed.INCONCLUSIVE


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("handler_local", CheckStatus.SKIP, "handler_local was fail and is skip"),
        ("build", CheckStatus.SKIP, "build was pass and is skip"),
        ("log_scan", CheckStatus.ERROR, "log_scan was fail and is error"),
    ],
)
def test_a_check_that_is_passed_over_is_not_mended(name: str, change: CheckStatus, said: str) -> None:
    # What passes over it counts it no more, so that the report as a whole still says success.
    checks = tuple(
        replace(check_of(each.name, change), required=False) if each.name == name else each for each in GREEN.checks
    )
    seen = observed(replace(GREEN, checks=checks))
    assert seen.observed is Observed.INCONCLUSIVE
    assert said in seen.reason


def test_a_check_that_is_gone_is_not_mended() -> None:
    seen = observed(replace(GREEN, checks=GREEN.checks[:-1]))
    assert "log_scan was fail and is gone" in seen.reason


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda each: replace(each, partial=True), "cut short"),
        (lambda each: replace(each, engine=Engine.DOCKER), "engine is docker"),
        (lambda each: replace(each, patch_sha256="b" * 64), "of the patch"),
        (lambda each: replace(each, repository=replace(each.repository, commit_sha="b" * 40)), "of commit"),
    ],
)
def test_what_can_not_be_compared_tells_nothing(change: Callable[[Report], Report], said: str) -> None:
    seen = observed(change(GREEN))
    assert seen.observed is Observed.INCONCLUSIVE
    assert said in seen.reason


def test_a_control_with_a_patch_tells_nothing() -> None:
    seen = observed(replace(RED, patch_sha256=PATCH.sha256), patch=None)
    assert seen.observed is Observed.INCONCLUSIVE


def test_another_instance_type_tells_nothing() -> None:
    seen = observed(report(*GREEN.checks[1:], instance_type="g4dn.xlarge"), on="g5.xlarge")
    assert (seen.observed, "ran on g4dn.xlarge" in seen.reason) == (Observed.INCONCLUSIVE, True)
    assert observed(report(*GREEN.checks[1:], instance_type="g5.xlarge"), on="g5.xlarge").observed is Observed.GREEN


def test_a_machine_that_is_no_instance_is_named() -> None:
    assert observed(GREEN, on="g5.xlarge").reason.endswith(" (not on g5.xlarge)")
    assert "not on" not in observed(GREEN).reason


def test_another_validator_is_named() -> None:
    seen = observed(report(*GREEN.checks[1:], artefact="b" * 64))
    assert (seen.observed, "by another validator" in seen.reason) == (Observed.GREEN, True)
    assert "validator" not in observed(GREEN).reason
