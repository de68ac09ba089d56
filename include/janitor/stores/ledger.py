"""The launch ledger: intents, what became of them, and the places that they hold.

Invariant: a place is held from the committed intent until EC2 says terminated, so counting live rows under the lock
counts everything that may exist. A row is ended only by who looks at the place (account, region, cloud) that it is
bound to; every statement that ends one says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from janitor.domain.config.fields import Market
from janitor.domain.errors import WrongPlaceError
from janitor.domain.launch.order import LaunchIdentity
from janitor.domain.launch.owner import Owner
from janitor.domain.place import Place
from janitor.domain.states import InstanceState, TerminationReason
from janitor.stores.database import Connection, one
from janitor.stores.queries import named_queries
from janitor.stores.records import InstanceRecord


def lock_places(connection: Connection, deployment: str) -> None:
    """Take the deployment's launch lock until the transaction ends."""
    named_queries().lock_places(connection, deployment=deployment)


def count_live(connection: Connection, deployment: str) -> int:
    """How many places of the deployment are held."""
    count: int = named_queries().count_live(connection, deployment=deployment)
    return count


def row(connection: Connection, ledger_id: int) -> InstanceRecord:
    """One row.

    Raises:
        DatabaseError: There is none of this id.
    """
    found = named_queries().ledger_row(connection, ledger_id=ledger_id)
    return InstanceRecord.from_row(one(found, what=f"ledger row {ledger_id}"))


def live_of(connection: Connection, owner: Owner) -> InstanceRecord | None:
    """The one live row of an owner, if there is one."""
    row = named_queries().live_of_owner(connection, owner_kind=owner.kind.value, owner_id=owner.id)
    return InstanceRecord.from_row(row) if row else None


def latest_of(connection: Connection, owner: Owner) -> InstanceRecord | None:
    """The row of an owner's last generation, live or not."""
    row = named_queries().latest_of_owner(connection, owner_kind=owner.kind.value, owner_id=owner.id)
    return InstanceRecord.from_row(row) if row else None


@dataclass(frozen=True, kw_only=True)
class LaunchTerms:
    """What an intent is to be launched with, and what that costs; None: no price is known."""

    instance_type: str
    market: Market
    subnet_id: str | None
    parameters: Mapping[str, Any]
    """The provider's own: the same token must always come with the same ones."""
    price_usd_hour: Decimal | None
    volume_gib: int
    volume_usd_gib_month: Decimal | None


def insert_intent(
    connection: Connection, identity: LaunchIdentity, terms: LaunchTerms, *, place: Place
) -> InstanceRecord:
    """Write the intent to launch, bound to the place in which RunInstances will be called.

    Raises:
        psycopg.errors.UniqueViolation: The owner has a live row already, or the token was used.
    """
    row = named_queries().insert_intent(
        connection,
        owner_kind=identity.owner.kind.value,
        owner_id=identity.owner.id,
        run_id=identity.run_id,
        deployment=identity.deployment,
        generation=identity.generation,
        client_token=identity.client_token,
        tags=Jsonb(identity.tags),
        instance_type=terms.instance_type,
        market=terms.market.value,
        subnet_id=terms.subnet_id,
        launch_parameters=Jsonb(dict(terms.parameters)),
        price_usd_hour=terms.price_usd_hour,
        volume_gib=terms.volume_gib,
        volume_usd_gib_month=terms.volume_usd_gib_month,
        intent_at=identity.intent_at,
        deadline_at=identity.deadline_at,
        expires_at=identity.expires_at,
        place=place.key,
    )
    return InstanceRecord.from_row(one(row, what=f"the intent of {identity.owner}"))


