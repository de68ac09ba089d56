"""Runs the pipeline and makes the report of it, whole or cut short.

Invariant: `validate` returns a report whatever happens within it: a check that crashes is an `error`, a deadline or a
signal makes the report partial, and the cleanup is done in every case.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone

from janitor.guest.interrupts import DeadlineReached, Interrupts
from janitor.guest.journal import Journal
from janitor.guest.processes.supervisor import Interrupted, end_everything
from janitor.guest.redaction import Redactor
from janitor.protocol.public_url import public_url
from janitor.protocol.report import MAX_SUMMARY_CHARACTERS, Check, Host, Report, RepositoryIdentity
from janitor.protocol.report_signature import signed
from janitor.protocol.rollup import REASON_DEADLINE, RollUp, roll_up
from janitor.protocol.spec import ValidationSpec
from janitor.protocol.statuses import CheckName, CheckStatus, ReportStatus
from janitor.validator import VERSION
from janitor.validator.checks.running.host import describe_host
from janitor.validator.context import CheckContext, Known
from janitor.validator.findings import EvidenceMaker, Finding, errored, skipped
from janitor.validator.housing import house
from janitor.validator.pipeline import CLEANUP, PIPELINE
from janitor.validator.recording import Moment, conclude, now, recorded
from janitor.validator.settings import Settings
from janitor.validator.steps import Step
from janitor.validator.workspace import Workspace

_WORDS = {
    ReportStatus.SUCCESS: "works",
    ReportStatus.FAILED: "does not work",
    ReportStatus.ERROR: "could not be judged",
    ReportStatus.TIMED_OUT: "was not done by the deadline",
    ReportStatus.INCOMPLETE: "could not be tested",
}
_HANDLER_CHECKS = (CheckName.HANDLER_LOCAL, CheckName.HANDLER_API)


@dataclass
class _Progress:
    """What has been done so far."""

    checks: list[Check]
    phases: dict[str, float] = field(default_factory=dict)
    cut_short: bool = False

    def find(self, name: CheckName) -> Check | None:
        return next((check for check in self.checks if check.name == name.value), None)


class Runner:
    """Validates one repository.

    Args:
        spec: What to validate.
        settings: Of this machine.
        journal: Where progress is told.
        redactor: Knows the secrets of the spec.
        interrupts: The deadline.
        flush: Gets the report of a validation that was cut short before its cleanup, which may take long.
    """

    def __init__(
        self,
        *,
        spec: ValidationSpec,
        settings: Settings,
        journal: Journal,
        redactor: Redactor,
        interrupts: Interrupts,
        flush: Callable[[Report], None],
    ) -> None:
        self._spec = spec
        self._redactor = redactor
        self._journal = journal
        self._interrupts = interrupts
        self._flush = flush
        self._started_at = datetime.now(timezone.utc)
        self._started = time.monotonic()
        workspace = Workspace.make(settings.temporary)
        housing = house(settings, workspace)
        journal.say(f"the repository's processes run {housing.described}")
        self._context = CheckContext(
            spec=spec,
            settings=housing.settings,
            workspace=workspace,
            journal=journal,
            evidence=EvidenceMaker(redactor),
            interrupts=interrupts,
            known=Known(confinement=housing.described),
        )

    def validate(self) -> Report:
        """Run every check, or as many as the time allows, and report."""
        progress = _Progress(checks=self._context.known.checks)
        repository = self._spec.repository
        self._journal.say(
            f"validating {repository.organization}/{repository.name}; "
            f"{self._interrupts.remaining().total_seconds():.0f} s until the deadline"
        )
        host = describe_host(self._context.workspace.root)
        current: Step = PIPELINE[0]
        began = now()
        try:
            with self._interrupts.armed():
                for step in PIPELINE:
                    current, began = step, now()
                    self._one(step, progress, began)
        except Interrupted as interrupted:
            self._cut_short(interrupted, current, began, progress)
            self._flush(self._report(progress, host))
        self._one(CLEANUP, progress, now())
        return self._report(progress, host)

    def _cut_short(self, interrupted: Interrupted, current: Step, began: Moment, progress: _Progress) -> None:
        """Mark the check that was running, and those that now won't."""
        progress.cut_short = len(progress.checks) < len(PIPELINE)
        if progress.find(current.name) is None:
            self._record(current, self._cut_finding(interrupted), progress, began)
        self._skip_rest(progress)
        end_everything()

    def _one(self, step: Step, progress: _Progress, began: Moment) -> None:
        finding = self._not_to_run(step, progress)
        if finding is None:
            if step.announced:
                self._journal.say(f"check {step.name.value} started")
            finding = conclude(step, self._context)
        self._record(step, finding, progress, began)

    def _not_to_run(self, step: Step, progress: _Progress) -> Finding | None:
        """Why a step isn't run: what it builds on has not passed."""
        done = {check.name: check for check in progress.checks}
        for need in (planned.name for planned in PIPELINE if planned.name in step.needs):
            check = done.get(need.value)
            if check is not None and check.status is not CheckStatus.PASS:
                why = check.reason_code if check.reason_code != "prerequisite_failed" else "not run"
                return skipped("prerequisite_failed", f"{need.value} did not pass ({why})", required=True)
        if step.name is CheckName.HANDLER_API:
            local = done.get(CheckName.HANDLER_LOCAL.value)
            if local is not None and local.status in (CheckStatus.FAIL, CheckStatus.ERROR):
                reason = f"{local.name} did not pass ({local.reason_code})"
                return skipped("prerequisite_failed", reason, required=True)
        return None

    def _cut_finding(self, interrupted: Interrupted) -> Finding:
        outcome = interrupted.outcome
        evidence = () if outcome is None else (self._context.evidence.log("output until then", outcome),)
        if isinstance(interrupted, DeadlineReached):
            reason = f"the deadline {self._spec.deadline:%Y-%m-%d %H:%M:%S} UTC came while this check was running"
            return errored(REASON_DEADLINE, reason, *evidence, outcome=outcome)
        return errored("terminated", "the validator was told to end while this check was running", *evidence)

    def _skip_rest(self, progress: _Progress) -> None:
        for step in PIPELINE:
            if progress.find(step.name) is None:
                finding = skipped("not_reached", "the validation was cut short before this check", required=True)
                self._record(step, finding, progress, now(), quiet=True)

    def _record(self, step: Step, finding: Finding, progress: _Progress, began: Moment, *, quiet: bool = False) -> None:
        check = recorded(step, finding, began, self._redactor)
        seconds = check.duration_seconds
        progress.phases[step.phase.value] = round(progress.phases.get(step.phase.value, 0.0) + seconds, 3)
        progress.checks.append(check)
        if not quiet:
            mark = "" if finding.required or finding.status is CheckStatus.PASS else ", not required"
            why = f": {finding.reason_code}: {check.reason}" if finding.reason_code else ""
            self._journal.say(f"check {step.name.value} … {finding.status.value}{mark} ({seconds:.1f} s){why}")

    def _report(self, progress: _Progress, host: Host) -> Report:
        known = self._context.known
        self._settle(progress)
        rolled = roll_up(progress.checks)
        repository = self._spec.repository
        report = Report(
            validator_version=VERSION,
            validation_id=self._spec.validation_id,
            run_id=self._spec.run_id,
            repository=RepositoryIdentity(
                name=repository.name,
                organization=repository.organization,
                url=public_url(repository.url),
                ref=repository.ref,
                commit_sha=known.commit_sha,
            ),
            prompt=self._spec.prompt,
            engine=known.engine.kind if known.engine is not None else None,
            status=rolled.status,
            reason_code=rolled.reason_code,
            summary=self._summary(rolled, progress)[:MAX_SUMMARY_CHARACTERS],
            failing_check=rolled.failing_check,
            partial=progress.cut_short,
            started_at=self._started_at,
            finished_at=max(datetime.now(timezone.utc), self._started_at),
            duration_seconds=round(time.monotonic() - self._started, 3),
            build_succeeded=known.build_succeeded,
            container_succeeded=known.container_succeeded,
            gpu_available=known.gpu_available,
            cuda_detected=known.cuda_detected,
            host=known.host or host,
            phases=progress.phases,
            checks=tuple(progress.checks),
            phase_usd=self._phase_usd(),
        )
        return signed(report)

    def _phase_usd(self) -> dict[str, float]:
        """What was spent beside the instance: the agent's model, in the phase that asks it."""
        usd = self._context.known.agent_usd
        return {step.phase.value: usd for step in PIPELINE if step.name is CheckName.AGENT_PROMPT and usd is not None}

    def _settle(self, progress: _Progress) -> None:
        """Let errors count no more that a later check has shown to be no obstacle."""
        engine = self._context.known.engine
        for step in PIPELINE:
            check, settlement = progress.find(step.name), step.settlement
            if check is None or check.status is not CheckStatus.ERROR or not check.required or settlement is None:
                continue
            later = [progress.find(name) for name in settlement.checks]
            if (
                engine is not None
                and engine.kind in settlement.engines
                and any(each is not None and each.status is CheckStatus.PASS for each in later)
            ):
                progress.checks[progress.checks.index(check)] = replace(check, required=False)

    def _summary(self, rolled: RollUp, progress: _Progress) -> str:
        repository = self._spec.repository
        text = f"{repository.organization}/{repository.name} {_WORDS[rolled.status]}"
        decisive = next((check for check in progress.checks if check.name == rolled.failing_check), None)
        if decisive is not None:
            return " ".join(f"{text}: {decisive.name}: {decisive.reason}".split())
        if rolled.status is not ReportStatus.SUCCESS:
            return f"{text}: no handler test was executed"
        tested = [
            name.value
            for name in _HANDLER_CHECKS
            if (check := progress.find(name)) and check.status is CheckStatus.PASS
        ]
        return f"{text}: {' and '.join(tested)} passed"
