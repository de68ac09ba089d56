"""What validations and runs have cost so far, as it is reckoned: unrounded, and whether it is the last word."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from janitor.stores.database import Connection
from janitor.stores.queries import named_queries


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What some instances cost together."""

    usd: Decimal | None = None
    """None where none was launched, or where a price isn't known."""
    is_final: bool = True
    """Whether EC2 has ended all of them, so that nothing is added any more."""


NO_COST = Cost()


def costs_of_validations(connection: Connection, validation_ids: Sequence[UUID]) -> dict[UUID, Cost]:
    """By validation; one that launched nothing has no entry."""
    rows = named_queries().costs_of_validations(connection, validation_ids=list(validation_ids))
    return _by(rows, "validation_id")


def costs_of_runs(connection: Connection, run_ids: Sequence[UUID]) -> dict[UUID, Cost]:
    """By run; one that launched nothing has no entry."""
    return _by(named_queries().costs_of_runs(connection, run_ids=list(run_ids)), "run_id")


def _by(rows: Iterable[Mapping[str, Any]], key: str) -> dict[UUID, Cost]:
    return {row[key]: Cost(usd=row["usd"], is_final=not row["goes_on"]) for row in rows}
