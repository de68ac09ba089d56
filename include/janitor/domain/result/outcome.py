"""From what was seen to a final status: who is at fault, if anybody.

Invariant: only a report that belongs to this validation, is whole and says success of a commit makes a success, and
only if it proves that the validator wrote it. Where its instance was told no key, as before there were any, an exit
code 0 has to vouch for it. Everything that is not the repository's doing is an error; a timeout is the word on a
repository that had its time and was not done.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from janitor.domain.result.binding import Ordered, mismatch
from janitor.domain.states import TerminationReason, ValidationStatus
from janitor.domain.watch.watching import CommandStatus, WatchOutcome
from janitor.protocol.report import Report
from janitor.protocol.terms.proven import ProofLevel
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.protocol.terms.rollup import proof_level_of
from janitor.protocol.terms.statuses import EngineChoice, ReportStatus

_FROM_REPORT = {
    ReportStatus.SUCCESS: ValidationStatus.SUCCESS,
    ReportStatus.FAILED: ValidationStatus.FAILED,
    ReportStatus.ERROR: ValidationStatus.ERROR,
    ReportStatus.TIMED_OUT: ValidationStatus.TIMED_OUT,
    ReportStatus.INCOMPLETE: ValidationStatus.INCOMPLETE,
}

_UNTOLD = frozenset({ValidationStatus.ERROR, ValidationStatus.INCOMPLETE})
"""What a report says that came to no verdict."""

EXIT_UNFETCHED = 4
"""Of the script on the instance: it could not fetch the validator. The validator's own codes are 0 to 3."""
EXIT_NOT_READY = 5
"""Of the script on the instance: the machine never said that it is ready, or said that it isn't."""
_EXIT_KILLED = 137
"""Of a command that SSM killed at its execution timeout, on Linux."""
_EXIT_SUCCESS, _EXIT_NOT_SUCCESSFUL, _EXIT_BAD_SPEC, _EXIT_UNDELIVERED = 0, 1, 2, 3
_NOT_STORED = 'is not in storage; see runbook "Report not in storage"'
_HANDED_IN = (_EXIT_SUCCESS, _EXIT_NOT_SUCCESSFUL)
_WITHOUT_REPORT = (_EXIT_BAD_SPEC, EXIT_UNFETCHED)


_OWN_SHARE = 0.5
"""The part of its limit that a repository must have had for itself before its timeout is its own."""


