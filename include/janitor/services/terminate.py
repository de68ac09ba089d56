"""Terminating: by tag and by ledger, with the reason kept first, until EC2 says terminated."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from janitor.cloud import instances as ec2
from janitor.cloud.instances import InstanceSeen
from janitor.cloud.session import CloudAccess
from janitor.domain.states import TerminationReason
from janitor.services.reconcile import observe_rows
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores.database import Connection, transaction
from janitor.stores.records import InstanceRecord

_POLL = timedelta(seconds=1)

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


def to_terminate(settings: Settings, scope: Scope, reason: TerminationReason) -> list[str]:
    """Bring the ledger up to date, keep the reason, and say which instances are to be terminated.

    Returns:
        Ids of the instances that EC2 doesn't call terminated, also those that are shutting down already.

    Raises:
        CloudError: EC2 can't be asked.
        DatabaseError: Postgres can't be used.
    """
    seen = scope.in_ec2(CloudAccess.of(settings))
    with transaction(settings.writer_url) as connection:
        rows = scope.in_ledger(connection)
        for row in rows:
            if row.instance_id is not None:
                ledger.intend_termination(connection, row.ledger_id, reason)
    if rows:
        observe_rows(settings, rows, seen)
    return sorted({instance.instance_id for instance in seen})


def remaining(settings: Settings, scope: Scope) -> list[str]:
    """What is still there by EC2 or by the updated ledger; an intent shows as its token."""
    seen = scope.in_ec2(CloudAccess.of(settings))
    with transaction(settings.writer_url) as connection:
        rows = scope.in_ledger(connection)
    if rows:
        observe_rows(settings, rows, seen)
        with transaction(settings.writer_url) as connection:
            rows = scope.in_ledger(connection)
    names = {instance.instance_id for instance in seen}
    return sorted(names | {row.instance_id or f"intent {row.client_token[:12]}" for row in rows})


def terminate_and_verify(
    settings: Settings, scope: Scope, reason: TerminationReason, *, timeout: timedelta
) -> tuple[list[str], list[str]]:
    """Terminate everything in scope and wait until EC2 says terminated.

    Returns:
        (terminated ids, what remains after `timeout`).
    """
    give_up_at = time.monotonic() + timeout.total_seconds()
    asked: set[str] = set()
    while True:
        found = to_terminate(settings, scope, reason)
        ec2.terminate(CloudAccess.of(settings), found)
        asked.update(found)
        left = remaining(settings, scope)
        if not left or time.monotonic() >= give_up_at:
            return sorted(asked - set(left)), left
        time.sleep(_POLL.total_seconds())


def terminate_by_tag(settings: Settings, scope: Scope, *, timeout: timedelta) -> tuple[list[str], list[str]]:
    """Terminate what EC2 shows in scope without a word from the ledger, for when Postgres is gone.

    Returns:
        (terminated ids, what EC2 still shows after `timeout`). The ledger learns of it when it is reconciled.
    """
    access = CloudAccess.of(settings)
    give_up_at = time.monotonic() + timeout.total_seconds()
    asked: set[str] = set()
    while True:
        found = {instance.instance_id for instance in scope.in_ec2(access)}
        if not found or time.monotonic() >= give_up_at:
            return sorted(asked - found), sorted(found)
        ec2.terminate(access, found)
        asked |= found
        time.sleep(_POLL.total_seconds())