def keep_launched(
    connection: Connection,
    ledger_id: int,
    instance_id: str,
    *,
    place: Place,
    availability_zone: str | None = None,
    launched_at: datetime | None = None,
) -> bool:
    """Keep the id that RunInstances gave.

    Args:
        place: Where the instance is.
        availability_zone: Where it is; None: not known yet.
        launched_at: By EC2's word; None: now.

    Returns:
        False when the intent was closed meanwhile, because nothing had shown for too long.
    """
    changed = named_queries().keep_launched(
        connection,
        ledger_id=ledger_id,
        instance_id=instance_id,
        availability_zone=availability_zone,
        launched_at=launched_at,
        place=place.key,
    )
    return bool(changed)


def adopt_late(connection: Connection, ledger_id: int, instance_id: str) -> None:
    """Write a row for an instance that came after its own was closed: adopted, and about to be ended."""
    named_queries().adopt_late(connection, ledger_id=ledger_id, instance_id=instance_id)


def keep_price(connection: Connection, ledger_id: int, price_usd_hour: Decimal) -> None:
    """Keep what the instance really costs by the hour."""
    named_queries().keep_price(connection, ledger_id=ledger_id, price_usd_hour=price_usd_hour)


def keep_command_start(connection: Connection, ledger_id: int, started_at: datetime) -> None:
    """Keep when the instance got its command; the first time stays."""
    named_queries().keep_command_start(connection, ledger_id=ledger_id, started_at=started_at)


def keep_first_sign(connection: Connection, instance_ids: Sequence[str]) -> None:
    """Keep that these instances have shown life after their command; the first time stays."""
    named_queries().keep_first_sign(connection, instance_ids=list(instance_ids))


def keep_command_end(connection: Connection, ledger_id: int, ended_at: datetime) -> None:
    """Keep when the instance's command ended; the first time stays."""
    named_queries().keep_command_end(connection, ledger_id=ledger_id, ended_at=ended_at)


def observe_state(
    connection: Connection,
    ledger_id: int,
    state: InstanceState,
    *,
    place: Place,
    state_reason: str | None = None,
    inferred: TerminationReason = TerminationReason.INSTANCE_LOST,
    ended_at: datetime | None = None,
) -> None:
    """Keep a state that EC2 showed; a late or repeated observation changes nothing.

    Args:
        place: Where that was seen.
        state_reason: EC2's own code for it.
        inferred: The reason of an end that has none yet.
        ended_at: When it ended by EC2's word; counts where its shutting-down was not seen. None: now.

    Raises:
        WrongPlaceError: The row is bound to another place; it stays as it is.
    """
    changed = named_queries().observe_state(
        connection,
        ledger_id=ledger_id,
        state=state.value,
        state_reason=state_reason,
        inferred_reason=inferred.value,
        ended_at=ended_at,
        place=place.key,
    )
    if not changed:
        known = row(connection, ledger_id)
        if known.place is not None and known.place != place:
            raise WrongPlaceError(f"{known.name} is", [known.place.key], place.key)


def bind_place(connection: Connection, ledger_id: int, place: Place) -> None:
    """Keep that the row's instance was seen in a place; a row that is bound already stays bound."""
    named_queries().bind_place(connection, ledger_id=ledger_id, place=place.key)


def live_places(connection: Connection, deployment: str) -> dict[str, int]:
    """How many live rows are bound to each place, by its key; rows without a place aren't counted."""
    return {row["place"]: row["live"] for row in named_queries().live_places(connection, deployment=deployment)}


def keep_missing(connection: Connection, ledger_id: int, place: Place) -> bool:
    """Keep that a look at its place doesn't show the instance; whether this is the first such look."""
    return bool(named_queries().keep_missing(connection, ledger_id=ledger_id, place=place.key))


def missing_of_place(connection: Connection, deployment: str, place: Place) -> tuple[int, int]:
    """How many live rows with an instance are missing, and how many there are."""
    row = named_queries().missing_of_place(connection, deployment=deployment, place=place.key)
    return row["missing"], row["live"]


def states_of(connection: Connection, instance_ids: Sequence[str]) -> dict[str, InstanceState]:
    """What the ledger says of instances, ended ones too."""
    rows = named_queries().states_of(connection, instance_ids=list(instance_ids))
    return {row["instance_id"]: InstanceState(row["state"]) for row in rows}


