"""Maintenance in a few numbers."""

from __future__ import annotations

from datetime import datetime

from janitor.domain.snapshot.maintenance import MaintenanceGlance
from janitor.stores.database import Connection
from janitor.stores.queries import named_queries


def glance(connection: Connection, deployment: str, since: datetime) -> MaintenanceGlance:
    """What is known of it.

    Args:
        since: From when on ended shards are counted.
    """
    row = named_queries().maintenance_glance(connection, deployment=deployment, since=since)
    return MaintenanceGlance(
        trees=row["trees"],
        oldest_shard=row["oldest_shard"],
        oldest_since=row["oldest_since"],
        ended=row["ended"],
        failed=row["failed"],
        stale_leases=row["stale_leases"],
        tables_bytes=row["tables_bytes"],
    )
