"""Who looks, and whether what the ledger holds is there: asked before anything is ended, launched or concluded.

A deployment has one place at a time at each provider. Its places for instances are counted over all of its rows, and
only an observer of a row's own place can say what became of it; one who looks elsewhere changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from janitor.domain.errors import WrongPlaceError
from janitor.domain.place import Place
from janitor.services.provider import is_at_provider, provider_of
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores.database import Connection, transaction
from janitor.stores.records import InstanceRecord


def here(settings: Settings) -> Place:
    """The place that this process's calls reach.

    Raises:
        CloudError: STS can't be asked.
    """
    return provider_of(settings).place()


def require_here(settings: Settings) -> tuple[str, ...]:
    """Make sure that the deployment's live rows are where this process looks.

    Returns:
        The keys of other places in which some of them are, though others are here; nobody here can end those.

    Raises:
        WrongPlaceError: None of them is here.
        CloudError: STS can't be asked.
        DatabaseError: Postgres can't be used.
    """
    at = here(settings)
    with transaction(settings.writer_url) as connection:
        bound = _of_provider(settings, ledger.live_places(connection, settings.deployment))
    elsewhere = tuple(key for key in bound if key != at.key)
    if elsewhere and at.key not in bound:
        raise WrongPlaceError(_rows(settings, sum(bound.values())), elsewhere, at.key)
    return elsewhere


def require_all_here(connection: Connection, settings: Settings, at: Place) -> None:
    """Make sure that no live row of the deployment is elsewhere: what is launched here couldn't be counted with it.

    Raises:
        WrongPlaceError: One is.
        DatabaseError: Postgres can't be used.
    """
    bound = _of_provider(settings, ledger.live_places(connection, settings.deployment))
    elsewhere = {key: live for key, live in bound.items() if key != at.key}
    if elsewhere:
        raise WrongPlaceError(_rows(settings, sum(elsewhere.values())), elsewhere, at.key)


def require_row_here(settings: Settings, row: InstanceRecord) -> None:
    """Make sure that what became of a row's instance can be seen from here; a row without a place passes.

    Raises:
        WrongPlaceError: It is bound to another place.
        CloudError: STS can't be asked.
    """
    if row.place is not None and row.place != (at := here(settings)):
        raise WrongPlaceError(f"{row.name} is", [row.place.key], at.key)


def _of_provider(settings: Settings, bound: Mapping[str, int]) -> dict[str, int]:
    """Of live rows by place, those of the provider that is looked at: another one's are where they belong."""
    return {key: live for key, live in bound.items() if is_at_provider(settings, Place.parse(key))}


def _rows(settings: Settings, count: int) -> str:
    what = "live row of the ledger is" if count == 1 else "live rows of the ledger are"
    return f"{count} {what} (deployment {settings.deployment})"
