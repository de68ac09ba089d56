"""What validations and runs have cost so far, as it is reckoned: unrounded, and whether it is the last word."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from janitor.domain.money.places import places_for
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


def keep_costs(connection: Connection, deployment: str, *, count: int) -> int:
    """Write what instances that have ended cost, so that nobody reckons it again.

    What an instance cost is dropped, and reckoned anew, when anything changes that it comes from.

    Args:
        connection: Of a caller's transaction, which holds the instances until its end.
        deployment: Whose.
        count: Of how many at most.

    Returns:
        Of how many.
    """
    queries = named_queries()
    locked = [row["ledger_id"] for row in queries.lock_unkept_costs(connection, deployment=deployment, count=count)]
    kept: int = queries.keep_costs(connection, ledger_ids=locked) if locked else 0
    return kept


def places_of_runs(connection: Connection, costs: Mapping[UUID, Cost]) -> dict[UUID, int]:
    """By run: with how many places its cost and its validations' are written, so that they add up.

    Args:
        connection: Of a caller's transaction.
        costs: Of the runs that are asked for; see `costs_of_runs`.
    """
    parts: dict[UUID, list[Decimal | None]] = {run_id: [] for run_id in costs}
    for row in named_queries().cost_parts_of_runs(connection, run_ids=list(costs)):
        parts[row["run_id"]].append(row["usd"])
    return {run_id: places_for(parts[run_id], cost.usd) for run_id, cost in costs.items()}


@dataclass(frozen=True, kw_only=True)
class UsualTime:
    """How long the instances of a repository's last verdicts were billed for."""

    median: timedelta
    times: int
    """Of how many verdicts."""


def usual_times(
    connection: Connection, deployment: str, repositories: Sequence[tuple[str, str]], *, last: int
) -> list[UsualTime | None]:
    """By repository, an organization and a name, in their order; None where one never came to a verdict.

    Args:
        connection: Of a caller's transaction.
        deployment: Whose.
        repositories: Which.
        last: How many verdicts count.
    """
    rows = named_queries().usual_seconds(
        connection,
        deployment=deployment,
        organizations=[organization for organization, _ in repositories],
        names=[name for _, name in repositories],
        count=last,
    )
    return [
        UsualTime(median=timedelta(seconds=float(row["seconds"])), times=row["times"]) if row["times"] else None
        for row in rows
    ]


def _by(rows: Iterable[Mapping[str, Any]], key: str) -> dict[UUID, Cost]:
    return {row[key]: Cost(usd=row["usd"], is_final=not row["goes_on"]) for row in rows}
