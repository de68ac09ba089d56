"""Terminating: by tag and by ledger, with the reason kept first, until EC2 says terminated."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from uuid import UUID

from janitor.cloud import instances as ec2
from janitor.cloud.instances import InstanceSeen
from janitor.cloud.session import CloudAccess
from janitor.domain.errors import CloudError
from janitor.domain.states import InstanceState, TerminationReason
from janitor.services.external_timer import disarm_external_timer
from janitor.services.reconcile import observe_rows
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores.database import Connection, transaction
from janitor.stores.reaping import claim_for_end
from janitor.stores.records import InstanceRecord

_FIRST_POLL = timedelta(milliseconds=200)
_POLL_GROWTH = 1.5
_INTENT = "intent "

log = logging.getLogger(__name__)

Terminate = Callable[[Sequence[str]], None]
"""Asks EC2 to terminate; raises CloudError where it refuses."""

FindInstances = Callable[[CloudAccess], Sequence[InstanceSeen]]
FindRows = Callable[[Connection], Sequence[InstanceRecord]]


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Which instances: how EC2 finds them, and how the ledger does. Neither is believed alone."""

    name: str
    in_ec2: FindInstances
    in_ledger: FindRows


def scope_of_validation(validation_id: UUID) -> Scope:
    """The instances of one validation."""
    return Scope(
        name=f"validation {validation_id}",
        in_ec2=lambda access: ec2.find_by_validation(access, validation_id),
        in_ledger=lambda connection: [row for row in [ledger.live_of_validation(connection, validation_id)] if row],
    )


def scope_of_run(run_id: UUID) -> Scope:
    """The instances of one run."""
    return Scope(
        name=f"run {run_id}",
        in_ec2=lambda access: ec2.find_by_run(access, run_id),
        in_ledger=lambda connection: ledger.live_of_run(connection, run_id),
    )


def scope_of_deployment(deployment: str) -> Scope:
    """Every instance of a deployment."""
    return Scope(
        name=f"deployment {deployment}",
        in_ec2=lambda access: ec2.find_by_deployment(access, deployment),
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


def end_scope(
    settings: Settings,
    scope: Scope,
    reason: TerminationReason,
    *,
    timeout: timedelta,
    terminate: Terminate | None = None,
    spare_kept: bool = True,
) -> Ending:
    """Terminate everything in scope and wait until EC2 says terminated. An AWS that can't be asked is asked again.

    Args:
        reason: Kept in the ledger first.
        timeout: How long to go on.
        terminate: Asks EC2 to terminate ids; default: one call for each.
        spare_kept: Whether a debug lease protects an instance.

    Raises:
        CloudError: EC2 could not be asked until the end.
        DatabaseError: Postgres can't be used.
    """
    access = CloudAccess.of(settings)
    ask = terminate or (lambda ids: ec2.terminate(access, ids))
    give_up_at = time.monotonic() + timeout.total_seconds()
    asked: set[str] = set()
    pause = min(_FIRST_POLL, settings.poll_interval)
    while True:
        problem: CloudError | None = None
        look = _Look(gone=[], left=[], kept=[])
        try:
            look = _look(settings, scope, reason, spare_kept=spare_kept)
            if look.left:
                ask([name for name in look.left if not name.startswith(_INTENT)])
                asked.update(name for name in look.left if not name.startswith(_INTENT))
        except CloudError as exc:
            problem = exc
        if problem is None and not look.left:
            break
        if time.monotonic() >= give_up_at:
            if problem is not None:
                raise problem
            break
        time.sleep(pause.total_seconds())
        pause = min(pause * _POLL_GROWTH, max(settings.poll_interval, _FIRST_POLL))
    ended = asked - set(look.left)
    for instance_id in sorted(ended | set(look.gone)):
        _disarm(settings, instance_id)
    return Ending(terminated=tuple(sorted(ended)), left=tuple(look.left), kept=tuple(look.kept))


def remaining(settings: Settings, scope: Scope) -> list[str]:
    """What is still there by EC2 or by the updated ledger and no debug lease protects.

    Raises:
        CloudError: EC2 can't be asked.
        DatabaseError: Postgres can't be used.
    """
    return _look(settings, scope, None, spare_kept=True).left


def terminate_by_tag(settings: Settings, scope: Scope, *, timeout: timedelta) -> tuple[list[str], list[str]]:
    """Terminate what EC2 shows in scope without a word from the ledger, for when Postgres is gone.

    Returns:
        (terminated ids, what EC2 still shows after `timeout`). The ledger learns of it when it is reconciled.

    Raises:
        CloudError: EC2 can't be asked.
    """
    access = CloudAccess.of(settings)
    give_up_at = time.monotonic() + timeout.total_seconds()
    asked: set[str] = set()
    while True:
        found = sorted({instance.instance_id for instance in scope.in_ec2(access)})
        if not found or time.monotonic() >= give_up_at:
            return sorted(asked - set(found)), found
        ec2.terminate(access, found)
        asked.update(found)
        time.sleep(settings.poll_interval.total_seconds())


@dataclass(frozen=True, kw_only=True)
class _Look:
    gone: list[str]
    left: list[str]
    kept: list[str]


def _look(settings: Settings, scope: Scope, reason: TerminationReason | None, *, spare_kept: bool) -> _Look:
    """Bring the ledger up to date, keep the reason, and say what is there."""
    seen = scope.in_ec2(CloudAccess.of(settings))
    alive = {one.instance_id for one in seen if one.state is not InstanceState.SHUTTING_DOWN}
    with transaction(settings.writer_url) as connection:
        rows = list(scope.in_ledger(connection))
    before = {row.instance_id for row in rows if row.instance_id}
    if rows:
        # First: it keeps the id of an instance whose launch was cut off, and finds out who ended what has ended.
        observe_rows(settings, rows, seen)
    kept = set()
    with transaction(settings.writer_url) as connection:
        rows = list(scope.in_ledger(connection))
        for row in rows:
            if row.instance_id is None:
                continue
            if spare_kept and not claim_for_end(connection, row.ledger_id, datetime.now(timezone.utc)):
                kept.add(row.instance_id)
            elif reason is not None and row.instance_id in alive:
                ledger.intend_termination(connection, row.ledger_id, reason)
    there = {one.instance_id for one in seen} | {row.instance_id or f"{_INTENT}{row.client_token[:12]}" for row in rows}
    return _Look(gone=sorted(before - there), left=sorted(there - kept), kept=sorted(there & kept))


def _disarm(settings: Settings, instance_id: str) -> None:
    try:
        disarm_external_timer(settings, instance_id)
    except CloudError as exc:
        # It fires at an instance that is gone, which does nothing, and deletes itself.
        log.warning("the external timer of %s stays: %s", instance_id, exc)