def live_of_instances(connection: Connection, instance_ids: Sequence[str]) -> list[InstanceRecord]:
    """The live rows of instances."""
    rows = named_queries().live_of_instances(connection, instance_ids=list(instance_ids))
    return [InstanceRecord.from_row(row) for row in rows]


def of_instance(connection: Connection, deployment: str, instance_id: str) -> InstanceRecord | None:
    """The deployment's row of an instance, live or not."""
    row = named_queries().row_of_instance(connection, deployment=deployment, instance_id=instance_id)
    return InstanceRecord.from_row(row) if row else None


def works_for_open_validation(connection: Connection, ledger_id: int) -> bool:
    """Whether the row's instance is the one that a validation without a final state has now."""
    return bool(named_queries().works_for_open_validation(connection, ledger_id=ledger_id))


def reopen(connection: Connection, ledger_id: int, state: InstanceState, place: Place) -> InstanceRecord | None:
    """Take the end of a row back, because EC2 shows its instance alive; what was settled is settled anew.

    Where its owner has gone on with another instance, it becomes an adopted one.

    Returns:
        The row as it is now; None where it isn't an ended one of this place.
    """
    row = named_queries().reopen(connection, ledger_id=ledger_id, state=state.value, place=place.key)
    if row is None:
        return None
    named_queries().reopen_reservations(connection, ledger_id=ledger_id)
    return InstanceRecord.from_row(row)


def abandon_place(connection: Connection, deployment: str, place: Place) -> list[str]:
    """End every live row of a place, on a person's word that nothing is left there, and let its open validations be
    concluded from elsewhere; returns the rows' names."""
    rows = list(named_queries().abandon_place(connection, deployment=deployment, place=place.key))
    named_queries().unbind_unfinished(connection, deployment=deployment, place=place.key)
    return [row["name"] for row in rows]


def intend_termination(
    connection: Connection, ledger_id: int, reason: TerminationReason, detail: str | None = None
) -> None:
    """Keep why the instance is about to be terminated; the first reason stays."""
    named_queries().intend_termination(
        connection, ledger_id=ledger_id, termination_reason=reason.value, termination_detail=detail
    )


def generations_of(connection: Connection, owner: Owner) -> list[InstanceRecord]:
    """Every row of an owner, oldest first."""
    rows = named_queries().generations_of_owner(connection, owner_kind=owner.kind.value, owner_id=owner.id)
    return [InstanceRecord.from_row(row) for row in rows]


def has_terminated_notice(connection: Connection, instance_id: str) -> bool:
    """Whether the reaper's Lambda function left word that it ended the instance."""
    return bool(named_queries().has_terminated_notice(connection, instance_id=instance_id))


def give_up(connection: Connection, ledger_id: int) -> None:
    """Keep that the owner goes on with another instance."""
    named_queries().give_up(connection, ledger_id=ledger_id)


def live_of_run(connection: Connection, run_id: UUID) -> list[InstanceRecord]:
    """Every live row of a run."""
    return [InstanceRecord.from_row(row) for row in named_queries().live_of_run(connection, run_id=run_id)]


def live_of_deployment(connection: Connection, deployment: str) -> list[InstanceRecord]:
    """Every live row of a deployment."""
    rows = named_queries().live_of_deployment(connection, deployment=deployment)
    return [InstanceRecord.from_row(row) for row in rows]


def state_changes(connection: Connection, ledger_id: int) -> list[tuple[InstanceState, datetime]]:
    """The states that were observed, oldest first."""
    rows = named_queries().state_changes(connection, ledger_id=ledger_id)
    return [(InstanceState(row["to_state"]), row["observed_at"]) for row in rows]


UniqueViolation = psycopg.errors.UniqueViolation
"""Raised where an invariant of the ledger refuses a write; named here so that services need no driver import."""
