"""What every format of a report shows of a validation, in words: one place, so that they all say the same."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from janitor.domain.states import ValidationStatus
from janitor.protocol.report import Check
from janitor.protocol.terms.proven import Note, Unproven
from janitor.protocol.terms.statuses import CheckStatus
from janitor.services.report.documents import ReportedRun, ReportedValidation
from janitor.views.text.causes import reason_of
from janitor.views.text.differences import change_tag
from janitor.views.text.marks import BAD, GOOD, UNKNOWN, one_line, words_of
from janitor.views.text.money import cost_text
from janitor.views.text.proof import level_text, told_line
from janitor.views.text.provenance import worker_text
from janitor.views.text.times import exactly, instant
from janitor.views.text.verdicts import timed_verdict

LONGEST_REASON = 1_000
"""Characters of a check's reason that a person is shown."""


def title_of(reported: ReportedRun) -> str:
    """`Run 550e8400-…`, or the repository."""
    if reported.run is not None:
        return f"Run {reported.run.run_id}"
    return full_name(reported.validations[0])


def run_facts(reported: ReportedRun, now: datetime) -> list[tuple[str, str]]:
    """The run in a few lines; none where a repository was asked for."""
    run = reported.run
    if run is None:
        return []
    facts = [
        ("Run ID", str(run.run_id)),
        ("Configuration", one_line(run.config_path)),
        ("Trigger", one_line(run.occasion)),
        ("Started", instant(run.started_at)),
        ("Completed", instant(run.completed_at) if run.completed_at else "not yet"),
        ("Total Duration", exactly(run.duration(now)) + ("" if run.completed_at else " so far")),
    ]
    if run.cost_usd is not None:
        facts.append(("Cost", cost_text(run.cost_usd, run.cost_places, is_final=run.cost_is_final)))
    facts.append(
        ("Status", f"{words_of(run.status)}, {run.successful}/{run.total_repositories} repositories successful")
    )
    return facts


def full_name(reported: ReportedValidation) -> str:
    """`organization/name`."""
    validation = reported.validation
    return one_line(f"{validation.organization}/{validation.repository_name}")


def verdict_of(reported: ReportedValidation, now: datetime) -> str:
    """`failed (1m20s, environment), 2 notes [new]`."""
    return timed_verdict(reported.validation, now) + change_tag(reported.validation.difference)


def validation_facts(reported: ReportedValidation) -> list[tuple[str, str]]:
    """What it was, and where, beside its verdict and its commit."""
    validation = reported.validation
    facts = [("Run", str(validation.run_id))]
    if validation.finished_at is not None:
        facts.append(("Finished", instant(validation.finished_at)))
    kind = f", {one_line(validation.instance_type)}" if validation.instance_type else ""
    facts.append(("Instance", f"{validation.instance_id}{kind}" if validation.instance_id else "none launched"))
    if (worker := worker_text(validation.machine)) is not None:
        facts.append(("Machine", worker))
    if validation.cost_usd is not None:
        facts.append(
            ("Cost", cost_text(validation.cost_usd, validation.cost_places, is_final=validation.cost_is_final))
        )
    if (level := level_text(validation)) is not None:
        facts.append(("Proof", level))
    if (reason := reason_of(validation)) is not None:
        facts.append(("Reason", reason))
    return facts


def without_report(reported: ReportedValidation) -> str | None:
    """Why there are no checks to show; None where there are."""
    if reported.report is not None:
        return None
    if reported.problem is not None:
        return one_line(reported.problem)
    if not reported.validation.status.is_final:
        return "There is no report yet: it is still going on."
    return "No report was handed in."


def check_mark(check: Check) -> str:
    """✓ for a pass, ✗ for what counts against the verdict, a dash for the rest."""
    if check.status is CheckStatus.PASS:
        return GOOD
    return BAD if check.required and check.status is not CheckStatus.SKIP else UNKNOWN


def check_reason(check: Check) -> str:
    """`handler_error: the handler raised …`; empty for a plain pass."""
    said = ": ".join(part for part in (check.reason_code, check.reason) if part)
    optional = "" if check.required or check.status in (CheckStatus.PASS, CheckStatus.SKIP) else " (does not count)"
    return one_line(said, limit=LONGEST_REASON) + (optional if said else "")


def told_lines(told: Sequence[Note] | Sequence[Unproven]) -> list[str]:
    """Each note, or what is unproven, with its place; all of them."""
    return [told_line(each) for each in told]


def blames_repository(reported: ReportedValidation) -> bool:
    """Whether the verdict is the repository's own doing."""
    return reported.validation.status in (ValidationStatus.FAILED, ValidationStatus.TIMED_OUT)
