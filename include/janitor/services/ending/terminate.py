"""Terminating: by tag and by ledger, with the reason kept first, until EC2 says terminated."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from uuid import UUID

from janitor.domain.errors import CloudError, WrongPlaceError
from janitor.domain.identity import TAG_DEPLOYMENT, TAG_RUN
from janitor.domain.launch.owner import Owner
from janitor.domain.launch.provider import InstanceSeen
from janitor.domain.log_lines import LineLogger
from janitor.domain.states import InstanceState, TerminationReason
from janitor.services.ending.external_timer import disarm_external_timer
from janitor.services.ledger.reconcile import observe_rows
from janitor.services.ledger.seen import keep_ending
from janitor.services.provider import find_owned, is_at_provider, provider_of
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores.database import Connection, transaction
from janitor.stores.reaping import claim_for_end
from janitor.stores.records import InstanceRecord

_FIRST_POLL = timedelta(milliseconds=200)
_POLL_GROWTH = 1.5
_INTENT = "intent "

log = LineLogger(__name__)

Terminate = Callable[[Sequence[str]], None]
"""Asks the provider to terminate; raises CloudError where it refuses."""

FindInstances = Callable[[Settings], Sequence[InstanceSeen]]
FindRows = Callable[[Connection], Sequence[InstanceRecord]]


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Which instances: how their provider finds them, and how the ledger does. Neither is believed alone."""

    name: str
    in_cloud: FindInstances
    in_ledger: FindRows


def scope_of(owner: Owner) -> Scope:
    """What belongs to one owner; of a run, without its validations' instances."""
    return Scope(
        name=str(owner),
        in_cloud=lambda settings: find_owned(settings, owner),
        in_ledger=lambda connection: [row for row in [ledger.live_of(connection, owner)] if row],
    )


def scope_of_run(run_id: UUID) -> Scope:
    """Everything that counts for one run: its own instances and its validations'."""
    return Scope(
        name=f"run {run_id}",
        in_cloud=lambda settings: provider_of(settings).find(TAG_RUN, str(run_id)),
        in_ledger=lambda connection: ledger.live_of_run(connection, run_id),
    )


def scope_of_deployment(deployment: str) -> Scope:
    """Every instance of a deployment."""
    return Scope(
        name=f"deployment {deployment}",
        in_cloud=lambda settings: provider_of(settings).find(TAG_DEPLOYMENT, deployment),
        in_ledger=lambda connection: ledger.live_of_deployment(connection, deployment),
    )


@dataclass(frozen=True, kw_only=True)
class Ending:
    """What became of a scope's instances."""

    terminated: tuple[str, ...]
    left: tuple[str, ...]
    """Still there by EC2 or by the ledger; an intent shows as its token."""
    kept: tuple[str, ...]
    """Left alone because of a debug lease."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """EC2's last word on those of `left` that it refuses to terminate."""


def end_scope(
    settings: Settings,
    scope: Scope,
    reason: TerminationReason,
    *,
    timeout: timedelta,
    detail: str | None = None,
    terminate: Terminate | None = None,
    spare_kept: bool = True,
) -> Ending:
    """Terminate everything in scope and wait until EC2 says terminated. An AWS that can't be asked is asked again, and
    one instance that it refuses to end saves no other.

    Args:
        reason: Kept in the ledger first.
        timeout: How long to go on.
        detail: What is kept beside the reason, such as who wanted it.
        terminate: Asks EC2 to terminate ids; default: one call for each.
        spare_kept: Whether a debug lease protects an instance.

    Raises:
        WrongPlaceError: A row in scope is in another place; nothing was changed.
        CloudError: EC2 could not be asked until the end.
        DatabaseError: Postgres can't be used.
    """
    provider = provider_of(settings)
    give_up_at = time.monotonic() + timeout.total_seconds()
    asked: set[str] = set()
    refused: Mapping[str, str] = {}
    pause = min(_FIRST_POLL, settings.poll_interval)
    while True:
        problem: CloudError | None = None
        look = _Look(gone=[], left=[], kept=[])
        try:
            look = _look(settings, scope, reason, detail, spare_kept=spare_kept)
        except WrongPlaceError:
            raise
        except CloudError as exc:
            problem = exc
        ids = [name for name in look.left if not name.startswith(_INTENT)]
        refused = _ask_for_all(ids, terminate, give_up_at) if terminate else provider.terminate(ids)
        asked.update(set(ids) - refused.keys())
        keep_ending(settings, set(ids) - refused.keys())
        if problem is None and not look.left:
            break
        if time.monotonic() >= give_up_at:
            if problem is not None:
                raise problem
            break
        time.sleep(pause.total_seconds())
        pause = min(pause * _POLL_GROWTH, max(settings.poll_interval, _FIRST_POLL))
    ended = asked - set(look.left)
    _disarm(settings, sorted(ended | set(look.gone)))
    for instance_id, word in refused.items():
        log.warning("EC2 refuses to terminate %s: %s", instance_id, word)
    return Ending(terminated=tuple(sorted(ended)), left=tuple(look.left), kept=tuple(look.kept), refused=dict(refused))


