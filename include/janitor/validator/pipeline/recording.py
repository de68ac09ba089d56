"""Runs checks and keeps what they concluded: named, timed, redacted and within the protocol's bounds."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import TypeVar

from janitor.guest.redaction import Redactor
from janitor.protocol.progress import CheckProgress
from janitor.protocol.report import (
    MAX_ARGV_CHARACTERS,
    MAX_ARGV_ITEMS,
    MAX_EVIDENCE_PER_CHECK,
    MAX_MEASURED_TEXT,
    MAX_REASON_CHARACTERS,
    Check,
    Measurement,
)
from janitor.protocol.terms.proven import (
    MAX_FILE_CHARACTERS,
    MAX_NOTES_PER_CHECK,
    MAX_TOLD_CHARACTERS,
    MAX_UNPROVEN,
    Note,
    Unproven,
)
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.protocol.terms.statuses import CheckName, CheckStatus
from janitor.validator.context import CheckContext
from janitor.validator.findings import Finding, Produced, errored, skipped
from janitor.validator.pipeline.results import Met, Need, Result, Unmet
from janitor.validator.pipeline.steps import N, Step, StepRunner, T

Told = TypeVar("Told", Note, Unproven)
Moment = tuple[datetime, float]
"""An instant in UTC, and the same on the monotonic clock."""


def now() -> Moment:
    """This moment."""
    return datetime.now(timezone.utc), time.monotonic()


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A check that is done."""

    step: Step
    finding: Finding
    check: Check
    """As a report has it."""


@dataclass
class Recorder(StepRunner):
    """Runs the checks of one validation.

    Invariant: a mistake of ours in a check costs neither the report nor the other checks, and blames no repository.
    """

    context: CheckContext
    redactor: Redactor
    say: Callable[[str], None] = lambda _line: None
    """Where progress is told."""
    done: list[Recorded] = field(default_factory=list)
    current: tuple[Step, Moment] | None = None
    """The check that was begun last, and when."""

    @property
    def checks(self) -> tuple[Check, ...]:
        """What is concluded so far, as the report has it."""
        return tuple(each.check for each in self.done)

    def find(self, name: CheckName) -> Check | None:
        """A check that is done."""
        return next((each.check for each in self.done if each.step.name is name), None)

    def __call__(
        self, step: Step, check: Callable[[CheckContext, N], Finding | Produced[T]], need: Need[N], /
    ) -> Result[T]:
        """Run a check with its facts; one whose need isn't met is skipped."""
        began = now()
        self.current = (step, began)
        if isinstance(need, Unmet):
            finding = skipped(ReasonCode.PREREQUISITE_FAILED, need.reason, required=True)
            self.record(step, finding, began)
            return Result(name=step.name, status=finding.status, reason_code=finding.reason_code, kept_by=need)
        if step.announced:
            self.say(str(_progress(step)))
        concluded = self._conclude(check, need.value)
        finding, produced = (
            (concluded.finding, Met(concluded.facts)) if isinstance(concluded, Produced) else (concluded, None)
        )
        self.record(step, finding, began)
        return Result(name=step.name, status=finding.status, reason_code=finding.reason_code, produced=produced)

    def _conclude(self, check: Callable[[CheckContext, N], Finding | Produced[T]], facts: N) -> Finding | Produced[T]:
        try:
            return check(self.context, facts)
        except Exception:
            evidence = self.context.evidence.value("traceback", traceback.format_exc())
            return errored(
                ReasonCode.VALIDATOR_BUG, "the validator failed; this is not the repository's fault", evidence
            )

    def record(self, step: Step, finding: Finding, began: Moment, *, quiet: bool = False) -> None:
        """Keep a finding that was concluded just now, and tell it unless that is to be quiet."""
        check = self._recorded(step, finding, began)
        self.done.append(Recorded(step=step, finding=finding, check=check))
        if not quiet:
            mark = "" if finding.required or finding.status is CheckStatus.PASS else ", not required"
            why = f": {finding.reason_code}: {check.reason}" if finding.reason_code else ""
            taken = f"{check.duration_seconds:.1f} s"
            self.say(f"{_progress(step, finding.status)}{mark} ({taken}){why}")
            for note in check.notes:
                self.say(f"  note: {note.code}: {note.text}")

    def _recorded(self, step: Step, finding: Finding, began: Moment) -> Check:
        started_at, started = began
        clean, argv = self.redactor.clean, finding.argv
        return Check(
            name=step.name.value,
            status=finding.status,
            required=finding.required,
            reason_code=None if finding.reason_code is None else finding.reason_code.value,
            # A report with an empty reason would be refused as a whole.
            reason=None if finding.reason is None else clean(finding.reason)[:MAX_REASON_CHARACTERS] or "unknown",
            started_at=started_at,
            duration_seconds=round(time.monotonic() - started, 3),
            argv=None if argv is None else tuple(clean(word)[:MAX_ARGV_CHARACTERS] for word in argv[:MAX_ARGV_ITEMS]),
            exit_code=finding.exit_code,
            evidence=finding.evidence[:MAX_EVIDENCE_PER_CHECK],
            measurements=dict(map(self._measurement, finding.measurements.items())),
            notes=tuple(self._told(note) for note in finding.notes[:MAX_NOTES_PER_CHECK]),
        )

    @property
    def unproven(self) -> tuple[Unproven, ...]:
        """What the checks have left unproven and no later one has answered, each once, in their order."""
        passed = {done.step.name for done in self.done if done.check.status is CheckStatus.PASS}
        told = (
            self._told(each)
            for done in self.done
            if done.step.answered_by not in passed
            for each in done.finding.unproven
        )
        return tuple(dict.fromkeys(told))[:MAX_UNPROVEN]

    def _told(self, told: Told) -> Told:
        tell = self.context.evidence.tell
        file = None if told.file is None else tell(told.file, MAX_FILE_CHARACTERS) or None
        return replace(told, text=tell(told.text, MAX_TOLD_CHARACTERS) or "unknown", file=file)

    def _measurement(self, measured: tuple[str, Measurement]) -> tuple[str, Measurement]:
        name, value = measured
        text = self.context.evidence.tell(value, MAX_MEASURED_TEXT) if isinstance(value, str) else None
        return name, value if text is None else text or "unknown"


def _progress(step: Step, status: CheckStatus | None = None) -> CheckProgress:
    return CheckProgress(check=step.name.value, phase=step.phase.value, status=status)


def seconds_by_phase(done: list[Recorded]) -> dict[str, float]:
    """How long the phases took."""
    phases: dict[str, float] = {}
    for each in done:
        phase = each.step.phase.value
        phases[phase] = round(phases.get(phase, 0.0) + each.check.duration_seconds, 3)
    return phases
