"""Replacing a lost instance: end what is left of it, then launch again, once and at no cost to the repository.

Every step can be repeated: what has been done is read from the ledger, so a task that died in between goes on there.
"""

from __future__ import annotations

from datetime import datetime, timezone
from uuid import UUID

from janitor.domain.launch.owner import Owner
from janitor.domain.launch.replacing import (
    LOST_FOR_GOOD,
    REASONS_OF_LOSS,
    is_worth_another_host,
    may_replace,
    reason_of_loss,
)
from janitor.domain.states import PlacementResult, TerminationReason
from janitor.domain.watch.watching import WatchOutcome
from janitor.services.ending.terminate import end_scope, scope_of
from janitor.services.launch.advance import LaunchStep, NotYet, advance_launch
from janitor.services.launch.orderer import ValidationOrderer
from janitor.services.watch.watch import Watch
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores import placement as attempts
from janitor.stores import validations as store
from janitor.stores.database import transaction


def is_replaceable(settings: Settings, watch: Watch, outcome: WatchOutcome) -> bool:
    """Whether the watched validation goes on with another instance, although this one ended so.

    Raises:
        CloudError: AWS can't be asked.
        DatabaseError: Postgres can't be used.
    """
    validation_id = watch.validation.validation_id
    with transaction(settings.writer_url) as connection:
        validation = store.get_validation(connection, validation_id)
        instance = ledger.latest_of(connection, Owner.validation(validation_id))
        earlier = attempts.attempts_of(connection, Owner.validation(validation_id))
    launched = sum(one.result is PlacementResult.LAUNCHED for one in earlier)
    if instance is None or validation.status.is_final or validation.run_status.is_final:
        return False
    if instance.ledger_id != watch.ledger_id:
        return False  # it has a successor already
    if instance.given_up_at is not None:
        return True  # begun before, by a call whose answer was lost
    if validation.watch_outcome is not None:
        return False
    if instance.termination_reason is not None and instance.termination_reason not in REASONS_OF_LOSS:
        return False  # somebody ended it on purpose
    now = datetime.now(timezone.utc)
    if instance.is_kept(now) and outcome not in LOST_FOR_GOOD:
        return False  # a person looks at it, and it can't be replaced without being ended
    if not may_replace(outcome, launched_before=launched, now=now, deadline_at=instance.deadline_at):
        return False
    return is_worth_another_host(outcome, watch.conclude().conclusion)


def begin_replacement(settings: Settings, validation_id: UUID, outcome: WatchOutcome) -> None:
    """Give the instance up, and keep why; from here on the validation has nothing to watch.

    How its watching ended is the validation's own end as long as no successor is intended.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.writer_url) as connection:
        instance = ledger.latest_of(connection, Owner.validation(validation_id))
        if instance is not None:
            ledger.intend_termination(connection, instance.ledger_id, reason_of_loss(outcome))
            ledger.give_up(connection, instance.ledger_id)
            store.keep_watch_outcome(connection, validation_id, instance.ledger_id, outcome)


def is_being_replaced(settings: Settings, validation_id: UUID) -> bool:
    """Whether the validation's last instance was given up and its successor isn't there yet.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.writer_url) as connection:
        rows = ledger.generations_of(connection, Owner.validation(validation_id))
    if not any(row.given_up_at for row in rows):
        return False
    return rows[-1].given_up_at is not None or rows[-1].instance_id is None


def advance_replacement(settings: Settings, validation_id: UUID) -> LaunchStep:
    """End the lost instance if it still lives, else launch its successor.

    Raises:
        As `advance_launch`.
    """
    owner = Owner.validation(validation_id)
    with transaction(settings.writer_url) as connection:
        latest = ledger.latest_of(connection, owner)
    if latest is not None and latest.given_up_at is not None and latest.state.is_live:
        ending = end_scope(
            settings,
            scope_of(owner),
            latest.termination_reason or TerminationReason.INSTANCE_LOST,
            timeout=settings.poll_interval,
            spare_kept=False,
        )
        if ending.left:
            until = datetime.now(timezone.utc) + settings.poll_interval
            return NotYet(until=until, why=f"waiting for {', '.join(ending.left)} to be gone")
    return advance_launch(settings, ValidationOrderer(validation_id))
