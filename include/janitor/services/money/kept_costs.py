"""Keeping what instances cost, once each has ended: so that no page and no report reckons the past again."""

from __future__ import annotations

from datetime import timedelta
from time import monotonic

from janitor.settings import Settings
from janitor.stores import costs as store
from janitor.stores.database import transaction

BATCH = 200
"""Instances in a transaction: they are locked while it lasts, some tenths of a second."""
_LIMIT = timedelta(seconds=30)
"""For all of it; what is left is reckoned as before, and kept the next time."""


def keep_costs(settings: Settings) -> int:
    """Write what the deployment's ended instances cost, where that isn't written yet. Repeating it is harmless.

    Returns:
        Of how many it was written.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    kept, end = 0, monotonic() + _LIMIT.total_seconds()
    while monotonic() < end:
        with transaction(settings.writer_url) as connection:
            count = store.keep_costs(connection, settings.deployment, count=BATCH)
        kept += count
        if count < BATCH:
            break
    return kept
