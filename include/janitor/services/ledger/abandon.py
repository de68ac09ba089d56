"""Leaving a place that is no more: a closed account, a local cloud whose data was deleted.

Its rows can't be ended by anybody who looks, as nobody can look there. A person says so by the place's name.
"""

from __future__ import annotations

from janitor.domain.errors import ConflictError, NotFoundError
from janitor.domain.place import Place
from janitor.domain.states import ReaperAction
from janitor.services.here import here
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores import reaping as store
from janitor.stores.database import transaction


def abandon_place(settings: Settings, key: str) -> tuple[str, ...]:
    """End every live row of a place without looking at it.

    Args:
        settings: Of the environment.
        key: `cloud/account/region`, as messages name the place.

    Returns:
        The names of the rows that were ended.

    Raises:
        NotFoundError: No live row is bound to such a place; the message names those that are.
        ConflictError: It is the place that this process looks at, so that it can be seen what is there.
        CloudError: STS can't be asked.
        DatabaseError: Postgres can't be used.
    """
    at = here(settings)
    with transaction(settings.writer_url) as connection:
        bound = ledger.live_places(connection, settings.deployment)
        if key == at.key:
            raise ConflictError(f"{key} is where this looks: `make reap` ends what is not there")
        if key not in bound:
            known = ", ".join(bound) or "none"
            raise NotFoundError(f"no live row of {settings.deployment} is in {key}; places with live rows: {known}")
        ended = ledger.abandon_place(connection, settings.deployment, Place.parse(key))
        store.add_event(
            connection,
            settings.deployment,
            ReaperAction.PLACE_ABANDONED,
            subject=key,
            detail=f"{len(ended)} rows: {', '.join(ended)}",
        )
    return tuple(ended)
