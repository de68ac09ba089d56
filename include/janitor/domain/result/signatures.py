"""The failure signature of a validation: its report's, or that of the trouble that left it without a verdict."""

from __future__ import annotations

from janitor.domain.result.outcome import Conclusion
from janitor.domain.states import ValidationStatus
from janitor.protocol.report_signature import signature_of
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.protocol.text.signature import FailureSignature, failure_signature

_WITHOUT = (ValidationStatus.SUCCESS, ValidationStatus.CANCELLED)


def signature_for(conclusion: Conclusion, *, organization: str, name: str) -> FailureSignature | None:
    """What a validation's failure has in common with others; None for a success and for what a person stopped.

    Args:
        conclusion: The final word on the validation.
        organization: Of the repository.
        name: Of the repository.
    """
    if conclusion.status in _WITHOUT:
        return None
    report = conclusion.report
    if report is not None and follows_report(conclusion):
        return signature_of(report)
    return failure_signature(
        check=conclusion.failing_check,
        reason_code=conclusion.reason_code or ReasonCode.UNKNOWN.value,
        reason=conclusion.summary,
        organization=organization,
        name=name,
    )


def follows_report(conclusion: Conclusion) -> bool:
    """Whether the final word is the report's own: a success without its validator's exit code is not."""
    return conclusion.report is not None and conclusion.status.value == conclusion.report.status.value
