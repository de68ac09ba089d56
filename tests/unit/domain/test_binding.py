"""A report is bound to what was asked: one that differs in anything that the control plane knows is no verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from janitor.domain.result.binding import Ordered, mismatch
from janitor.domain.result.outcome import conclude
from janitor.domain.states import ValidationStatus
from janitor.protocol.report import Check, Report
from janitor.protocol.terms.proven import ProofLevel
from janitor.protocol.terms.rollup import roll_up
from janitor.protocol.terms.statuses import CheckStatus, Engine, EngineChoice, ReportStatus
from tests.support.reports import COMMIT, check_of, every_check, report_of
from tests.unit.domain.test_outcome import FINISHED

RUN = UUID(int=2)
ORDERED = Ordered(
    run_id=RUN,
    name="worker-a",
    organization="acme",
    url="https://user@example.com/x",
    ref=None,
    prompt="look at it",
    gpu_required=False,
    engine=EngineChoice.AUTO,
)


def whole(*checks: Check, **skipped: str) -> Report:
    """A whole report of these checks, as the venv engine's."""
    report = report_of(FINISHED.validation_id, RUN, check_of("handler_local"))
    every = every_check(*checks, **{"image": "engine_venv", "container_start": "engine_venv", **skipped})
    rolled = roll_up(every)
    return replace(
        report,
        checks=every,
        status=rolled.status,
        reason_code=rolled.reason_code,
        failing_check=rolled.failing_check,
        signature=None,
    )


def test_a_report_is_of_the_patch_that_was_ordered() -> None:
    asked = replace(ORDERED, patch_sha256="a" * 64)
    assert mismatch(replace(whole(), patch_sha256="a" * 64), asked) is None
    for report, ordered in (
        (whole(), asked),
        (replace(whole(), patch_sha256="b" * 64), asked),
        (replace(whole(), patch_sha256="a" * 64), ORDERED),
    ):
        assert "patch_sha256 is " in (mismatch(report, ordered) or "")


def test_a_checkout_that_did_not_end_has_applied_nothing() -> None:
    asked = replace(ORDERED, patch_sha256="a" * 64)
    report = whole(check_of("checkout", CheckStatus.ERROR))
    assert mismatch(report, asked) is None
    assert "patch_sha256 is " in (mismatch(replace(report, patch_sha256="b" * 64), asked) or "")


def told(report: Report, **fields: Any) -> Report:
    return replace(report, repository=replace(report.repository, **fields))


def test_a_report_that_answers_what_was_asked_is_bound() -> None:
    assert mismatch(whole(), ORDERED) is None
    assert whole().status is ReportStatus.SUCCESS
    assert mismatch(whole(check_of("handler_local", CheckStatus.FAIL)), ORDERED) is None
    assert mismatch(told(whole(), ref=COMMIT), replace(ORDERED, ref=COMMIT)) is None
    assert mismatch(replace(whole(), gpu_available=True), replace(ORDERED, gpu_required=True)) is None
    assert mismatch(replace(whole(), proof_level=ProofLevel.ENVIRONMENT), ORDERED) is None


@pytest.mark.parametrize(
    ("field", "forge", "ordered"),
    [
        ("run_id", lambda report: replace(report, run_id=str(UUID(int=3))), ORDERED),
        ("repository.name", lambda report: told(report, name="other"), ORDERED),
        ("repository.organization", lambda report: told(report, organization="other"), ORDERED),
        ("repository.url", lambda report: told(report, url="https://example.com/y"), ORDERED),
        ("repository.ref", lambda report: told(report, ref="main"), ORDERED),
        ("repository.commit_sha", lambda report: told(report, ref="b" * 40), replace(ORDERED, ref="b" * 40)),
        ("prompt", lambda report: replace(report, prompt="look away"), ORDERED),
        ("engine", lambda report: report, replace(ORDERED, engine=EngineChoice.DOCKER)),
        ("engine", lambda report: replace(report, engine=None), ORDERED),
        ("gpu_available", lambda report: report, replace(ORDERED, gpu_required=True)),
        ("checks lacks layout", lambda report: without(report, "layout"), ORDERED),
        ("checks lacks cleanup", lambda report: without(report, "cleanup"), ORDERED),
        ("checks has all_is_well", lambda report: with_more(report, check_of("all_is_well")), ORDERED),
        ("reason_code", lambda report: replace(report, reason_code="all_is_well"), ORDERED),
        ("checks has build not passed", lambda _: whole(build="not_needed"), ORDERED),
        ("checks has container_start not passed", lambda report: replace(report, engine=Engine.DOCKER), ORDERED),
        ("checks", lambda report: replace(report, checks=(check_of("handler_local"),)), ORDERED),
        ("proof_level is image", lambda report: replace(report, proof_level=ProofLevel.IMAGE), ORDERED),
    ],
)  # fmt: skip
def test_what_differs_is_no_verdict(field: str, forge: Callable[[Report], Report], ordered: Ordered) -> None:
    report = forge(whole())
    assert (mismatch(report, ordered) or "").startswith(field)
    # Its proof may be right: who forged the validator itself must still answer what was asked.
    ended = conclude(replace(FINISHED, report=report, proven=True, ordered=ordered))
    assert (ended.status, ended.reason_code) == (ValidationStatus.ERROR, "report_mismatch")
    assert field in ended.summary


def with_more(report: Report, check: Check) -> Report:
    return replace(report, checks=(*report.checks, check))


def without(report: Report, name: str) -> Report:
    return replace(report, checks=tuple(check for check in report.checks if check.name != name))


def test_a_partial_report_may_lack_the_cleanup_alone() -> None:
    cut = replace(whole(check_of("handler_local", CheckStatus.FAIL)), partial=True)
    assert mismatch(without(cut, "cleanup"), ORDERED) is None
    assert mismatch(without(cut, "layout"), ORDERED) is not None
