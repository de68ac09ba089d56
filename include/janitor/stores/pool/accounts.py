"""What became of tasks on a pool's machines, as the rows have it."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from janitor.domain.pool.account import AccountedMachine, AccountedTurn
from janitor.domain.states import InstanceState
from janitor.stores.database import Connection
from janitor.stores.queries import named_queries

_OVER = (InstanceState.TERMINATED, InstanceState.NOT_LAUNCHED)


def machines_since(connection: Connection, deployment: str, pool: str, since: datetime) -> list[AccountedMachine]:
    """The machines of a pool's workers that were requested from an instant on, with all turns on them."""
    queries = named_queries()
    rows = list(queries.pool_machines_since(connection, deployment=deployment, pool=pool, since=since))
    turns: defaultdict[int, list[AccountedTurn]] = defaultdict(list)
    for row in queries.turns_on_machines(connection, ledger_ids=[row["ledger_id"] for row in rows]):
        turn = AccountedTurn(
            validation_id=row["validation_id"],
            repository=row["repository"],
            queued_at=row["queued_at"],
            claimed_at=row["claimed_at"],
            started_at=row["command_started_at"],
            ended_at=row["ended_at"],
            share_usd=row["usd"],
        )
        turns[row["ledger_id"]].append(turn)
    return [
        AccountedMachine(
            worker_id=row["worker_id"],
            ledger_id=row["ledger_id"],
            instance_id=row["instance_id"],
            instance_type=row["instance_type"],
            requested_at=row["requested_at"],
            ready_at=row["ready_at"],
            is_over=row["ended_at"] is not None and InstanceState(row["state"]) in _OVER,
            cost_usd=row["total_usd"],
            turns=turns[row["ledger_id"]],
        )
        for row in rows
    ]
