"""The deployment's concurrent places: how many are held now."""

from __future__ import annotations

from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores.database import transaction


def places_held(settings: Settings) -> int:
    """Count intents and instances that EC2 hasn't called terminated, over all runs.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.writer_url) as connection:
        return ledger.count_live(connection, settings.deployment)
