"""From how an experiment's validation ended to what was observed. Pure; strict where it would be good news.

Invariant: green is said of a whole report alone that answers what was asked and proves at least what the repeated one
looked at: a check that passed there, or failed, passes. What is neither that nor a failure of the repository's is
inconclusive.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from uuid import UUID

from janitor.domain.experiment.experiment import Experiment, Observation, Observed
from janitor.domain.result.outcome import Conclusion
from janitor.domain.result.signatures import follows_report, signature_for
from janitor.domain.states import ValidationStatus
from janitor.protocol.report import Report
from janitor.protocol.terms.statuses import CheckStatus

_LOOKED_AT = (CheckStatus.PASS, CheckStatus.FAIL)
_LONGEST_REASON = 500
_SHOWN_CHECKS = 5


def observation_of(
    report: Report | None,
    *,
    experiment: Experiment,
    conclusion: Conclusion,
    validation_id: UUID | None = None,
    cost_usd: Decimal | None = None,
) -> Observation:
    """What came of an experiment.

    Args:
        report: Of its validation, read strictly; None where there is none.
        experiment: What was tried.
        conclusion: How its validation ended; its own report isn't looked at.
        validation_id: Of that validation; None where none was made.
        cost_usd: What it cost; None: not known.
    """
    concluded = replace(conclusion, report=report)
    plan = experiment.repeated.plan
    observed, reason = _judge(report, experiment, concluded)
    signature = signature_for(concluded, organization=plan.organization, name=plan.name)
    if observed is Observed.RED and signature is None:
        observed, reason = Observed.INCONCLUSIVE, f"it failed, and nothing says by which cause: {reason}"
    return Observation(
        observed=observed,
        reason=_in_a_line(reason, report, experiment),
        signature=None if signature is None else signature.id,
        report=report,
        validation_id=validation_id,
        cost_usd=cost_usd,
    )


def inconclusive(
    reason: str, *, validation_id: UUID | None = None, report: Report | None = None, cost_usd: Decimal | None = None
) -> Observation:
    """An experiment that tells nothing."""
    return Observation(
        observed=Observed.INCONCLUSIVE,
        reason=" ".join(reason.split())[:_LONGEST_REASON],
        signature=None,
        report=report,
        validation_id=validation_id,
        cost_usd=cost_usd,
    )


def _judge(report: Report | None, experiment: Experiment, concluded: Conclusion) -> tuple[Observed, str]:
    said = f"{concluded.reason_code}: {concluded.summary}" if concluded.reason_code else concluded.summary
    if concluded.status not in (ValidationStatus.SUCCESS, ValidationStatus.FAILED):
        return Observed.INCONCLUSIVE, f"{concluded.status.value}: {said}"
    if report is None or not follows_report(concluded):
        return Observed.INCONCLUSIVE, f"its report is not there: {said}"
    if (difference := _unlike(report, experiment)) is not None:
        return Observed.INCONCLUSIVE, difference
    if concluded.status is ValidationStatus.FAILED:
        return Observed.RED, said
    if report.partial:
        return Observed.INCONCLUSIVE, "its report says success and is cut short"
    if lost := _lost_checks(report, experiment.repeated.report):
        return Observed.INCONCLUSIVE, f"a success that proves less than what it repeats: {lost}"
    return Observed.GREEN, said


def _unlike(report: Report, experiment: Experiment) -> str | None:
    """In what it can't be compared with what it repeats."""
    repeated, patch = experiment.repeated, experiment.patch
    if report.repository.commit_sha != repeated.commit_sha:
        return f"it is of commit {report.repository.commit_sha}, not of {repeated.commit_sha}"
    if report.patch_sha256 != (None if patch is None else patch.sha256):
        return f"it is of the patch {report.patch_sha256}, not of the one that was to be tried"
    engines = report.engine, repeated.report.engine
    if None not in engines and engines[0] is not engines[1]:
        return f"its engine is {_value(engines[0])}, and what it repeats had {_value(engines[1])}"
    machine = report.provenance.machine if report.provenance is not None else None
    if machine is not None and repeated.instance_type not in (None, machine.instance_type):
        return f"it ran on {machine.instance_type}, and what it repeats on {repeated.instance_type}"
    return None


def _lost_checks(report: Report, before: Report) -> str:
    """The checks that counted before, whatever they said, and don't pass now; in words, empty where there is none."""
    now = {check.name: check.status for check in report.checks}
    lost = [
        f"{check.name} was {check.status.value} and is {_value(now.get(check.name))}"
        for check in before.checks
        if check.required and check.status in _LOOKED_AT and now.get(check.name) is not CheckStatus.PASS
    ]
    return ", ".join(lost[:_SHOWN_CHECKS])


def _value(each: object) -> str:
    return "gone" if each is None else str(getattr(each, "value", each))


def _in_a_line(reason: str, report: Report | None, experiment: Experiment) -> str:
    """The reason, with a word on what isn't as it was: another judge, or another place."""
    line = " ".join(reason.split())[:_LONGEST_REASON]
    before, now = experiment.repeated.report.provenance, None if report is None else report.provenance
    if before is None or now is None:
        return line
    if None not in (before.validator_sha256, now.validator_sha256) and before.validator_sha256 != now.validator_sha256:
        line += " (by another validator)"
    if experiment.repeated.instance_type is not None and now.machine is None:
        line += f" (not on {experiment.repeated.instance_type})"
    return line
