"""What a look at one instance adds to its ledger row: state, zone, and what a spot instance costs there."""

from __future__ import annotations

from collections.abc import Collection

from janitor.domain.errors import CloudError
from janitor.domain.launch.provider import InstanceSeen
from janitor.domain.log_lines import LineLogger
from janitor.domain.states import InstanceState
from janitor.services.here import here
from janitor.services.provider import provider_of
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores.database import transaction
from janitor.stores.records import InstanceRecord

log = LineLogger(__name__)


def keep_seen(settings: Settings, record: InstanceRecord, seen: InstanceSeen) -> InstanceRecord:
    """Keep an instance's new state.

    Returns:
        The row as it is now; one that ended is left to `reconcile`, which also finds out why.

    Raises:
        WrongPlaceError: The row is bound to another place.
        CloudError: STS can't be asked.
        DatabaseError: Postgres can't be used.
    """
    if seen.state is InstanceState.TERMINATED:
        return record
    at = here(settings)
    price = None
    if seen.is_spot and seen.state is InstanceState.RUNNING and seen.availability_zone:
        try:
            price = provider_of(settings).spot_price(seen.instance_type, seen.availability_zone, seen.launched_at)
        except CloudError as exc:
            log.warning("the on-demand price is kept for %s: %s", seen.instance_id, exc)
    with transaction(settings.writer_url) as connection:
        ledger.bind_place(connection, record.ledger_id, at)
        ledger.keep_launched(
            connection, record.ledger_id, seen.instance_id, place=at, availability_zone=seen.availability_zone
        )
        ledger.observe_state(connection, record.ledger_id, seen.state, place=at, state_reason=seen.state_reason)
        if price is not None:
            ledger.keep_price(connection, record.ledger_id, price)
        return ledger.row(connection, record.ledger_id)


def keep_ending(settings: Settings, instance_ids: Collection[str]) -> None:
    """Keep that the end of instances was accepted, where their provider shows nothing of what has ended.

    Raises:
        CloudError: It can't be asked which place this is.
        DatabaseError: Postgres can't be used.
    """
    if not instance_ids or provider_of(settings).abilities.shows_ended:
        return
    at = here(settings)
    with transaction(settings.writer_url) as connection:
        for row in ledger.live_of_instances(connection, list(instance_ids)):
            if row.place == at:
                ledger.observe_state(connection, row.ledger_id, InstanceState.SHUTTING_DOWN, place=at)