@dataclass(frozen=True, kw_only=True)
class WorkTime:
    """How much of the hard limit was left when work on the repository began.

    The limit runs from the first launch: the boot, a lost first instance and an outage of the control plane are in it.
    """

    left: timedelta
    limit: timedelta

    @property
    def is_too_little(self) -> bool:
        """Whether not being done by the limit says nothing of the repository."""
        return self.left < _OWN_SHARE * self.limit


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that `record` could find out about a validation.

    Attributes:
        outcome: How watching ended; None when it never ended (the task was killed for good, or nothing was launched).
        command_status: SSM's last word on the command, if there was a command.
        exit_code: The validator's exit code; None when it isn't known.
        report: The validator's report, already parsed; None when there is none.
        report_problem: Why a report that is there can't be used.
        launch_failure: (reason code, summary) when no instance could be launched.
        was_launched: Whether there ever was an instance.
        showed_life: Whether anything shows that its command has started.
        run_cancelled: Whether a person stopped the whole run.
        proven: Whether what lies in storage carries the proof that only the validator can make; None where nothing
            lies there, or where its instance was told no key.
        ordered: What the validator was asked, for a report that is proven.
        work_time: None where it isn't known when its work began.
        required_proof: How far a success must be proved; None: nothing is required. The control plane's word, not the
            report's.
    """

    validation_id: UUID
    outcome: WatchOutcome | None
    command_status: CommandStatus | None
    exit_code: int | None
    report: Report | None
    report_problem: str | None
    launch_failure: tuple[str, str] | None
    was_launched: bool
    run_cancelled: bool
    showed_life: bool = False
    proven: bool | None = None
    ordered: Ordered | None = None
    work_time: WorkTime | None = None
    required_proof: ProofLevel | None = None


@dataclass(frozen=True, kw_only=True)
class Conclusion:
    """The final word on a validation."""

    status: ValidationStatus
    reason_code: str | None
    summary: str
    failing_check: str | None
    timeout_enforced: bool
    report: Report | None
    proof_level: ProofLevel | None = None
    """How far the handler was exercised, by the checks of the report that it follows."""
    note_count: int | None = None
    """Of that report; None without one."""


def conclude(evidence: Evidence) -> Conclusion:
    """Decide the final status of a validation."""
    conclusion = _conclude(evidence)
    time = evidence.work_time
    if conclusion.status is not ValidationStatus.TIMED_OUT or time is None or not time.is_too_little:
        return conclusion
    left, limit = (max(round(each.total_seconds()), 0) for each in (time.left, time.limit))
    summary = (
        f"its work began {left} s before the end of its hard limit of {limit} s: a boot, a lost instance or an outage"
        ' took the rest; see runbook "Began too late"'
    )
    return replace(
        _error(ReasonCode.BEGAN_LATE, summary, conclusion.report), timeout_enforced=conclusion.timeout_enforced
    )


def _conclude(evidence: Evidence) -> Conclusion:
    report = evidence.report
    if evidence.proven is False:
        what = "what lies in storage as its report was not written by the validator that was sent"
        return _error(ReasonCode.REPORT_UNPROVEN, f'{what}; see runbook "Success not confirmed"', None)
    if report is not None and report.validation_id != str(evidence.validation_id):
        return _error(ReasonCode.REPORT_MISMATCH, f"the report names validation {report.validation_id}", None)
    if report is None:
        return _without_report(evidence)
    if evidence.ordered is not None and (differs := mismatch(report, evidence.ordered)) is not None:
        return _error(ReasonCode.REPORT_MISMATCH, f"the report doesn't answer what was asked: {differs}", None)
    status = _FROM_REPORT[report.status]
    if status is ValidationStatus.SUCCESS and (doubt := _doubt_of_success(evidence, report)) is not None:
        return _error(ReasonCode.REPORT_UNCONFIRMED, f"the report says success, but {doubt}", report)
    level = proof_level_of(report.engine, report.checks)
    if status is ValidationStatus.SUCCESS and _is_too_low(level, evidence.required_proof):
        return Conclusion(
            status=ValidationStatus.INCOMPLETE,
            reason_code=ReasonCode.PROOF_TOO_LOW.value,
            summary=_too_low(level, evidence),
            failing_check=None,
            timeout_enforced=evidence.outcome is WatchOutcome.TIME_UP,
            report=report,
            proof_level=level,
            note_count=len(report.notes),
        )
    if report.partial and status in _UNTOLD and _was_cancelled(evidence):
        return _cancelled(report)  # the kill cut it short: it says no more than that
    return Conclusion(
        status=status,
        reason_code=report.reason_code,
        summary=report.summary,
        failing_check=report.failing_check,
        timeout_enforced=status is ValidationStatus.TIMED_OUT or evidence.outcome is WatchOutcome.TIME_UP,
        report=report,
        proof_level=level,
        note_count=len(report.notes),
    )


def _is_too_low(level: ProofLevel | None, required: ProofLevel | None) -> bool:
    return required is not None and (level is None or level.rank < required.rank)


def _too_low(level: ProofLevel | None, evidence: Evidence) -> str:
    """What was proved, what should have been, and how to get there."""
    worked = "its handler works in a Python environment" if level is not None else "its handler works"
    chosen = evidence.ordered is not None and evidence.ordered.engine is EngineChoice.VENV
    if chosen:
        why, step = "JANITOR_ENGINE=venv builds none", "set JANITOR_ENGINE to docker"
    else:
        why, step = "no engine was there", "install Docker or podman in the image of the instances"
    return (
        f"required_proof is image, and that was neither built nor started, as {why}; {step}, or set"
        f' required_proof: environment ({worked}); see runbook "Proof too low"'
    )


def _was_cancelled(evidence: Evidence) -> bool:
    """Whether a person stopped the run before the hard limit did."""
    return evidence.run_cancelled and evidence.outcome is not WatchOutcome.TIME_UP


def _cancelled(report: Report | None) -> Conclusion:
    return Conclusion(
        status=ValidationStatus.CANCELLED,
        reason_code=ReasonCode.RUN_CANCELLED.value,
        summary="its run was stopped before it ended",
        failing_check=None,
        timeout_enforced=False,
        report=report,
    )


def may_hold_report(status: CommandStatus, exit_code: int | None) -> bool:
    """Whether a command ended so that its instance may hold a report that storage hasn't taken."""
    if status is CommandStatus.TIMED_OUT:
        return exit_code == _EXIT_KILLED
    return status is CommandStatus.FAILED and exit_code not in (*_HANDED_IN, *_WITHOUT_REPORT)


def conclude_unusable(problem: str) -> Conclusion:
    """The end of a validation whose report can't be used, although it was read."""
    return _error(ReasonCode.REPORT_UNREADABLE, problem, None)


def _doubt_of_success(evidence: Evidence, report: Report) -> str | None:
    """What speaks against it: without a proof it is the word of a machine that ran untrusted code."""
    if report.partial or (evidence.exit_code != _EXIT_SUCCESS and not evidence.proven):
        marked = " and marked it partial" if report.partial else ""
        return f"its validator ended with {_ending(evidence)}{marked}"
    if report.repository.commit_sha is None:
        return "not for which commit"
    return None


