"""A person's word that a pool spawns nothing and drains; it wins over the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from janitor.stores.database import Connection
from janitor.stores.pool.records import Stop
from janitor.stores.queries import named_queries


def stop(connection: Connection, deployment: str, pool: str, by: str) -> bool:
    """Stop a pool; returns whether it wasn't stopped before."""
    return bool(named_queries().stop_pool(connection, deployment=deployment, pool=pool, stopped_by=by[:500]))


def resume(connection: Connection, deployment: str, pool: str) -> bool:
    """Let a pool go on; returns whether it was stopped."""
    return bool(named_queries().resume_pool(connection, deployment=deployment, pool=pool))


def is_stopped(connection: Connection, deployment: str, pool: str) -> bool:
    """Whether a person stopped it."""
    return named_queries().pool_stop(connection, deployment=deployment, pool=pool) is not None


def stopped(connection: Connection, deployment: str) -> list[Stop]:
    """The pools that are stopped, by name."""
    return [_from(row) for row in named_queries().pool_stops(connection, deployment=deployment)]


def _from(row: Mapping[str, Any]) -> Stop:
    return Stop(pool=row["pool"], stopped_at=row["stopped_at"], stopped_by=row["stopped_by"])
