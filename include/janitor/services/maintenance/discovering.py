"""Finding what there is to repair, and claiming it: the shard's row is the claim."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timezone
from uuid import UUID

from janitor.domain.errors import NotFoundError
from janitor.domain.repair.discovery import Discovered, discover, unknown_names
from janitor.domain.repair.shard import PlannedShard, Shard
from janitor.services.evidence.causes import read_causes
from janitor.settings import Settings
from janitor.stores import repairs as repair_store
from janitor.stores import shards as store
from janitor.stores.database import Connection, transaction
from janitor.stores.standing.snapshot import last_run


def find_work(
    settings: Settings, run_id: str, *, validation_run: UUID | None = None, only: Collection[str] = ()
) -> Discovered:
    """Say what a maintenance run would work on, and what it leaves alone; nothing is written.

    Args:
        settings: Of the deployment.
        run_id: Of the maintenance run.
        validation_run: The run whose failures are looked at; None: the last one that is over.
        only: Names, or `organization/name`; empty: every repository.

    Raises:
        NotFoundError: No run is over yet, or a name is none of a broken repository.
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.reader_url) as connection:
        looked_at = validation_run or _last_over(connection, settings.deployment)
        at = store.looked_at(connection)
        causes = read_causes(connection, settings.deployment, looked_at, datetime.now(timezone.utc))
        unknown = unknown_names(causes, only)
        if unknown:
            raise NotFoundError(f"nothing is broken that is called {', '.join(unknown)}; see `janitor failures`")
        names = {one.repository for cause in causes.causes for one in cause.repositories}
        repairs = repair_store.newest(connection, settings.deployment, names)
        off = repair_store.switched_off(connection, looked_at)
        live = store.live(connection, settings.deployment)
        at_work = {(each.repository, each.signature): each.shard_id for each in live}
    return discover(causes, run_id=run_id, at=at, repairs=repairs, at_work=at_work, only=only, off=off)


def claim_all(settings: Settings, discovered: Discovered, *, airflow_run_id: str | None) -> list[Shard]:
    """Claim everything that was found, in one transaction; returns the shards that are this run's now.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.writer_url) as connection:
        live = store.live(connection, settings.deployment)
        claimed = [
            planned.shard_id
            for planned in discovered.shards
            if store.claim(
                connection,
                settings.deployment,
                _after(planned, discovered, live),
                at=discovered.at,
                airflow_run_id=airflow_run_id,
            )
        ]
        found = [store.find(connection, settings.deployment, shard_id) for shard_id in claimed]
    return [shard for shard in found if shard is not None]


def canary_at_work(live: Collection[Shard], planned: PlannedShard, discovered: Discovered) -> Shard | None:
    """The shard that a planned one has to wait for, whichever run has it; None: there is none that isn't final."""
    canary = next((each for each in discovered.shards if each.shard_id == planned.canary_of), None)
    key = None if canary is None else (canary.repository, canary.signature)
    return next(
        (each for each in live if each.shard_id == planned.canary_of or (each.repository, each.signature) == key), None
    )


def _after(planned: PlannedShard, discovered: Discovered, live: Collection[Shard]) -> PlannedShard:
    """With the canary that it waits for in truth: another run may have claimed it."""
    other = canary_at_work(live, planned, discovered)
    return planned if other is None else replace(planned, canary_of=other.shard_id)


def _last_over(connection: Connection, deployment: str) -> UUID:
    run = last_run(connection, deployment)
    if run is None:
        raise NotFoundError("no run is over yet; validate the fleet first: `make validate-all-workers`")
    return run.run_id