def _ask_for_all(ids: Sequence[str], terminate: Terminate, give_up_at: float) -> dict[str, str]:
    """Ask for all at once; where that is refused, one by one. Returns what failed: id → EC2's word."""
    if not ids:
        return {}
    try:
        terminate(ids)
    except CloudError as exc:
        if len(ids) == 1:
            return {ids[0]: str(exc)}
        failed: dict[str, str] = {}
        for number, instance_id in enumerate(ids):
            if time.monotonic() >= give_up_at:
                return failed | dict.fromkeys(ids[number:], str(exc))
            failed |= _ask_for_all([instance_id], terminate, give_up_at)
        return failed
    return {}


def remaining(settings: Settings, scope: Scope) -> list[str]:
    """What is still there by EC2 or by the updated ledger and no debug lease protects.

    Raises:
        CloudError: EC2 can't be asked.
        DatabaseError: Postgres can't be used.
    """
    return _look(settings, scope, None, None, spare_kept=True).left


def terminate_by_tag(settings: Settings, scope: Scope, *, timeout: timedelta) -> tuple[list[str], list[str]]:
    """Terminate what EC2 shows in scope without a word from the ledger, for when Postgres is gone.

    An AWS that can't be asked is asked again, and one instance that it refuses to end saves no other.

    Returns:
        (terminated ids, what EC2 still shows after `timeout`). The ledger learns of it when it is reconciled.

    Raises:
        CloudError: EC2 could not be asked until the end.
    """
    provider = provider_of(settings)
    give_up_at = time.monotonic() + timeout.total_seconds()
    asked: set[str] = set()
    while True:
        try:
            found = sorted({instance.instance_id for instance in scope.in_cloud(settings)})
        except CloudError as exc:
            if time.monotonic() >= give_up_at:
                raise
            log.warning("asking again: %s", exc)
        else:
            if not found or time.monotonic() >= give_up_at:
                return sorted(asked - set(found)), found
            refused = provider.terminate(found)
            for instance_id, word in refused.items():
                log.warning("EC2 refuses to terminate %s: %s", instance_id, word)
            asked.update(set(found) - refused.keys())
        time.sleep(settings.poll_interval.total_seconds())


@dataclass(frozen=True, kw_only=True)
class _Look:
    gone: list[str]
    left: list[str]
    kept: list[str]


def _look(
    settings: Settings, scope: Scope, reason: TerminationReason | None, detail: str | None, *, spare_kept: bool
) -> _Look:
    """Bring the ledger up to date, keep the reason, and say what is there."""
    seen = scope.in_cloud(settings)
    alive = {one.instance_id for one in seen if one.state is not InstanceState.SHUTTING_DOWN}
    with transaction(settings.writer_url) as connection:
        rows = _rows_in(connection, settings, scope)
    before = {row.instance_id for row in rows if row.instance_id}
    if rows:
        # First: it keeps the id of an instance whose launch was cut off, and finds out who ended what has ended.
        observe_rows(settings, rows, seen)
    kept = set()
    with transaction(settings.writer_url) as connection:
        rows = _rows_in(connection, settings, scope)
        for row in rows:
            if row.instance_id is None:
                continue
            if spare_kept and not claim_for_end(connection, row.ledger_id, datetime.now(timezone.utc)):
                kept.add(row.instance_id)
            elif reason is not None and row.instance_id in alive:
                ledger.intend_termination(connection, row.ledger_id, reason, detail)
    there = {one.instance_id for one in seen} | {row.instance_id or f"{_INTENT}{row.client_token[:12]}" for row in rows}
    return _Look(gone=sorted(before - there), left=sorted(there - kept), kept=sorted(there & kept))


def _rows_in(connection: Connection, settings: Settings, scope: Scope) -> list[InstanceRecord]:
    """Of a scope's rows, those of the provider that is looked at: each is ended by its own."""
    return [row for row in scope.in_ledger(connection) if is_at_provider(settings, row.place)]


def _disarm(settings: Settings, instance_ids: Sequence[str]) -> None:
    """Take timers away. They fire at instances that are gone, which does nothing; the reaper takes what stays."""
    if not provider_of(settings).abilities.has_timers:
        return
    for number, instance_id in enumerate(instance_ids):
        try:
            disarm_external_timer(settings, instance_id)
        except CloudError as exc:
            # Each of the others would wait as long for a service that is down.
            log.warning("the external timers of %s stay for now: %s", ", ".join(instance_ids[number:]), exc)
            return
