"""Bring the ledger up to what EC2 says.

A row ends when EC2, asked in the row's own place, says terminated. That EC2 doesn't show an instance ends its row only
at a second look, a pass of the reaper later, and not where many are missing at once: then a person has to say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from janitor.cloud import storage
from janitor.cloud.session import CloudAccess
from janitor.domain.errors import CloudError
from janitor.domain.identity import TAG_DEPLOYMENT, notice_key_for
from janitor.domain.launch.owner import Owner
from janitor.domain.launch.provider import InstanceSeen
from janitor.domain.log_lines import LineLogger
from janitor.domain.place import Place
from janitor.domain.reap.ending import infer_termination_reason
from janitor.domain.reap.vanishing import Absence, are_too_many, judge_absence
from janitor.domain.states import InstanceState, NoticeKind, OwnerKind, PlacementResult, TerminationReason
from janitor.services.here import here, require_here, require_row_here
from janitor.services.provider import find_owned, is_at_provider, provider_of
from janitor.settings import Settings
from janitor.stores import ledger, validations
from janitor.stores import placement as attempts
from janitor.stores.database import Connection, transaction
from janitor.stores.records import InstanceRecord

log = LineLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Absent:
    """What a look did not show though it should be there: names of instances, or of intents."""

    missing: tuple[str, ...] = ()
    """Their rows stay; a look that is a pass of the reaper later decides."""
    first_missed: tuple[str, ...] = ()
    """Those of `missing` that no look before this one missed."""
    vanished: tuple[str, ...] = ()
    """Missed again: their rows were ended."""
    doubted: tuple[str, ...] = ()
    """Missed again, but too many at once: their rows stay until a person says that they are gone."""
    unbound: tuple[str, ...] = ()
    """Of rows that were written before places were kept, so that nobody knows where to look: they stay as well."""


def observe_deployment(settings: Settings, *, believe_absence: bool = False) -> Absent:
    """Look at every instance of the deployment at one provider once and keep what changed.

    It frees the places of those that ended.

    Args:
        settings: Of the environment.
        believe_absence: A person's word that what EC2 doesn't show is gone.

    Raises:
        WrongPlaceError: The live rows are in another place; nothing was changed.
        CloudError: EC2 can't be asked.
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.writer_url) as connection:
        rows = ledger.live_of_deployment(connection, settings.deployment)
    rows = [row for row in rows if is_at_provider(settings, row.place)]
    if not rows:
        return Absent()
    require_here(settings)
    at = here(settings)
    rows = [row for row in rows if row.place in (None, at)]
    seen = provider_of(settings).find(TAG_DEPLOYMENT, settings.deployment)
    return observe_rows(settings, rows, seen, believe_absence=believe_absence)


def observe_rows(
    settings: Settings,
    rows: Sequence[InstanceRecord],
    seen: Sequence[InstanceSeen],
    *,
    believe_absence: bool = False,
) -> Absent:
    """Keep the state of each row, given the live instances that EC2 lists.

    Args:
        settings: Of the environment.
        rows: Live ledger rows.
        seen: Live instances by a tag that all of `rows` carry. A row that isn't among them is looked at by its id.
        believe_absence: A person's word that what EC2 doesn't show is gone.

    Raises:
        WrongPlaceError: A row is bound to another place; nothing was changed.
    """
    for row in rows:
        require_row_here(settings, row)
    at = here(settings)
    by_id = {instance.instance_id: instance for instance in seen}
    by_name: dict[tuple[Owner | None, str | None], InstanceSeen] = {
        (one.owner, one.tags.get("Name")): one for one in seen if one.owner is not None
    }
    found: list[_Found] = []
    absent: list[InstanceRecord] = []
    for row in rows:
        # Only an intent is found by its name: somebody may have launched another one with the same tags.
        name = (row.owner, row.tags.get("Name"))
        instance = by_id.get(row.instance_id) if row.instance_id is not None else by_name.get(name)
        observed: _Found | Absence
        if instance is None:
            observed = _look_again(settings, row)
        else:
            observed = _Found(
                row=row, state=instance.state, instance=instance, inferred=TerminationReason.INSTANCE_LOST
            )
        if isinstance(observed, _Found):
            found.append(observed)
        elif observed is not Absence.NOT_YET:
            absent.append(row)
    with transaction(settings.writer_url) as connection:
        for one in found:
            _keep(connection, one, at)
    return _keep_absent(settings, absent, at, believe_absence) if absent else Absent()


