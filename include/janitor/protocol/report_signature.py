"""The failure signature of a whole report: the validator writes it, the control plane makes it for older reports."""

from __future__ import annotations

from dataclasses import replace

from janitor.protocol.report import Report
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.protocol.terms.statuses import EvidenceKind, ReportStatus
from janitor.protocol.text.signature import FailureSignature, failure_signature


def signature_of(report: Report) -> FailureSignature | None:
    """The signature that a report carries, else the one that its failing check makes; None for a success."""
    if report.status is ReportStatus.SUCCESS:
        return None
    if report.signature is not None:
        return report.signature
    check = next((check for check in report.checks if check.name == report.failing_check), None)
    if check is None:
        # Nothing in particular decided, so there is no evidence to read.
        return failure_signature(
            check=report.failing_check, reason_code=report.reason_code or ReasonCode.HANDLER_NOT_TESTED.value, reason=""
        )
    return failure_signature(
        check=check.name,
        reason_code=check.reason_code or report.reason_code or "unknown",
        reason=check.reason or "",
        logs=[evidence.tail for evidence in check.evidence if evidence.kind is EvidenceKind.LOG],
        organization=report.repository.organization,
        name=report.repository.name,
    )


def signed(report: Report) -> Report:
    """The report with its signature."""
    return replace(report, signature=signature_of(report))
