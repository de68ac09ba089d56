"""One maintenance run in this process: it claims one shard after the other that no other run has, and works on it."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from janitor.domain.errors import JanitorError
from janitor.domain.repair.discovery import Discovered, LeftAlone
from janitor.domain.repair.shard import PlannedShard, Shard
from janitor.domain.repair.states import ShardStatus
from janitor.services.maintenance.discovering import canary_at_work, find_work
from janitor.services.maintenance.work_shard import work_shard
from janitor.services.maintenance.workshop import Edge, Workshop
from janitor.services.workspaces.leasing import HeldLease, run_lock
from janitor.stores import shards as store
from janitor.stores.database import transaction

_LOOK_EVERY = timedelta(seconds=1)
CANARY_LIMIT = timedelta(hours=6)
"""How long a run waits for another's canary, when nothing else is left to do."""


@dataclass(frozen=True, kw_only=True)
class RunOrder:
    """What a run is to do."""

    run_id: str
    validation_run: UUID | None = None
    """Whose failures are looked at; None: the last run that is over."""
    only: Collection[str] = ()
    """Repositories; empty: all of them."""


@dataclass(frozen=True, kw_only=True)
class RunAnswer:
    """What a run did."""

    run_id: str
    shards: Sequence[Shard]
    left_alone: Sequence[LeftAlone]
    left_to_others: Sequence[PlannedShard]
    """Another run had claimed them, or this one has tried them before."""

    @property
    def failed(self) -> Sequence[Shard]:
        """Those of which nothing is known, by trouble of ours."""
        return [shard for shard in self.shards if shard.status is ShardStatus.FAILED]


def carry_out(shop: Workshop, order: RunOrder) -> RunAnswer:
    """Carry a run out, as the only process that does.

    What an earlier process of the same run left unfinished is done first. However it ends, no shard of the run is left
    that isn't final, as far as the database can be asked.

    Raises:
        LeaseHeldError: Another process carries it out.
        NotFoundError: No run of validations is over, or a name is none of a broken repository.
        DatabaseError: Postgres can't be used.
    """
    manager, deployment = shop.manager, shop.settings.deployment
    with run_lock(
        manager.database_url,
        deployment=deployment,
        run_id=order.run_id,
        holder=manager.holder,
        on_lost=end_this_process,
    ) as held:
        try:
            for shard in _unfinished(shop, order.run_id):
                work_shard(shop, shard.shard_id)
            found = find_work(shop.settings, order.run_id, validation_run=order.validation_run, only=order.only)
            others = _work_on(shop, held, found)
        except BaseException as exc:
            _give_up(shop, order.run_id, why=f"its run was ended: {_words_of(exc)}")
            raise
        with transaction(manager.database_url) as connection:
            shards = store.of_run(connection, deployment, order.run_id)
    return RunAnswer(run_id=order.run_id, shards=shards, left_alone=found.left_alone, left_to_others=others)


def end_this_process() -> None:
    """Ask this process to end in order: its lease is lost, and somebody else may do its work by now."""
    os.kill(os.getpid(), signal.SIGTERM)


def _work_on(shop: Workshop, held: HeldLease, found: Discovered) -> list[PlannedShard]:
    """Claim and work on what was found; returns what is left to others."""
    waiting, others = list(found.shards), list[PlannedShard]()
    give_up_at = time.monotonic() + CANARY_LIMIT.total_seconds()
    while waiting:
        with held.effect() as connection:
            live = store.live(connection, shop.settings.deployment)
        planned = next((each for each in waiting if canary_at_work(live, each, found) is None), None)
        if planned is None:
            if time.monotonic() >= give_up_at:
                return [*others, *waiting]
            time.sleep(_LOOK_EVERY.total_seconds())
            held.require()
            continue
        waiting.remove(planned)
        with held.effect() as connection:
            claimed = store.claim(connection, shop.settings.deployment, planned, at=found.at)
        if not claimed:
            others.append(planned)
            continue
        shop.reached(planned.shard_id, Edge.CLAIMED)
        work_shard(shop, planned.shard_id)
        give_up_at = time.monotonic() + CANARY_LIMIT.total_seconds()
    return others


def _words_of(exc: BaseException) -> str:
    """What ended a run; a signal comes as its number."""
    said = str(exc)
    if not isinstance(exc, Exception) and said.isdecimal():
        with contextlib.suppress(ValueError):
            return f"it was asked to end ({signal.Signals(int(said)).name})"
    return said or type(exc).__name__


def _unfinished(shop: Workshop, run_id: str) -> list[Shard]:
    with transaction(shop.manager.database_url) as connection:
        found = store.of_run(connection, shop.settings.deployment, run_id)
    return [shard for shard in found if not shard.status.is_final]


def _give_up(shop: Workshop, run_id: str, *, why: str) -> None:
    """End what isn't final; where the database can't be asked, a sweep does it."""
    with contextlib.suppress(JanitorError):
        for shard in _unfinished(shop, run_id):
            with transaction(shop.manager.database_url) as connection:
                store.give_up(connection, shop.settings.deployment, shard, why=why)
