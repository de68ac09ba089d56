"""Recording: collect what is known of a validation, conclude, write it. Repeating it changes nothing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timezone
from uuid import UUID

from janitor.cloud import commands as ssm
from janitor.cloud import storage
from janitor.cloud.session import CloudAccess
from janitor.domain.errors import CloudError
from janitor.domain.identity import report_key_for
from janitor.domain.outcome import Conclusion, Evidence, conclude, termination_reason_for
from janitor.domain.states import RunStatus, TerminationReason
from janitor.domain.watching import CommandStatus
from janitor.protocol.report import REPORT_MAX_BYTES, Report, ReportError
from janitor.services.report_history import keep_history
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores import validations as store
from janitor.stores.database import transaction
from janitor.stores.records import InstanceRecord, ValidationRecord


@dataclass(frozen=True, kw_only=True)
class _StoredReport:
    key: str
    sha256: str
    report: Report | None
    problem: str | None


def conclude_validation(settings: Settings, validation_id: UUID) -> Conclusion:
    """Say how a validation ended, from storage, SSM and the ledger, without writing it.

    Raises:
        CloudError: AWS can't be asked.
        DatabaseError: Postgres can't be used.
    """
    validation, instance = _read(settings, validation_id)
    return conclude(_evidence(settings, validation, instance, _stored_report(settings, validation, instance)))


def record_validation(settings: Settings, validation_id: UUID) -> Conclusion:
    """Write how a validation ended, with its report, its checks, and what that means for its repository's history.

    Raises:
        CloudError: AWS can't be asked.
        DatabaseError: Postgres can't be used.
    """
    validation, instance = _read(settings, validation_id)
    stored = _stored_report(settings, validation, instance)
    conclusion = conclude(_evidence(settings, validation, instance, stored))
    with transaction(settings.writer_url) as connection:
        finished = store.finish_validation(connection, validation_id, conclusion)
        if finished and stored is not None and conclusion.report is not None:
            store.insert_report(
                connection,
                validation_id,
                conclusion.report,
                ledger_id=instance.ledger_id if instance else None,
                storage_key=stored.key,
                sha256=stored.sha256,
            )
        if finished:
            keep_history(connection, validation, conclusion)
    return conclusion


def _read(settings: Settings, validation_id: UUID) -> tuple[ValidationRecord, InstanceRecord | None]:
    with transaction(settings.writer_url) as connection:
        return (
            store.get_validation(connection, validation_id),
            ledger.latest_of_validation(connection, validation_id),
        )


def _stored_report(
    settings: Settings, validation: ValidationRecord, instance: InstanceRecord | None
) -> _StoredReport | None:
    if instance is None:
        return None
    key = report_key_for(validation.run_id, validation.validation_id, instance.generation)
    try:
        content = storage.get(CloudAccess.of(settings), settings.bucket, key, at_most_bytes=REPORT_MAX_BYTES)
    except storage.TooLargeError as exc:
        return _StoredReport(key=key, sha256="", report=None, problem=str(exc))
    if content is None:
        return None
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        return _StoredReport(key=key, sha256=sha256, report=Report.from_json(content), problem=None)
    except ReportError as exc:
        return _StoredReport(key=key, sha256=sha256, report=None, problem=f"the report at {key} is refused: {exc}")


def _evidence(
    settings: Settings,
    validation: ValidationRecord,
    instance: InstanceRecord | None,
    stored: _StoredReport | None,
) -> Evidence:
    status, exit_code = validation.command_status, validation.command_exit_code
    if status is None and validation.command_id is not None and instance is not None and instance.instance_id:
        # Watching was cut off: SSM may still know how the command ended.
        try:
            seen = ssm.look(CloudAccess.of(settings), instance.instance_id, validation.command_id)
        except CloudError:
            seen = None
        if seen is not None and seen.status.is_final:
            status, exit_code = seen.status.value, seen.exit_code
    reason_code = validation.status_reason_code
    return Evidence(
        validation_id=validation.validation_id,
        outcome=validation.watch_outcome,
        command_status=CommandStatus(status) if status else None,
        exit_code=exit_code,
        report=stored.report if stored else None,
        report_problem=stored.problem if stored else None,
        launch_failure=(reason_code, validation.status_summary or reason_code) if reason_code else None,
        was_launched=instance is not None and instance.instance_id is not None,
        run_cancelled=validation.run_status is RunStatus.CANCELLED,
    )


def reason_to_terminate(settings: Settings, validation_id: UUID) -> TerminationReason:
    """Why the instance of a validation is terminated now, from how its watching ended.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    validation, instance = _read(settings, validation_id)
    overdue = instance is not None and instance.deadline_at <= datetime.now(timezone.utc)
    return termination_reason_for(validation.watch_outcome, overdue=overdue)
