"""Whether a report answers what was asked: everything that the control plane knows is compared, nothing is taken from
the report's own word. A report that differs anywhere is no verdict on this validation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import UUID

from janitor.protocol.public_url import public_url
from janitor.protocol.report import SHA_PATTERN, Report
from janitor.protocol.terms.expected_checks import EXPECTED_CHECKS, HANDLER_CHECKS, LAST_CHECK, SUCCESS_NEEDS
from janitor.protocol.terms.proven import ProofLevel
from janitor.protocol.terms.rollup import proof_level_of, roll_up
from janitor.protocol.terms.statuses import CheckName, CheckStatus, EngineChoice, ReportStatus

_SHOWN = 80
_FULL_SHA = re.compile(SHA_PATTERN, re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Ordered:
    """What a validator was asked."""

    run_id: UUID
    name: str
    organization: str
    url: str
    ref: str | None
    prompt: str
    gpu_required: bool
    engine: EngineChoice
    patch_sha256: str | None = None
    """Of the patch that was to be applied first."""


def mismatch(report: Report, ordered: Ordered) -> str | None:
    """The first field in which a report differs from what was asked, in words; None if there is none."""
    told, commit = report.repository, report.repository.commit_sha
    fields = (
        ("run_id", report.run_id, str(ordered.run_id)),
        ("repository.name", told.name, ordered.name),
        ("repository.organization", told.organization, ordered.organization),
        ("repository.url", told.url, public_url(ordered.url)),
        ("repository.ref", told.ref, ordered.ref),
        ("prompt", report.prompt, ordered.prompt),
    )
    for field, said, asked in fields:
        if said != asked:
            return f"{field} is {_short(said)}, not {_short(asked)}"
    asked_commit = ordered.ref.lower() if ordered.ref is not None and _FULL_SHA.fullmatch(ordered.ref) else None
    if None not in (commit, asked_commit) and commit != asked_commit:
        return f"repository.commit_sha is {commit}, not the {asked_commit} that was asked for"
    if report.patch_sha256 != ordered.patch_sha256 and not _ended_before_the_patch(report):
        return f"patch_sha256 is {_short(report.patch_sha256)}, not {_short(ordered.patch_sha256)}"
    asked_engine = None if ordered.engine is EngineChoice.AUTO else ordered.engine.value
    if report.engine is not None and asked_engine is not None and report.engine.value != asked_engine:
        return f"engine is {report.engine.value}, not {asked_engine}"
    return _unlike_its_checks(report) or _unlike_a_success(report, ordered)


def _ended_before_the_patch(report: Report) -> bool:
    """Whether it says that nothing was applied, as the checkout with its patch came to no end."""
    if report.patch_sha256 is not None:
        return False
    return not any(each.name == CheckName.CHECKOUT and each.status is CheckStatus.PASS for each in report.checks)


def _unlike_its_checks(report: Report) -> str | None:
    """What its checks don't make."""
    names = {check.name for check in report.checks}
    expected = EXPECTED_CHECKS - {LAST_CHECK} if report.partial and LAST_CHECK not in names else EXPECTED_CHECKS
    if missing := sorted(expected - names):
        return f"checks lacks {', '.join(missing)}"
    if unknown := sorted(names - expected):
        return f"checks has {', '.join(unknown)}, which no validator of this version makes"
    rolled = roll_up(report.checks)
    for field, said, made in (
        ("status", report.status.value, rolled.status.value),
        ("reason_code", report.reason_code, rolled.reason_code),
        ("failing_check", report.failing_check, rolled.failing_check),
    ):
        if said != made:
            return f"{field} is {_short(said)}, but the checks make it {_short(made)}"
    proved = proof_level_of(report.engine, report.checks)
    # An older validator says none.
    if report.proof_level is not None and report.proof_level is not proved:
        return f"proof_level is {report.proof_level.value}, but its engine and its checks make it {_level(proved)}"
    return None


def _level(level: ProofLevel | None) -> str:
    return "none" if level is None else level.value


def _unlike_a_success(report: Report, ordered: Ordered) -> str | None:
    """What a success of this order can't lack."""
    if report.status is not ReportStatus.SUCCESS:
        return None
    if report.engine is None:
        return "engine is missing, though something was tested"
    passed = {check.name for check in report.checks if check.status is CheckStatus.PASS}
    if missing := sorted(SUCCESS_NEEDS[report.engine] - passed):
        return f"checks has {missing[0]} not passed, without which the {report.engine.value} engine tests nothing"
    if not passed & HANDLER_CHECKS:
        return "checks has no handler test that passed"
    if ordered.gpu_required and not report.gpu_available:
        return "gpu_available is not true, though a GPU was required"
    return None


def _short(value: str | None) -> str:
    text = repr(value) if value is not None else "missing"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
