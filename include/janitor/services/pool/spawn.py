"""Spawning: a request with its money set aside, an intent, a machine; whoever repeats any part finds what there is.

The request is a row of its own, because a pass may be cut off before anything is intended in the ledger.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from uuid import UUID

from janitor.domain.errors import ConflictError, LaunchRefusedError
from janitor.domain.log_lines import LineLogger
from janitor.domain.money.budget import BudgetLimits
from janitor.domain.pool.pool import Pool
from janitor.domain.pool.states import WorkerEnd, WorkerState
from janitor.services.launch.advance import Launched, NoPlace, advance_launch
from janitor.services.money.budget import reserve_order
from janitor.services.money.estimate import estimate_order
from janitor.services.pool.known import Known
from janitor.services.pool.orderer import WorkerOrderer, order_of
from janitor.settings import Settings
from janitor.stores import budget as money
from janitor.stores import ledger
from janitor.stores.database import Connection, transaction
from janitor.stores.pool import passes, workers
from janitor.stores.pool.records import WorkerRecord, owner_of_worker

_PATIENCE = timedelta(seconds=20)
"""With one worker's search for a place, in one pass; the next goes on with it."""
_LONGEST_PAUSE = timedelta(seconds=2)

log = LineLogger(__name__)


def request_worker(settings: Settings, pool: Pool, known: Known) -> UUID:
    """Write down that a worker is wanted, and set aside what its machine may cost at the worst.

    Raises:
        BudgetRefusedError: The pool's budget of the day, or the deployment's, doesn't allow it; nothing was written.
        SettingsError: The prices can't be used.
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.writer_url) as connection:
        # Under the lock: another one's reservations of this pool are all there then.
        money.lock_budget(connection, settings.deployment)
        worker_id = workers.request(connection, settings.deployment, pool.name, pool.provider)
        order = order_of(pool, known, worker_id)
        reserve_order(
            connection,
            deployment=settings.deployment,
            order=order,
            estimate=estimate_order(settings, order),
            limits=_limits(connection, settings, pool, known),
        )
    log.info("worker %s of pool %s is wanted", worker_id, pool.name)
    return worker_id


def _limits(connection: Connection, settings: Settings, pool: Pool, known: Known) -> BudgetLimits:
    """The pool's own budget stands where a run's does."""
    return BudgetLimits(
        run_usd=pool.daily_budget_usd,
        run_used_usd=passes.day_used(connection, settings.deployment, pool.name),
        daily_usd=known.daily_usd,
    )


def affordable(settings: Settings, pool: Pool, known: Known) -> int | None:
    """How many more machines of the pool the day's budgets have money for; None: without limit.

    Raises:
        SettingsError: The prices can't be used.
        DatabaseError: Postgres can't be used.
    """
    if pool.daily_budget_usd is None and known.daily_usd is None:
        return None
    worst = estimate_order(settings, order_of(pool, known, UUID(int=0))).worst_case_usd
    if worst is None:
        return 0  # there is a budget, and what a machine costs isn't known
    with transaction(settings.writer_url) as connection:
        used = passes.day_used(connection, settings.deployment, pool.name)
        day_used = money.day_used(connection, settings.deployment)
    left = [
        limit - spent
        for limit, spent in ((pool.daily_budget_usd, used), (known.daily_usd, day_used))
        if limit is not None
    ]
    return max(int(min(left) // worst), 0)


def is_without_machine(worker: WorkerRecord) -> bool:
    """Whether its launch has to be gone on with: nothing was intended yet, or nothing came of that so far."""
    return worker.state in (WorkerState.REQUESTED, WorkerState.SPAWNING) and (
        worker.instance_id is None or worker.instance_state is None or not worker.instance_state.is_live
    )


def advance_spawn(settings: Settings, pool: Pool, known: Known, worker_id: UUID) -> str:
    """Bring a worker that has no machine yet as far as that goes now; returns in words how far that is.

    Raises:
        CloudError: The provider can't be asked, or didn't say whether it launched; the next pass adopts what there is.
        DatabaseError: Postgres can't be used.
    """
    orderer = WorkerOrderer(worker_id=worker_id, pool=pool, known=known)
    give_up_at = time.monotonic() + _PATIENCE.total_seconds()
    while True:
        try:
            step = advance_launch(settings, orderer)
        except ConflictError as exc:
            return str(exc)
        except LaunchRefusedError as exc:
            _fail(settings, worker_id)
            log.warning("worker %s of pool %s has failed: %s", worker_id, pool.name, exc)
            return f"worker {worker_id} has failed: {exc}"
        if isinstance(step, Launched):
            return f"worker {worker_id} has {step.instance_id}"
        if isinstance(step, NoPlace):
            return f"worker {worker_id} waits: all {step.limit} places of the deployment are held"
        pause = (step.until - datetime.now(timezone.utc)).total_seconds()
        if pause > _LONGEST_PAUSE.total_seconds() or time.monotonic() + pause >= give_up_at:
            return f"worker {worker_id} goes on in the next pass: {step.why}"
        time.sleep(max(pause, 0))


def _fail(settings: Settings, worker_id: UUID) -> None:
    """There never was a machine; where there is one after all, the next pass goes on with that."""
    with transaction(settings.writer_url) as connection:
        if ledger.live_of(connection, owner_of_worker(worker_id)) is None:
            workers.move(connection, worker_id, WorkerState.FAILED, end=WorkerEnd.SPAWN_FAILED)
