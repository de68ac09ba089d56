"""Keeping what a validation's end means for its repository: the signature, and the difference to what stood before.

Invariant: it is written in the transaction that makes the validation final, and once: who finishes a validation writes
its difference, and two of one repository wait for each other.
"""

from __future__ import annotations

from dataclasses import replace

from janitor.domain.result.outcome import Conclusion
from janitor.domain.result.report_diff import Mark, ReportDifference, RepositoryStanding, Seen, compare
from janitor.domain.result.signatures import follows_report, signature_for
from janitor.domain.states import ValidationStatus
from janitor.protocol.report import Report, ReportError
from janitor.protocol.report_signature import signature_of
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.protocol.terms.rollup import level_of_check
from janitor.protocol.text.signature import FailureSignature, failure_signature
from janitor.stores.database import Connection
from janitor.stores.records import ValidationRecord
from janitor.stores.standing import report_history as store

_OLDEST = 50
"""Earlier validations that are read where nothing of a repository's history was kept yet."""


def keep_history(connection: Connection, validation: ValidationRecord, conclusion: Conclusion) -> ReportDifference:
    """Write a validation's signature and its difference to the last conclusive report of its repository.

    Args:
        validation: As it was before its end.
        conclusion: Its end, written already in this transaction.
    """
    standing = store.lock_standing(connection, validation)
    if standing is None:
        standing = _standing_from_rows(connection, validation)
    standing = _with_level(replace(standing, report=_last_report(connection, standing)))
    signature = keep_cause(connection, validation, conclusion)
    difference, standing = compare(standing, _seen(connection, validation, conclusion, signature))
    store.insert_difference(connection, validation.validation_id, difference)
    store.keep_standing(connection, validation, standing)
    return difference


def keep_cause(connection: Connection, validation: ValidationRecord, conclusion: Conclusion) -> FailureSignature | None:
    """Write a validation's signature alone: all that is kept of an experiment, which is nobody's history.

    Returns:
        The signature; None for a success and for what a person stopped.
    """
    signature = signature_for(conclusion, organization=validation.organization, name=validation.repository_name)
    if signature is not None:
        store.keep_signature(connection, validation.validation_id, signature)
    return signature


def _seen(
    connection: Connection, validation: ValidationRecord, conclusion: Conclusion, signature: FailureSignature | None
) -> Seen:
    report = conclusion.report
    believed = report is not None and follows_report(conclusion)
    return Seen(
        mark=Mark(
            at=store.finished_at(connection, validation.validation_id),
            run_id=validation.run_id,
            validation_id=validation.validation_id,
        ),
        status=conclusion.status,
        commit_sha=report.repository.commit_sha if report is not None else None,
        signature=signature.id if signature is not None else None,
        checks={check.name: check.status for check in report.checks} if report is not None and believed else {},
        engine=report.engine if report is not None else None,
        failing_check=conclusion.failing_check,
        report=report if believed else None,
    )


def _standing_from_rows(connection: Connection, validation: ValidationRecord) -> RepositoryStanding:
    """What the rows of before say of the repository; their signatures are made on the way."""
    standing = RepositoryStanding()
    for earlier in store.earlier_validations(connection, validation, _OLDEST):
        seen = earlier.seen
        if seen.signature is None and seen.status not in (ValidationStatus.SUCCESS, ValidationStatus.CANCELLED):
            signature = _signature_of_before(connection, validation, earlier)
            store.keep_signature(connection, seen.mark.validation_id, signature)
            seen = replace(seen, signature=signature.id)
        _, standing = compare(standing, seen)
    return standing


def _signature_of_before(
    connection: Connection, validation: ValidationRecord, earlier: store.EarlierValidation
) -> FailureSignature:
    report = _kept_report(connection, earlier.seen.mark)
    if report is not None and report.status.value == earlier.seen.status.value:
        signature = signature_of(report)
        if signature is not None:
            return signature
    return failure_signature(
        check=earlier.failing_check,
        reason_code=earlier.reason_code or ReasonCode.UNKNOWN.value,
        reason=earlier.summary or "",
        organization=validation.organization,
        name=validation.repository_name,
    )


def _last_report(connection: Connection, standing: RepositoryStanding) -> Report | None:
    """The report that the next one is compared with."""
    return _kept_report(connection, standing.verdict.last) if standing.verdict is not None else None


def _with_level(standing: RepositoryStanding) -> RepositoryStanding:
    """With the level of the last verdict, where it was kept before levels were and its report is at hand."""
    verdict, report = standing.verdict, standing.report
    if verdict is None or verdict.level is not None or report is None:
        return standing
    level = level_of_check(report.engine, report.failing_check)
    return replace(standing, verdict=replace(verdict, level=level))


def _kept_report(connection: Connection, mark: Mark) -> Report | None:
    document = store.report_document(connection, mark.validation_id)
    try:
        return Report.from_dict(document) if document is not None else None
    except ReportError:
        return None  # of a format that isn't read any more; the row still has its reason
