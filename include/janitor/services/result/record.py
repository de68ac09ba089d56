"""Recording: write how a validation ended. It is concluded once; repeating it changes nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from uuid import UUID

from janitor.domain.errors import ConflictError, DatabaseError
from janitor.domain.launch.owner import Owner
from janitor.domain.log_lines import LineLogger
from janitor.domain.result.outcome import Conclusion, conclude_unusable, termination_reason_for
from janitor.domain.states import RunPurpose, TerminationReason
from janitor.domain.watch.watching import WatchOutcome
from janitor.services.outbox.writing import keep_verdict_news
from janitor.services.report.history import keep_cause, keep_history
from janitor.services.watch.conclude import Concluded, conclude_validation
from janitor.services.watch.spec_object import remove_specs
from janitor.services.watch.watch import Watch
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores import sequential as turns
from janitor.stores import validations as store
from janitor.stores.database import transaction

log = LineLogger(__name__)


def record_validation(settings: Settings, validation_id: UUID) -> Conclusion:
    """Conclude a validation and write it; one that is final already stays as it is, and nothing is asked for it.

    Returns:
        What stands: without the report where it was written before.

    Raises:
        CloudError: AWS can't be asked.
        DatabaseError: Postgres can't be used.
    """
    return _write(settings, conclude_validation(settings, validation_id))


def finish_watched(settings: Settings, watch: Watch, outcome: WatchOutcome) -> Conclusion:
    """Conclude what was watched to its end, and write it where the report is the last one.

    A validator whose command is over hands in nothing more. Every other end is left to `record`, which looks again: a
    partial report may still be on its way.

    Raises:
        CloudError: AWS can't be asked.
        ConflictError: The instance has been given up or has a successor: its end isn't the validation's.
        DatabaseError: Postgres can't be read.
    """
    concluded = watch.conclude()
    instance = concluded.instance
    if instance is None or instance.ledger_id != watch.ledger_id or instance.given_up_at is not None:
        raise ConflictError(f"{watch.watched.instance_id} is being replaced; how it ended decides nothing")
    if outcome is not WatchOutcome.COMMAND_FINISHED:
        return concluded.conclusion
    try:
        return _write(settings, concluded)
    except DatabaseError as exc:
        # Writing is `record`'s task in any case; the instance's end must not wait for it.
        log.warning("how %s ended is left to its `record` task: %s", concluded.validation.validation_id, exc)
        return concluded.conclusion


def _write(settings: Settings, concluded: Concluded) -> Conclusion:
    """Write the final state with its report, its checks, and what it means for the repository's history, once."""
    validation, instance = concluded.validation, concluded.instance
    if instance is not None and not validation.status.is_final:
        # Watching may have been cut off before it did so.
        remove_specs(settings, validation.run_id, validation.validation_id, generations=instance.generation)
    try:
        return _write_once(settings, concluded)
    except store.UnstorableError as exc:
        # What an instance hands in must not keep its validation, its run and its money open for good.
        log.warning("the report of %s can't be kept: %s", concluded.validation.validation_id, exc)
        return _write_once(settings, replace(concluded, conclusion=conclude_unusable(str(exc))))


def _write_once(settings: Settings, concluded: Concluded) -> Conclusion:
    validation_id, conclusion, stored = concluded.validation.validation_id, concluded.conclusion, concluded.stored
    with transaction(settings.writer_url) as connection, store.refused_if_unstorable():
        latest = turns.host_of(connection, validation_id)
        if latest is not None and (concluded.instance is None or latest.ledger_id != concluded.instance.ledger_id):
            raise DatabaseError(f"validation {validation_id} got another instance meanwhile; conclude it again")
        if not store.finish_validation(connection, validation_id, conclusion):
            return store.kept_conclusion(connection, validation_id) or conclusion
        if stored is not None and conclusion.report is not None:
            store.insert_report(
                connection,
                validation_id,
                conclusion.report,
                ledger_id=concluded.instance.ledger_id if concluded.instance else None,
                storage_key=stored.key,
                sha256=stored.sha256,
            )
        if concluded.validation.purpose is RunPurpose.EXPERIMENT:
            keep_cause(connection, concluded.validation, conclusion)
            return conclusion
        difference = keep_history(connection, concluded.validation, conclusion)
        keep_verdict_news(connection, concluded.validation, conclusion, difference.verdict)
    return conclusion


def reason_to_terminate(settings: Settings, validation_id: UUID) -> TerminationReason:
    """Why the instance of a validation is terminated now, from how its watching ended.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.writer_url) as connection:
        validation = store.get_validation(connection, validation_id)
        instance = ledger.latest_of(connection, Owner.validation(validation_id))
    overdue = instance is not None and instance.deadline_at <= datetime.now(timezone.utc)
    return termination_reason_for(validation.watch_outcome, overdue=overdue)