def _without_report(evidence: Evidence) -> Conclusion:
    if _was_cancelled(evidence):
        return _cancelled(None)
    if evidence.launch_failure is not None and not evidence.was_launched:
        return _error(*evidence.launch_failure, None)
    if not evidence.was_launched:
        return _error(ReasonCode.NOT_LAUNCHED, "no instance was launched for it: the run was stopped before that", None)
    if _was_silent(evidence):
        summary = 'its command gave no sign of life; see runbook "No sign of life"'
        limit = evidence.outcome is WatchOutcome.TIME_UP
        return replace(_error(ReasonCode.NO_SIGN_OF_LIFE, summary, None), timeout_enforced=limit)
    if evidence.outcome is WatchOutcome.TIME_UP or _was_stopped_at_the_limit(evidence):
        return Conclusion(
            status=ValidationStatus.TIMED_OUT,
            reason_code=ReasonCode.DEADLINE.value,
            summary="the hard limit passed and no report came within the grace; the instance was terminated",
            failing_check=None,
            timeout_enforced=True,
            report=None,
        )
    if evidence.outcome is WatchOutcome.SPOT_INTERRUPTED:
        return _error(ReasonCode.SPOT_INTERRUPTED, "AWS took the spot instance back before the validation ended", None)
    if evidence.outcome is WatchOutcome.INSTANCE_LOST:
        return _error(ReasonCode.INSTANCE_LOST, "the instance ended before its validation did", None)
    if evidence.outcome is WatchOutcome.NEVER_ONLINE:
        return _error(
            ReasonCode.SSM_NEVER_ONLINE, 'the instance never came online in SSM; see runbook "SSM not ready"', None
        )
    if evidence.outcome is None:
        return _error(ReasonCode.INTERRUPTED, "nobody saw the validation end: its Airflow task was stopped", None)
    if evidence.report_problem is not None:
        return conclude_unusable(evidence.report_problem)
    reason, what = {
        _EXIT_SUCCESS: (ReasonCode.REPORT_MISSING, f"the validator ended well but its report {_NOT_STORED}"),
        _EXIT_NOT_SUCCESSFUL: (ReasonCode.REPORT_MISSING, f"the validator ended, but its report {_NOT_STORED}"),
        _EXIT_BAD_SPEC: (ReasonCode.SPEC_REFUSED, "the validator refused its spec; see its log"),
        EXIT_UNFETCHED: (
            ReasonCode.VALIDATOR_UNFETCHED,
            "the instance could not fetch the validator from storage; see its log",
        ),
        EXIT_NOT_READY: (
            ReasonCode.MACHINE_NOT_READY,
            'the instance did not get ready (its disk or its Docker); see its log and runbook "Machine not ready"',
        ),
        _EXIT_UNDELIVERED: (
            ReasonCode.REPORT_UNDELIVERED,
            f"the validator could not upload its report, so that it {_NOT_STORED}, and its log",
        ),
    }.get(
        evidence.exit_code if evidence.exit_code is not None else -1,
        (ReasonCode.VALIDATOR_CRASHED, f"the validator ended with {_ending(evidence)} and no report; see its log"),
    )
    return _error(reason, what, None)


def _was_silent(evidence: Evidence) -> bool:
    """Whether its time passed and nothing ever ran: no fault of the repository's, so never a timeout."""
    if evidence.outcome is WatchOutcome.NO_SIGN_OF_LIFE:
        return True
    if evidence.showed_life or _was_stopped_at_the_limit(evidence):
        return False
    undelivered = evidence.command_status is CommandStatus.TIMED_OUT
    return evidence.outcome is WatchOutcome.TIME_UP or undelivered


def _was_stopped_at_the_limit(evidence: Evidence) -> bool:
    """Whether SSM killed the command when its execution timeout, the limit and the grace, was over.

    A command that could not be delivered in time is TimedOut as well, but it has no exit code of a killed process.
    """
    return evidence.command_status is CommandStatus.TIMED_OUT and evidence.exit_code == _EXIT_KILLED


def _ending(evidence: Evidence) -> str:
    status = evidence.command_status.value if evidence.command_status else "no status"
    return f"exit code {evidence.exit_code} ({status})" if evidence.exit_code is not None else status


def _error(reason_code: str, summary: str, report: Report | None) -> Conclusion:
    return Conclusion(
        status=ValidationStatus.ERROR,
        reason_code=str(reason_code),
        summary=summary,
        failing_check=None,
        timeout_enforced=False,
        report=report,
    )


_WHY = {
    WatchOutcome.COMMAND_FINISHED: TerminationReason.FINISHED,
    WatchOutcome.TIME_UP: TerminationReason.TIMEOUT,
    WatchOutcome.INSTANCE_LOST: TerminationReason.INSTANCE_LOST,
    WatchOutcome.NEVER_ONLINE: TerminationReason.LAUNCH_FAILED,
    WatchOutcome.NO_SIGN_OF_LIFE: TerminationReason.NO_SIGN_OF_LIFE,
    WatchOutcome.SPOT_INTERRUPTED: TerminationReason.SPOT_INTERRUPTED,
}


def termination_reason_for(outcome: WatchOutcome | None, *, overdue: bool) -> TerminationReason:
    """Why the group's terminate ends an instance.

    Args:
        outcome: How watching ended; None when it was cut off.
        overdue: Whether the hard limit has passed: the validator ended by itself then, but because of the limit.
    """
    if outcome is None:
        return TerminationReason.CANCELLED
    if overdue and outcome is WatchOutcome.COMMAND_FINISHED:
        return TerminationReason.TIMEOUT
    return _WHY[outcome]
