"""Makes of a finding the check that a report has: named, timed, redacted and within the protocol's bounds."""

from __future__ import annotations

import time
import traceback
from datetime import datetime, timezone

from janitor.guest.redaction import Redactor
from janitor.protocol.report import (
    MAX_ARGV_CHARACTERS,
    MAX_ARGV_ITEMS,
    MAX_EVIDENCE_PER_CHECK,
    MAX_REASON_CHARACTERS,
    Check,
)
from janitor.validator.context import CheckContext
from janitor.validator.findings import Finding, errored
from janitor.validator.steps import Step

Moment = tuple[datetime, float]
"""An instant in UTC, and the same on the monotonic clock."""


def now() -> Moment:
    """This moment."""
    return datetime.now(timezone.utc), time.monotonic()


def conclude(step: Step, context: CheckContext) -> Finding:
    """Run a check; a mistake of ours must not cost the report, nor blame the repository."""
    try:
        return step.run(context)
    except Exception:
        evidence = context.evidence.value("traceback", traceback.format_exc())
        return errored("validator_bug", "the validator failed; this is not the repository's fault", evidence)


def recorded(step: Step, finding: Finding, began: Moment, redactor: Redactor) -> Check:
    """The check of a finding that was concluded just now."""
    started_at, started = began
    argv = finding.argv
    return Check(
        name=step.name.value,
        status=finding.status,
        required=finding.required,
        reason_code=finding.reason_code,
        # A report with an empty reason would be refused as a whole.
        reason=None if finding.reason is None else redactor.clean(finding.reason)[:MAX_REASON_CHARACTERS] or "unknown",
        started_at=started_at,
        duration_seconds=round(time.monotonic() - started, 3),
        argv=None
        if argv is None
        else tuple(redactor.clean(word)[:MAX_ARGV_CHARACTERS] for word in argv[:MAX_ARGV_ITEMS]),
        exit_code=finding.exit_code,
        evidence=finding.evidence[:MAX_EVIDENCE_PER_CHECK],
    )
