"""Why a pool has as many workers as it has: each pass's decision, with what it saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from psycopg.types.json import Jsonb

from janitor.stores.database import Connection
from janitor.stores.pool.records import KeptDecision
from janitor.stores.queries import named_queries

KEPT_FOR = timedelta(days=14)
"""Older decisions are forgotten."""


def keep(
    connection: Connection,
    deployment: str,
    pool: str,
    *,
    inputs: Mapping[str, Any],
    actions: Sequence[Mapping[str, Any]],
    why: str,
) -> int:
    """Keep a decision, also where it does nothing; returns its number."""
    queries = named_queries()
    queries.forget_pool_decisions(connection, deployment=deployment, kept_for=KEPT_FOR)
    number: int = queries.keep_pool_decision(
        connection,
        deployment=deployment,
        pool=pool,
        inputs=Jsonb(dict(inputs)),
        actions=Jsonb([dict(each) for each in actions]),
        why=why[:2000],
    )
    return number


def recent(
    connection: Connection, deployment: str, pool: str | None = None, *, count: int, with_actions_alone: bool = False
) -> list[KeptDecision]:
    """The last decisions, the last one first; of every pool where none is named.

    Args:
        with_actions_alone: Leave out those that did nothing.
    """
    rows = named_queries().recent_pool_decisions(
        connection, deployment=deployment, pool=pool, count=count, with_actions_alone=with_actions_alone
    )
    return [
        KeptDecision(
            decision_id=row["decision_id"],
            decided_at=row["decided_at"],
            pool=row["pool"],
            inputs=row["inputs"],
            actions=tuple(row["actions"]),
            why=row["why"],
        )
        for row in rows
    ]
