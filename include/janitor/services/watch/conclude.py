"""Concluding: from what storage, SSM and the ledger show to how a validation ended. Nothing is written here."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from uuid import UUID

from janitor.cloud import commands as ssm
from janitor.cloud import storage
from janitor.cloud.session import CloudAccess
from janitor.domain.config.repository_plan import patch_sha256_of
from janitor.domain.errors import CloudError
from janitor.domain.identity import report_key_for
from janitor.domain.result.binding import Ordered
from janitor.domain.result.outcome import Conclusion, Evidence, WorkTime, conclude
from janitor.domain.states import RunStatus
from janitor.domain.watch.watching import CommandStatus, Decision
from janitor.protocol.report import REPORT_MAX_BYTES, Report, ReportError
from janitor.protocol.terms.proof import is_proven
from janitor.services.here import require_row_here
from janitor.services.watch.signs import awaited_sign, look_for_life
from janitor.settings import Settings
from janitor.stores import sequential as turns
from janitor.stores import validations as store
from janitor.stores.database import transaction
from janitor.stores.records import InstanceRecord, ValidationRecord
from janitor.stores.report_terms import ReportTerms


@dataclass(frozen=True, kw_only=True)
class StoredReport:
    """What storage holds of a validation; `problem` says why it can't be read as a report."""

    key: str
    sha256: str
    report: Report | None
    problem: str | None
    proven: bool | None = None
    """Whether it carries its instance's proof; None where the instance was told no key."""


@dataclass(frozen=True, kw_only=True)
class Concluded:
    """A conclusion and what it was drawn from, so that it can be written without being drawn again."""

    validation: ValidationRecord
    instance: InstanceRecord | None
    stored: StoredReport | None
    """None where storage has none, and where the conclusion was written before."""
    conclusion: Conclusion


def conclude_validation(settings: Settings, validation_id: UUID, end: Decision | None = None) -> Concluded:
    """Say how a validation ended. What was written stands, and storage isn't asked again.

    Args:
        end: How watching ended, where that isn't kept in Postgres yet.

    Raises:
        WrongPlaceError: Its instance is in another place.
        CloudError: AWS can't be asked.
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.writer_url) as connection:
        validation = store.get_validation(connection, validation_id)
        instance = turns.host_of(connection, validation_id)
        kept = store.kept_conclusion(connection, validation_id)
        terms = turns.told_terms(connection, validation_id, instance) if instance is not None else None
    if kept is not None:
        return Concluded(validation=validation, instance=instance, stored=None, conclusion=kept)
    if instance is not None and instance.instance_id is not None:
        # A report that isn't in this place's storage may well be in the other's.
        require_row_here(settings, instance)
    stored = _stored_report(settings, validation, instance, terms)
    evidence = _evidence(settings, validation, instance, stored, end)
    conclusion = conclude(replace(evidence, ordered=_ordered(validation, terms)) if terms is not None else evidence)
    return Concluded(validation=validation, instance=instance, stored=stored, conclusion=conclusion)


def _ordered(validation: ValidationRecord, terms: ReportTerms) -> Ordered:
    """What the validator was asked, from the plan and from what its instance was told."""
    return Ordered(
        run_id=validation.run_id,
        name=validation.repository_name,
        organization=validation.organization,
        url=validation.url,
        ref=validation.ref,
        prompt=validation.prompt,
        gpu_required=validation.gpu_required,
        engine=terms.engine,
        patch_sha256=patch_sha256_of(validation.plan),
    )


def _stored_report(
    settings: Settings, validation: ValidationRecord, instance: InstanceRecord | None, terms: ReportTerms | None
) -> StoredReport | None:
    if instance is None:
        return None
    key = report_key_for(validation.run_id, validation.validation_id, instance.generation)
    try:
        content = storage.get(CloudAccess.of(settings), settings.bucket, key, at_most_bytes=REPORT_MAX_BYTES)
    except storage.TooLargeError as exc:
        return StoredReport(key=key, sha256="", report=None, problem=str(exc))
    if content is None:
        return None
    sha256 = hashlib.sha256(content).hexdigest()
    proven = None if terms is None else is_proven(content, terms.proof_key)
    try:
        return StoredReport(key=key, sha256=sha256, report=Report.from_json(content), problem=None, proven=proven)
    except ReportError as exc:
        problem = f"the report at {key} is refused: {exc}"
        return StoredReport(key=key, sha256=sha256, report=None, problem=problem, proven=proven)


def _evidence(
    settings: Settings,
    validation: ValidationRecord,
    instance: InstanceRecord | None,
    stored: StoredReport | None,
    end: Decision | None,
) -> Evidence:
    status, exit_code = _command_end(settings, validation, instance, end)
    reason_code = validation.status_reason_code
    return Evidence(
        validation_id=validation.validation_id,
        outcome=validation.watch_outcome or (end.outcome if end else None),
        command_status=status,
        exit_code=exit_code,
        report=stored.report if stored else None,
        report_problem=stored.problem if stored else None,
        launch_failure=(reason_code, validation.status_summary or reason_code) if reason_code else None,
        was_launched=instance is not None and instance.instance_id is not None,
        run_cancelled=validation.run_status is RunStatus.CANCELLED,
        showed_life=stored is not None or _showed_life(settings, validation, instance),
        proven=stored.proven if stored else None,
        work_time=_work_time(validation, instance, stored.report if stored else None),
        required_proof=validation.required_proof,
    )


def _work_time(validation: ValidationRecord, instance: InstanceRecord | None, report: Report | None) -> WorkTime | None:
    """Counted from the earliest of what says when its work began: each may have been seen late, none too soon."""
    if instance is None:
        return None
    began = [
        at
        for at in (instance.command_started_at, instance.first_sign_at, report.started_at if report else None)
        if at is not None
    ]
    return WorkTime(left=instance.deadline_at - min(began), limit=validation.timeout) if began else None


def _showed_life(settings: Settings, validation: ValidationRecord, instance: InstanceRecord | None) -> bool:
    """Whether its command is known to have started; where nobody has seen that yet, it is looked for a last time."""
    if instance is None or instance.instance_id is None:
        return False
    sign = awaited_sign(settings, validation, instance, validation.command_id)
    if sign is None:
        return instance.first_sign_at is not None
    now = datetime.now(timezone.utc)
    return look_for_life(settings, {instance.instance_id: replace(sign, due_at=now)}, now).get(
        instance.instance_id, False
    )


def _command_end(
    settings: Settings, validation: ValidationRecord, instance: InstanceRecord | None, end: Decision | None
) -> tuple[CommandStatus | None, int | None]:
    """The command's last status and exit code: as kept, as just seen, or else as SSM still knows them."""
    if validation.command_status is not None:
        return CommandStatus(validation.command_status), validation.command_exit_code
    if end is not None and end.command is not None:
        return end.command.status, end.command.exit_code
    if validation.command_id is not None and instance is not None and instance.instance_id:
        # Watching was cut off: SSM may still know how the command ended.
        try:
            seen = ssm.look(CloudAccess.of(settings), instance.instance_id, validation.command_id)
        except CloudError:
            seen = None
        if seen is not None and seen.status.is_final:
            return seen.status, seen.exit_code
    return None, validation.command_exit_code
