"""The rows of searches for culprits, inside a caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from psycopg.types.json import Jsonb

from janitor.domain.culprit.culprit import CulpritState
from janitor.domain.culprit.minimize import Outcome
from janitor.domain.result.provenance_changes import PartChange
from janitor.stores.database import Connection
from janitor.stores.queries import named_queries


@dataclass(frozen=True, kw_only=True)
class StepRow:
    """One experiment of a search."""

    number: int
    experiment_id: UUID
    put_back: frozenset[str]
    outcome: Outcome | None
    """None: it isn't over."""
    reason: str
    validation_id: UUID | None
    cost_usd: Decimal | None


def begin(connection: Connection, deployment: str, search_key: str, validation_id: UUID) -> int:
    """The number of a search, which is begun if it wasn't."""
    number: int = named_queries().begin_culprit_search(
        connection, deployment=deployment, search_key=search_key, validation_id=validation_id
    )
    return number


def steps(connection: Connection, search_id: int) -> list[StepRow]:
    """All of a search, in their order."""
    return [
        StepRow(
            number=row["number"],
            experiment_id=row["experiment_id"],
            put_back=frozenset(row["put_back"]),
            outcome=None if row["outcome"] is None else Outcome(row["outcome"]),
            reason=row["reason"],
            validation_id=row["validation_id"],
            cost_usd=row["cost_usd"],
        )
        for row in named_queries().culprit_steps(connection, search_id=search_id)
    ]


def begin_step(connection: Connection, search_id: int, step: StepRow) -> None:
    """Write down what is tried; one that is there stays as it is."""
    named_queries().begin_culprit_step(
        connection,
        search_id=search_id,
        number=step.number,
        experiment_id=step.experiment_id,
        put_back=sorted(step.put_back),
        reason=step.reason,
    )


def end_step(connection: Connection, search_id: int, step: StepRow) -> None:
    """Write down what came of it; what is known of it stays."""
    named_queries().end_culprit_step(
        connection,
        search_id=search_id,
        number=step.number,
        outcome=None if step.outcome is None else step.outcome.value,
        reason=step.reason,
        validation_id=step.validation_id,
        cost_usd=step.cost_usd,
    )


def end(
    connection: Connection, search_id: int, state: CulpritState, changes: Sequence[PartChange], reason: str
) -> None:
    """Write down how a search ended; the first word stays."""
    named_queries().end_culprit_search(
        connection,
        search_id=search_id,
        state=state.value,
        changes=Jsonb([each.to_dict() for each in changes]),
        reason=reason,
    )