def states_of_missing(settings: Settings, instance_ids: Sequence[str]) -> dict[str, InstanceState]:
    """What is believed of instances that a look didn't show: the look is kept, and the ledger's states are told.

    Raises:
        WrongPlaceError: One is in another place.
        CloudError: EC2 can't be asked.
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.writer_url) as connection:
        rows = ledger.live_of_instances(connection, instance_ids)
    observe_rows(settings, rows, ())
    with transaction(settings.writer_url) as connection:
        return ledger.states_of(connection, instance_ids)


def _keep_absent(settings: Settings, rows: Sequence[InstanceRecord], at: Place, believe: bool) -> Absent:
    """Keep that the rows' instances weren't shown, and end those of which that is believed."""
    unbound = [row for row in rows if row.place is None]
    bound = [row for row in rows if row.place is not None]
    now = datetime.now(timezone.utc)
    with transaction(settings.writer_url) as connection:
        if believe:
            for row in unbound:
                ledger.bind_place(connection, row.ledger_id, at)
            bound, unbound = [*bound, *unbound], []
        first = [row for row in bound if ledger.keep_missing(connection, row.ledger_id, at)]
        # Counted over the deployment: those who look at one instance each must not end them all together.
        is_doubted = are_too_many(*ledger.missing_of_place(connection, settings.deployment, at)) and not believe
    again = [row for row in bound if believe or _judge(settings, row, now) is Absence.VANISHED]
    if not is_doubted:
        ended = [_gone(settings, row, now) for row in again]
        with transaction(settings.writer_url) as connection:
            for one in ended:
                _keep(connection, one, at)
    return Absent(
        missing=_names(row for row in bound if row not in again),
        first_missed=_names(first),
        vanished=() if is_doubted else _names(again),
        doubted=_names(again) if is_doubted else (),
        unbound=_names(unbound),
    )


def _names(rows: Iterable[InstanceRecord]) -> tuple[str, ...]:
    return tuple(sorted(row.name for row in rows))


@dataclass(frozen=True, kw_only=True)
class _Found:
    row: InstanceRecord
    state: InstanceState
    instance: InstanceSeen | None
    inferred: TerminationReason


def _keep(connection: Connection, found: _Found, at: Place) -> None:
    row, instance = found.row, found.instance
    if instance is not None:
        ledger.bind_place(connection, row.ledger_id, at)
    if instance is not None and row.instance_id is None:
        is_kept = ledger.keep_launched(
            connection,
            row.ledger_id,
            instance.instance_id,
            place=at,
            availability_zone=instance.availability_zone,
            launched_at=instance.launched_at,
        )
        if not is_kept:
            return  # the intent was closed since the row was read: the instance is nobody's, and the reaper's to end
        attempts.finish_attempt(connection, row.ledger_id, PlacementResult.LAUNCHED)
        if row.owner is not None and row.owner.kind is OwnerKind.VALIDATION:
            # The hard limit counts from here, also where the launch itself was cut off before it could say so.
            validations.mark_launched(connection, row.owner.id, instance.instance_id)
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
        place=at,
        state_reason=instance.state_reason if instance else None,
        inferred=found.inferred,
        ended_at=instance.changed_at if instance else None,
    )


def _look_again(settings: Settings, row: InstanceRecord) -> _Found | Absence:
    """The state of a row that no listing of live instances shows, or what its absence means."""
    now = datetime.now(timezone.utc)
    if row.instance_id is None:
        # RunInstances may still be under way somewhere, and its instance may not show at once.
        if now - row.intent_at < provider_of(settings).launch_call_timeout + settings.consistency:
            return Absence.NOT_YET
        found = _came_and_went(settings, row, now)
        if found is None and row.place is None:
            return Absence.MISSING
        return found or _Found(
            row=row, state=InstanceState.NOT_LAUNCHED, instance=None, inferred=TerminationReason.LAUNCH_FAILED
        )
    instance = provider_of(settings).describe(row.instance_id)
    if instance is not None:
        return _Found(row=row, state=instance.state, instance=instance, inferred=_reason(settings, row, instance, now))
    absence = _judge(settings, row, now)
    if absence is Absence.EXPECTED and row.place is not None:
        return _gone(settings, row, now)
    return absence


def _judge(settings: Settings, row: InstanceRecord, now: datetime) -> Absence:
    """What it means that EC2 doesn't know the instance of a row."""
    return judge_absence(
        launched_at=row.launched_at or row.intent_at,
        may_live_until=row.may_live_until,
        was_seen_ending=row.state is InstanceState.SHUTTING_DOWN or _was_noticed(settings, row),
        missing_since=row.missing_since,
        now=now,
        consistency=settings.consistency,
        reap_interval=settings.reap_interval,
    )


def _was_noticed(settings: Settings, row: InstanceRecord) -> bool:
    if row.instance_id is None:
        return False
    with transaction(settings.writer_url) as connection:
        return ledger.has_terminated_notice(connection, row.instance_id)


def _gone(settings: Settings, row: InstanceRecord, now: datetime) -> _Found:
    """A row whose instance is believed to be gone: terminated, or never launched."""
    if row.instance_id is None:
        return _Found(
            row=row, state=InstanceState.NOT_LAUNCHED, instance=None, inferred=TerminationReason.LAUNCH_FAILED
        )
    inferred = _reason(settings, row, None, now)
    return _Found(row=row, state=InstanceState.TERMINATED, instance=None, inferred=inferred)


def _came_and_went(settings: Settings, row: InstanceRecord, now: datetime) -> _Found | None:
    """An instance of this intent that has ended before anybody kept its id, as long as EC2 still shows it."""
    if row.owner is None:
        return None
    every = find_owned(settings, row.owner, live_only=False)
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
