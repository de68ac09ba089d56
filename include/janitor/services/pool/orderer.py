"""A pool's worker, as whoever orders its machine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from janitor.domain.errors import ConflictError
from janitor.domain.launch.order import LaunchOrder
from janitor.domain.launch.owner import Owner
from janitor.domain.log_lines import LineLogger
from janitor.domain.pool.pool import Pool
from janitor.domain.pool.states import WorkerState
from janitor.services.pool.known import Known
from janitor.stores.database import Connection
from janitor.stores.pool import stops, workers
from janitor.stores.pool.records import owner_of_worker

_IDLE_SLACK = timedelta(minutes=10)
"""After the pool's own limit: several passes may fail before a machine that nobody uses ends itself."""

log = LineLogger(__name__)


def order_of(pool: Pool, known: Known, worker_id: UUID) -> LaunchOrder:
    """What a worker of a pool wants: a machine for as long as it may live."""
    is_kept_idle = pool.min_workers > 0 or pool.keep_idle > 0
    return LaunchOrder(
        owner=owner_of_worker(worker_id),
        run_id=None,
        name=f"pool-{pool.name}",
        repository=None,
        pool=pool.name,
        instance_types=pool.instance_types,
        market=pool.market,
        # One that is kept though nothing waits gets no command for a long time.
        idle_limit=None if is_kept_idle else pool.idle_timeout + _IDLE_SLACK,
        timeout=pool.max_lifetime,
        grace=known.grace,
        max_concurrent_instances=known.most_instances,
    )


@dataclass(frozen=True, kw_only=True)
class WorkerOrderer:
    """A worker, as its row holds it."""

    worker_id: UUID
    pool: Pool
    known: Known

    @property
    def owner(self) -> Owner:
        """The worker."""
        return owner_of_worker(self.worker_id)

    def order(self, connection: Connection) -> LaunchOrder:
        """What its pool says, as long as it isn't to end."""
        worker = workers.get(connection, self.worker_id)
        if worker is None or worker.over_since is not None or worker.end_wanted is not None:
            raise ConflictError(f"worker {self.worker_id} is over: nothing is launched for it any more")
        if stops.is_stopped(connection, worker.deployment, worker.pool):
            raise ConflictError(f"pool {worker.pool} was stopped: nothing is launched for it")
        return order_of(self.pool, self.known, self.worker_id)

    def keep_intent(self, connection: Connection, deadline_at: datetime) -> datetime:
        """From here on there may be a machine; its limit is in the intent's own row."""
        workers.move(connection, self.worker_id, WorkerState.SPAWNING)
        return deadline_at

    def keep_launched(self, connection: Connection, instance_id: str) -> None:
        """Its machine is known by the ledger; that it takes orders it has yet to show."""

    def keep_failure(self, connection: Connection, reason_code: str, summary: str) -> None:
        """The attempt's own row says why."""
        log.warning("worker %s of pool %s: %s: %s", self.worker_id, self.pool.name, reason_code, summary)
