"""Whose fault an installation that failed is, in an environment that may lack what the image has."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass

from janitor.diagnosis.capability_gaps import base_has_build_tools, may_come_from_elsewhere
from janitor.diagnosis.failure_rules import build_trouble, lacks_build_tools, missing_requirements
from janitor.diagnosis.rules.rule import Trouble
from janitor.guest.processes.supervisor import Outcome
from janitor.inspection.capability_gap import Gap, listed
from janitor.inspection.install.install import Install, InstallPlan
from janitor.protocol.report import Evidence
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.validator.context import CheckContext
from janitor.validator.engines.venv.private_index import private_index_trouble
from janitor.validator.facts import WorkerFacts
from janitor.validator.findings import Finding, errored, failed
from janitor.validator.requirement_locations import requirement_locations

_OF_GAPS = frozenset(
    {
        ReasonCode.DEPENDENCY_BUILD,
        ReasonCode.DEPENDENCY_PYTHON,
        ReasonCode.DEPENDENCY_NOT_FOUND,
        ReasonCode.REQUIREMENTS_MISSING,
    }
)
_SHORT_TAIL = 16_000


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """An installation that failed."""

    install: Install
    plan: InstallPlan
    """Of which it is a part."""
    gaps: Sequence[Gap]
    """What the image has and this place lacks."""
    outcome: Outcome
    missing: frozenset[str]
    """Absolute paths in the image that it names and that aren't there yet."""


def failed_install(
    context: CheckContext, facts: WorkerFacts, attempt: Attempt, evidence: Sequence[Evidence]
) -> Finding:
    """What an installation's failure says of the repository."""
    install, outcome = attempt.install, attempt.outcome
    text = outcome.output.text[-_SHORT_TAIL:]
    trouble = build_trouble(text, outcome.exit_code) or missing_requirements(text)
    if trouble is not None and trouble.code == ReasonCode.DEPENDENCY_NOT_FOUND:
        trouble = private_index_trouble(context.settings, install.arguments, text) or trouble
    if trouble is None:
        # uv ends with 1 for what can't be resolved or built, and with 2 for what it could not do.
        return errored(
            ReasonCode.INSTALL_FAILED, f"the installer failed: {text.strip()[-300:]}", *evidence, outcome=outcome
        )
    if not trouble.repository_at_fault:
        return errored(trouble.code, trouble.reason, *evidence, outcome=outcome)
    if excuse := _excuse(facts, attempt, trouble, text):
        return errored(ReasonCode.ENGINE_LIMIT, f"{excuse}: {trouble.reason}", *evidence, outcome=outcome)
    reason = trouble.reason
    if trouble.code == ReasonCode.REQUIREMENTS_MISSING and _comes_later(facts, attempt):
        reason += f" (line {install.line} installs it, and a later line copies it)"
    locations = requirement_locations(text, reason, image=facts.image, tree=facts.tree, line=install.line)
    return failed(trouble.code, reason, *evidence, outcome=outcome, locations=locations)


def _comes_later(facts: WorkerFacts, attempt: Attempt) -> bool:
    """Whether the image has in the end what wasn't there to install from."""
    return attempt.install.stage is None and not attempt.missing.isdisjoint(facts.image_files)


def _excuse(facts: WorkerFacts, attempt: Attempt, trouble: Trouble, text: str) -> str | None:
    """Why the image's own build may not fail so."""
    install, plan, gaps = attempt.install, attempt.plan, attempt.gaps
    dockerfile = facts.image.dockerfile
    if trouble.code == ReasonCode.DEPENDENCY_BUILD and lacks_build_tools(text) and base_has_build_tools(dockerfile):
        return "the image's base brings build tools that this instance lacks"
    if trouble.code == ReasonCode.REQUIREMENTS_MISSING:
        if any(posixpath.basename(path) in text for path in (*plan.made, *plan.made_before)):
            return "a command of the build makes it"
        if may_come_from_elsewhere(dockerfile, install):
            return "it may come from where the venv engine can't look"
        if _comes_later(facts, attempt):
            # What the repository has itself, nobody takes from a package of the system.
            gaps = [gap for gap in gaps if gap.is_deep]
    if gaps and not install.line:
        return f"the build doesn't install this file as it stands ({listed(gaps)})"
    if gaps and trouble.code in _OF_GAPS:
        return f"the venv engine lacks what the image has ({listed(gaps)})"
    return None
