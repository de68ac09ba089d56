"""Bring the ledger up to what EC2 says.

A row ends only when EC2 says terminated, or no longer knows the instance after the time in which it may
not show it yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

from janitor.cloud import instances as ec2
from janitor.cloud.instances import InstanceSeen
from janitor.cloud.session import CloudAccess
from janitor.domain.states import InstanceState, TerminationReason
from janitor.domain.watching import DESCRIBE_CONSISTENCY
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores.database import transaction
from janitor.stores.records import InstanceRecord


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
    by_validation = {(one.validation_id, one.tags.get("Name")): one for one in seen}
    found: list[tuple[InstanceRecord, str | None, InstanceState]] = []
    for row in rows:
        instance = by_id.get(row.instance_id or "") or by_validation.get((row.validation_id, row.tags.get("Name")))
        if instance is not None:
            found.append((row, instance.instance_id, instance.state))
        elif (state := _state_of_missing(settings, row)) is not None:
            found.append((row, row.instance_id, state))
    with transaction(settings.writer_url) as connection:
        for row, instance_id, state in found:
            if row.instance_id is None and instance_id is not None:
                ledger.keep_launched(connection, row.ledger_id, instance_id, None)
            if state is InstanceState.NOT_LAUNCHED:
                ledger.intend_termination(
                    connection, row.ledger_id, TerminationReason.LAUNCH_FAILED, "EC2 shows no instance for this intent"
                )
            ledger.observe_state(connection, row.ledger_id, state)


def _state_of_missing(settings: Settings, row: InstanceRecord) -> InstanceState | None:
    """The state of a row that no listing shows; None while that may still change."""
    may_be_hidden = datetime.now(timezone.utc) - row.intent_at < DESCRIBE_CONSISTENCY
    if row.instance_id is None:
        # RunInstances may still be under way somewhere, or be repeated by a retried task.
        return None if may_be_hidden else InstanceState.NOT_LAUNCHED
    instance = ec2.describe(CloudAccess.of(settings), row.instance_id)
    if instance is not None:
        return instance.state
    return None if may_be_hidden else InstanceState.TERMINATED
