"""What became of a pool's machines: by the ledger, and by their provider, whose word counts where they differ."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from janitor.domain.identity import TAG_DEPLOYMENT
from janitor.domain.launch.provider import InstanceSeen
from janitor.domain.pool.account import AccountedMachine
from janitor.domain.states import OwnerKind
from janitor.services.provider import provider_of
from janitor.settings import Settings
from janitor.stores.database import transaction
from janitor.stores.pool import accounts, passes

_LOOK_EVERY = timedelta(seconds=1)


def machines_since(settings: Settings, pool: str, since: datetime) -> list[AccountedMachine]:
    """The machines of a pool's workers that were requested from an instant on, with what was done on them.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.reader_url) as connection:
        return accounts.machines_since(connection, settings.deployment, pool, since)


def workers_machines(settings: Settings) -> list[InstanceSeen]:
    """The machines of the deployment's workers that their provider shows, those that have ended included.

    Raises:
        CloudError: It can't be asked.
    """
    every = provider_of(settings).find(TAG_DEPLOYMENT, settings.deployment, live_only=False)
    return [each for each in every if each.owner is not None and each.owner.kind is OwnerKind.WORKER]


def is_empty_within(settings: Settings, pool: str, limit: timedelta) -> bool:
    """Whether a pool has neither workers nor tasks any more, before a limit is over: its own passes see to that.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    give_up_at = time.monotonic() + limit.total_seconds()
    while not _is_empty(settings, pool):
        if time.monotonic() >= give_up_at:
            return False
        time.sleep(_LOOK_EVERY.total_seconds())
    return True


def _is_empty(settings: Settings, pool: str) -> bool:
    with transaction(settings.reader_url) as connection:
        return pool not in passes.in_use(connection, settings.deployment)
