"""A shard under the hands of this process: taken up under a lease, and written down as failed where we are to blame."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from janitor.domain.errors import DatabaseError, JanitorError, LeaseLostError, NotFoundError
from janitor.domain.repair.shard import Shard
from janitor.domain.repair.states import RepairState, ShardStatus
from janitor.services.maintenance.workshop import Edge, NotYetProved, Workshop
from janitor.services.workspaces.leasing import HeldLease, run_lock
from janitor.stores import repairs as repair_store
from janitor.stores import shards as store
from janitor.stores.database import Connection, transaction


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A shard under the hands of this process."""

    shop: Workshop
    shard: Shard
    held: HeldLease

    @property
    def deployment(self) -> str:
        """Whose shard it is."""
        return self.shop.settings.deployment

    @property
    def fence(self) -> int:
        """Of what is written."""
        return self.held.lease.fence

    def reach(self, edge: Edge) -> None:
        """Tell that an edge is reached, and go on only while the lease holds."""
        self.held.require()
        self.shop.reached(self.shard.shard_id, edge)


@contextmanager
def at_bench(
    shop: Workshop, shard_id: str, *, is_new_try: bool = True, most_at_once: int | None = None
) -> Iterator[Bench | None]:
    """Hold a shard until the end of the block; None where it is final, or where its run has no place for it.

    Args:
        shop: What it is worked with.
        shard_id: Which.
        is_new_try: Whether this counts as another try.
        most_at_once: So many shards of its run may be at work; None: any number.

    Raises:
        As `work_shard.work_shard`.
    """
    shard = shard_of(shop, shard_id)
    if shard.status.is_final:
        yield None
        return
    manager, deployment = shop.manager, shop.settings.deployment
    with run_lock(manager.database_url, deployment=deployment, run_id=shard_id, holder=manager.holder) as held:
        shop.reached(shard_id, Edge.LEASED)
        prefix = str(manager.run(shard.run_id).artefacts_of(shard_id))
        with held.effect() as connection:
            begun = store.begin(
                connection,
                shard,
                held.lease,
                worker_id=str(manager.holder),
                artefact_prefix=prefix,
                is_new_try=is_new_try,
                most_at_once=most_at_once,
            )
        if not begun:
            yield None
            return
        bench = Bench(shop=shop, shard=shard_of(shop, shard_id), held=held)
        bench.reach(Edge.BEGUN)
        yield bench


@contextmanager
def ending_badly(bench: Bench) -> Iterator[None]:
    """Write down that a shard failed by our own fault. What ends the process itself, or the database's answers, is left
    to the next try or to a sweep."""
    try:
        yield
    except (LeaseLostError, NotYetProved, DatabaseError):
        raise
    except Exception as exc:
        is_defect = not isinstance(exc, JanitorError)
        if is_defect:
            _keep_trace(bench)
        message = f"{type(exc).__name__}: {exc}" if is_defect else str(exc)
        with bench.held.effect() as connection:
            _fail(bench, connection, message)


def _fail(bench: Bench, connection: Connection, message: str) -> None:
    shard = store.find(connection, bench.deployment, bench.shard.shard_id) or bench.shard
    repair = repair_store.of_shard(connection, bench.deployment, shard.shard_id)
    if repair is not None and repair.state in (RepairState.PROPOSED, RepairState.PROVING):
        repair_store.move(
            connection,
            bench.deployment,
            repair.repair_id,
            RepairState.INCONCLUSIVE,
            fence=bench.fence,
            reason=message,
        )
    store.finish(connection, shard, bench.held.lease, ShardStatus.FAILED, error_message=message or "unknown")


def _keep_trace(bench: Bench) -> None:
    """Keep where a defect of ours was, beside what the shard keeps; that it failed is written all the same."""
    shard, run = bench.shard, bench.shop.manager.run(bench.shard.run_id)
    with contextlib.suppress(JanitorError):
        path = run.artefact(shard.shard_id, max(shard.attempt, 1), bench.held.lease, "defect.txt")
        run.write(path, traceback.format_exc().encode("utf-8", "replace"))


def shard_of(shop: Workshop, shard_id: str) -> Shard:
    """A shard as it is now.

    Raises:
        NotFoundError: There is none of this id.
        DatabaseError: Postgres can't be used.
    """
    with transaction(shop.manager.database_url) as connection:
        shard = store.find(connection, shop.settings.deployment, shard_id)
    if shard is None:
        raise NotFoundError(f"there is no shard {shard_id} in {shop.settings.deployment}; see `janitor shards list`")
    return shard
