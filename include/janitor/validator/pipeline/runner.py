"""Runs the pipeline and makes the report of it, whole or cut short.

Invariant: `validate` returns a report whatever happens within it: a check that crashes is an `error`, a deadline or a
signal makes the report partial, and the cleanup is done in every case.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timezone

from janitor.guest.interrupts import DeadlineReached, Interrupts
from janitor.guest.journal import Journal
from janitor.guest.processes.supervisor import Interrupted, end_everything
from janitor.guest.redaction import Redactor
from janitor.protocol.order.spec import ValidationSpec
from janitor.protocol.public_url import public_url
from janitor.protocol.report import MAX_SUMMARY_CHARACTERS, Check, Report, RepositoryIdentity
from janitor.protocol.report_signature import signed
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.protocol.terms.rollup import RollUp, proof_level_of, roll_up
from janitor.protocol.terms.statuses import CheckName, CheckStatus, ReportStatus
from janitor.validator import VERSION
from janitor.validator.checks.running.host import describe_host
from janitor.validator.context import CheckContext, ReportHead
from janitor.validator.findings import EvidenceMaker, Finding, errored, skipped
from janitor.validator.housing import house
from janitor.validator.pipeline.order import PIPELINE, run_checks, run_cleanup
from janitor.validator.pipeline.recording import Recorded, Recorder, now, seconds_by_phase
from janitor.validator.provenance.artefact import artefact_sha256
from janitor.validator.secrets.delivered import DeliveredSecrets
from janitor.validator.secrets.registry_login import with_login
from janitor.validator.settings import Settings
from janitor.validator.workspace import Workspace

_WORDS = {
    ReportStatus.SUCCESS: "works",
    ReportStatus.FAILED: "does not work",
    ReportStatus.ERROR: "could not be judged",
    ReportStatus.TIMED_OUT: "was not done by the deadline",
    ReportStatus.INCOMPLETE: "could not be tested",
}
_HANDLER_CHECKS = (CheckName.HANDLER_LOCAL, CheckName.HANDLER_API)


class Runner:
    """Validates one repository.

    Args:
        spec: What to validate.
        settings: Of this machine.
        journal: Where progress is told.
        redactor: Knows the secrets of the spec.
        interrupts: The deadline.
        secrets: Their values; the redactor knows them, too.
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
        secrets: DeliveredSecrets,
        flush: Callable[[Report], None],
    ) -> None:
        self._spec = spec
        self._redactor = redactor
        self._journal = journal
        self._interrupts = interrupts
        self._flush = flush
        self._started_at = datetime.now(timezone.utc)
        self._started = time.monotonic()
        self._head = ReportHead()
        self._artefact = artefact_sha256()
        workspace = Workspace.make(settings.temporary)
        settings = with_login(settings, secrets.registry_login, workspace.own / "docker")
        housing = house(settings, workspace)
        journal.say(f"the repository's processes run {housing.described}")
        context = CheckContext(
            spec=spec,
            settings=housing.settings,
            workspace=workspace,
            journal=journal,
            evidence=EvidenceMaker(redactor),
            interrupts=interrupts,
            secrets=secrets,
            confinement=housing.described,
            tell=self._tell,
        )
        self._host = describe_host(workspace.root)
        self._run = Recorder(context=context, redactor=redactor, say=journal.say)

    def validate(self) -> Report:
        """Run every check, or as many as the time allows, and report."""
        repository = self._spec.repository
        self._journal.say(
            f"validating {repository.organization}/{repository.name}; "
            f"{self._interrupts.remaining().total_seconds():.0f} s until the deadline"
        )
        partial = False
        try:
            with self._interrupts.armed():
                run_checks(self._run)
        except Interrupted as interrupted:
            partial = self._cut_short(interrupted)
            self._flush(self._report(partial=partial))
        run_cleanup(self._run)
        return self._report(partial=partial)

    def _tell(self, head: ReportHead) -> None:
        self._head = self._head.joined(head)

    def _cut_short(self, interrupted: Interrupted) -> bool:
        """Mark the check that was running, and those that now won't; returns whether there were any."""
        run = self._run
        if len(run.done) == len(PIPELINE):
            end_everything()
            return False
        current, began = run.current or (PIPELINE[0], now())
        if run.find(current.name) is None:
            run.record(current, self._cut_finding(interrupted), began)
        for step in PIPELINE:
            if run.find(step.name) is None:
                finding = skipped(
                    ReasonCode.NOT_REACHED, "the validation was cut short before this check", required=True
                )
                run.record(step, finding, now(), quiet=True)
        end_everything()
        return True

    def _cut_finding(self, interrupted: Interrupted) -> Finding:
        outcome = interrupted.outcome
        evidence = () if outcome is None else (self._run.context.evidence.log("output until then", outcome),)
        if isinstance(interrupted, DeadlineReached):
            reason = f"the deadline {self._spec.deadline:%Y-%m-%d %H:%M:%S} UTC came while this check was running"
            return errored(ReasonCode.DEADLINE, reason, *evidence, outcome=outcome)
        return errored(ReasonCode.TERMINATED, "the validator was told to end while this check was running", *evidence)

    def _report(self, *, partial: bool) -> Report:
        head, checks = self._head, self._settled()
        rolled = roll_up(checks)
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
                commit_sha=head.commit_sha,
            ),
            prompt=self._spec.prompt,
            engine=head.engine,
            status=rolled.status,
            reason_code=rolled.reason_code,
            summary=self._summary(rolled, checks)[:MAX_SUMMARY_CHARACTERS],
            failing_check=rolled.failing_check,
            partial=partial,
            started_at=self._started_at,
            finished_at=max(datetime.now(timezone.utc), self._started_at),
            duration_seconds=round(time.monotonic() - self._started, 3),
            build_succeeded=head.build_succeeded,
            container_succeeded=head.container_succeeded,
            gpu_available=head.gpu_available,
            cuda_detected=head.cuda_detected,
            host=head.host or self._host,
            phases=seconds_by_phase(self._run.done),
            checks=checks,
            phase_usd=self._usd_by_phase(),
            proof_level=proof_level_of(head.engine, checks),
            unproven=self._run.unproven,
            provenance=replace(head.provenance, validator_sha256=self._artefact, machine=self._spec.machine),
            patch_sha256=head.patch_sha256,
        )
        return signed(report)

    def _usd_by_phase(self) -> dict[str, float]:
        """What was spent beside the instance, such as on the agent's model."""
        spent = ((each.step.phase.value, each.finding.usd) for each in self._run.done)
        return {phase: usd for phase, usd in spent if usd is not None}

    def _settled(self) -> tuple[Check, ...]:
        """The checks; errors count no more that a later check has shown to be no obstacle."""
        return tuple(
            replace(each.check, required=False) if self._is_settled(each) else each.check for each in self._run.done
        )

    def _is_settled(self, done: Recorded) -> bool:
        check, settlement, engine = done.check, done.step.settlement, self._head.engine
        if check.status is not CheckStatus.ERROR or not check.required or settlement is None:
            return False
        later = [self._run.find(name) for name in settlement.checks]
        return engine in settlement.engines and any(each and each.status is CheckStatus.PASS for each in later)

    def _summary(self, rolled: RollUp, checks: Sequence[Check]) -> str:
        repository = self._spec.repository
        text = f"{repository.organization}/{repository.name} {_WORDS[rolled.status]}"
        decisive = next((check for check in checks if check.name == rolled.failing_check), None)
        if decisive is not None:
            return " ".join(f"{text}: {decisive.name}: {decisive.reason}".split())
        if rolled.status is not ReportStatus.SUCCESS:
            return f"{text}: no handler test was executed"
        tested = [
            name.value
            for name in _HANDLER_CHECKS
            if (check := self._run.find(name)) and check.status is CheckStatus.PASS
        ]
        return f"{text}: {' and '.join(tested)} passed"
