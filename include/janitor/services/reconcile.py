"""Bring the ledger up to what EC2 says.

A row ends only when EC2 says terminated, or no longer knows the instance after the time in which it may
not show it yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from uuid import UUID

from janitor.cloud import instances as ec2
from janitor.cloud import storage
from janitor.cloud.instances import InstanceSeen
from janitor.cloud.session import LAUNCH_CALL_TIMEOUT, CloudAccess
from janitor.domain.ending import infer_termination_reason
from janitor.domain.errors import CloudError
from janitor.domain.identity import notice_key_for
from janitor.domain.log_lines import LineLogger
from janitor.domain.states import InstanceState, NoticeKind, PlacementResult, TerminationReason
from janitor.settings import Settings
from janitor.stores import ledger, validations
from janitor.stores import placement as attempts
from janitor.stores.database import Connection, transaction
from janitor.stores.records import InstanceRecord

log = LineLogger(__name__)


def observe_deployment(settings: Settings) -> None:
    """Look at every instance of the deployment once and keep what changed; frees the places of those that ended.

    Raises:
        CloudError: EC2 can't be asked.
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.writer_url) as connection:
        rows = ledger.live_of_deployment(connection, settings.deployment)
    if rows:
        observe_rows(settings, rows, ec2.find_by_deployment(CloudAccess.of(settings), settings.deployment))


def observe_rows(settings: Settings, rows: Sequence[InstanceRecord], seen: Sequence[InstanceSeen]) -> None:
    """Keep the state of each row, given the live instances that EC2 lists.

    Args:
        rows: Live ledger rows.
        seen: Live instances by a tag that all of `rows` carry. A row that isn't among them is looked at by its id.
    """
    by_id = {instance.instance_id: instance for instance in seen}
    by_name: dict[tuple[UUID | None, str | None], InstanceSeen] = {
        (one.validation_id, one.tags.get("Name")): one for one in seen if one.validation_id is not None
    }
    found: list[_Found] = []
    for row in rows:
        # Only an intent is found by its name: somebody may have launched another one with the same tags.
        name = (row.validation_id, row.tags.get("Name"))
        instance = by_id.get(row.instance_id) if row.instance_id is not None else by_name.get(name)
        if instance is None:
            observed = _look_again(settings, row)
        else:
            observed = _Found(
                row=row, state=instance.state, instance=instance, inferred=TerminationReason.INSTANCE_LOST
            )
        if observed is not None:
            found.append(observed)
    with transaction(settings.writer_url) as connection:
        for one in found:
            _keep(connection, one)


@dataclass(frozen=True, kw_only=True)
class _Found:
    row: InstanceRecord
    state: InstanceState
    instance: InstanceSeen | None
    inferred: TerminationReason


def _keep(connection: Connection, found: _Found) -> None:
    row, instance = found.row, found.instance
    if instance is not None and row.instance_id is None:
        is_kept = ledger.keep_launched(
            connection,
            row.ledger_id,
            instance.instance_id,
            availability_zone=instance.availability_zone,
            launched_at=instance.launched_at,
        )
        if not is_kept:
            return  # the intent was closed since the row was read: the instance is nobody's, and the reaper's to end
        attempts.finish_attempt(connection, row.ledger_id, PlacementResult.LAUNCHED)
        if row.validation_id is not None:
            # The hard limit counts from here, also where the launch itself was cut off before it could say so.
            validations.mark_launched(connection, row.validation_id, instance.instance_id)
    if found.state is InstanceState.NOT_LAUNCHED:
        detail = "EC2 shows no instance for this intent"
        ledger.intend_termination(connection, row.ledger_id, TerminationReason.LAUNCH_FAILED, detail)
        attempts.finish_attempt(
            connection, row.ledger_id, PlacementResult.UNKNOWN, aws_code="NoInstance", aws_message=detail
        )
    ledger.observe_state(
        connection,
        row.ledger_id,
        found.state,
        state_reason=instance.state_reason if instance else None,
        inferred=found.inferred,
        ended_at=instance.changed_at if instance else None,
    )


def _look_again(settings: Settings, row: InstanceRecord) -> _Found | None:
    """The state of a row that no listing of live instances shows; None while that may still change."""
    now = datetime.now(timezone.utc)
    if row.instance_id is None:
        # RunInstances may still be under way somewhere, and its instance may not show at once.
        if now - row.intent_at < LAUNCH_CALL_TIMEOUT + settings.consistency:
            return None
        return _came_and_went(settings, row, now) or _Found(
            row=row, state=InstanceState.NOT_LAUNCHED, instance=None, inferred=TerminationReason.LAUNCH_FAILED
        )
    instance = ec2.describe(CloudAccess.of(settings), row.instance_id)
    if instance is None and now - (row.launched_at or row.intent_at) < settings.consistency:
        return None
    state = instance.state if instance else InstanceState.TERMINATED
    return _Found(row=row, state=state, instance=instance, inferred=_reason(settings, row, instance, now))


def _came_and_went(settings: Settings, row: InstanceRecord, now: datetime) -> _Found | None:
    """An instance of this intent that has ended before anybody kept its id, as long as EC2 still shows it."""
    if row.validation_id is None:
        return None
    every = ec2.find_by_validation(CloudAccess.of(settings), row.validation_id, live_only=False)
    instance = next((one for one in every if one.tags.get("Name") == row.tags.get("Name")), None)
    if instance is None:
        return None
    inferred = _reason(settings, replace(row, instance_id=instance.instance_id), instance, now)
    return _Found(row=row, state=instance.state, instance=instance, inferred=inferred)


def _reason(settings: Settings, row: InstanceRecord, instance: InstanceSeen | None, now: datetime) -> TerminationReason:
    """Why an instance ended, in case that nobody has said so before."""
    if row.termination_reason is not None or row.instance_id is None:
        return row.termination_reason or TerminationReason.INSTANCE_LOST
    code = instance.state_reason if instance else None
    ended_at = instance.changed_at if instance else None
    return infer_termination_reason(
        code,
        # Seen late, an end is not the timers' doing for that.
        seen_at=min(now, ended_at or now),
        may_live_until=row.may_live_until,
        reap_interval=settings.reap_interval,
        has_notice=now >= row.expires_at and _has_notice(settings, row.instance_id),
    )


def _has_notice(settings: Settings, instance_id: str) -> bool:
    """Whether the reaper's function left word; its notice may have been taken into the database already."""
    with transaction(settings.writer_url) as connection:
        if ledger.has_terminated_notice(connection, instance_id):
            return True
    key = notice_key_for(settings.deployment, NoticeKind.TERMINATED, instance_id)
    try:
        return storage.exists(CloudAccess.of(settings), settings.bucket, key)
    except CloudError as exc:
        log.warning("whether the reaper's function ended %s can't be asked: %s", instance_id, exc)
        return False
