"""One pass of the pools: see, carry on, give tasks, decide, act. One at a time, and it may be cut off anywhere.

What was begun and cut off is gone on with before anything new is decided: a worker without its machine, a machine
without its end, a task without its worker's next step. One pool, or one provider, that fails keeps no other from its
pass.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import TypeVar

from janitor.domain.errors import ConfigError, DatabaseError, JanitorError
from janitor.domain.log_lines import LineLogger
from janitor.domain.pool.decide import decide
from janitor.domain.pool.pool import Pool, Provider
from janitor.domain.pool.states import WorkerEnd, WorkerState
from janitor.services.pool.act import act
from janitor.services.pool.assign import LEASE, assign_tasks
from janitor.services.pool.between import is_between, make_ready
from janitor.services.pool.ending import end_worker, is_to_be_ended
from janitor.services.pool.known import Known, known_pools, pools_to_look_at
from janitor.services.pool.machines import Machines, keep_progress, look_at_machines
from janitor.services.pool.release import Leaving, leave, release
from janitor.services.pool.spawn import advance_spawn, is_without_machine
from janitor.services.pool.view import plain, view_of
from janitor.settings import Settings
from janitor.stores.database import transaction
from janitor.stores.pool import decisions, passes, tasks, workers
from janitor.stores.pool.records import WorkerRecord

_CONFIRM_WITHIN = timedelta(seconds=8)
"""How long a pass waits for machines that it ended to be gone; the next one goes on."""
_CONFIRM_PAUSE = timedelta(milliseconds=500)

_Result = TypeVar("_Result")

log = LineLogger(__name__)


@dataclass(kw_only=True)
class PoolPass:
    """What a pass did for one pool, in words."""

    pool: str
    why: str = ""
    """The decision's own; empty: none was taken."""
    wanted: int | None = None
    """How many workers there should be."""
    done: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class PassReport:
    """What a pass did."""

    pools: list[PoolPass] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)
    """Validations whose task was over without anybody having ended it."""
    assigned: list[str] = field(default_factory=list)
    """Validations that were given to a worker."""
    problems: list[str] = field(default_factory=list)
    """Of no pool alone."""
    is_elsewhere: bool = False
    """Another pass is under way; nothing was done."""

    @property
    def every_problem(self) -> list[str]:
        """Those of the pools included."""
        return [*self.problems, *(f"pool {one.pool}: {problem}" for one in self.pools for problem in one.problems)]


def run_pass(settings: Settings, known: Known | None = None) -> PassReport:
    """Make one pass over every pool that has something to do; where another one is under way, return at once.

    Args:
        settings: Of the environment.
        known: The pools. Default: those of the deployment's configuration.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    report = PassReport()
    try:
        known = known or known_pools(settings)
    except (ConfigError, JanitorError) as exc:
        if isinstance(exc, DatabaseError):
            raise
        report.problems.append(f"nothing is decided, as the configuration can't be used: {exc}")
    pools = _pools(settings, known)
    if not pools:
        return report
    with passes.pass_lock(settings.writer_url, settings.deployment) as free:
        if not free:
            report.is_elsewhere = True
            return report
        _Pass(settings, known, report).run(pools)
    return report


def _pools(settings: Settings, known: Known | None) -> Sequence[Pool]:
    """What there is to look at. Without a configuration: what is left of any pool, about which nothing is decided."""
    if known is not None:
        return pools_to_look_at(settings, known)
    with transaction(settings.writer_url) as connection:
        used = passes.in_use(connection, settings.deployment)
    return [Pool(name=name, provider=provider or Provider.EC2) for name, provider in sorted(used.items())]


class _Pass:
    def __init__(self, settings: Settings, known: Known | None, report: PassReport) -> None:
        self._settings = settings
        self._known = known
        self._report = report
        self._machines: dict[Provider, Machines] = {}

    def run(self, pools: Sequence[Pool]) -> None:
        self._settle()
        for pool in pools:
            done = PoolPass(pool=pool.name)
            self._report.pools.append(done)
            try:
                self._pool(pool, done)
            except DatabaseError:
                raise
            except JanitorError as exc:
                log.warning("pool %s: %s", pool.name, exc)
                done.problems.append(str(exc))
        self._expire(pools)
        self._assign(None)
        self._confirm()

    def _pool(self, pool: Pool, done: PoolPass) -> None:
        machines = self._machines_of(pool.provider)
        if machines.problem is not None:
            done.problems.append(machines.problem)
        self._carry_on(pool, machines, done)
        self._assign(pool.name)
        if self._known is None:
            return
        now = datetime.now(timezone.utc)
        view = view_of(self._settings, pool, self._known, machines, now)
        decision = decide(view, pool, now)
        done.why, done.wanted = decision.why, decision.wanted
        with transaction(self._settings.writer_url) as connection:
            # First: what a pass was about to do is known, wherever it is cut off.
            decisions.keep(
                connection,
                self._settings.deployment,
                pool.name,
                inputs=plain(view),
                actions=plain(list(decision.actions)),
                why=decision.why,
            )
        acted = act(self._settings, pool, self._known, decision)
        done.done += acted.done
        done.problems += acted.problems

    def _machines_of(self, provider: Provider) -> Machines:
        if provider not in self._machines:
            self._machines[provider] = look_at_machines(self._settings, provider)
        return self._machines[provider]

    def _carry_on(self, pool: Pool, machines: Machines, done: PoolPass) -> None:
        """Whatever is half done, and the clocks of those that show life."""
        with transaction(self._settings.writer_url) as connection:
            live = workers.live(connection, self._settings.deployment, pool.name)
        if machines.is_known and pool.provider is not Provider.LOCAL:
            keep_progress(self._settings, live)
        for worker in live:
            try:
                said = self._carry_on_with(pool, worker, machines)
            except DatabaseError:
                raise
            except JanitorError as exc:
                done.problems.append(f"worker {worker.worker_id}: {exc}")
            else:
                done.done += [said] if said else []

    def _carry_on_with(self, pool: Pool, worker: WorkerRecord, machines: Machines) -> str | None:
        settings, worker_id = self._settings, worker.worker_id
        if is_to_be_ended(worker):
            if worker.is_kept or not machines.is_known:
                return None
            end = worker.end_reason or worker.end_wanted or WorkerEnd.DRAINED
            is_over = end_worker(settings, worker_id, end, f"it is {worker.state.value}")
            return f"worker {worker_id} has ended" if is_over else f"worker {worker_id} ends"
        if pool.provider is Provider.LOCAL:
            return None  # it says itself that it lives
        if machines.shows_life(worker):
            with transaction(settings.writer_url) as connection:
                if worker.held is not None:  # first: who ends leases locks a task before its worker
                    passes.hold(connection, worker.held, LEASE)
                workers.keep_alive(connection, worker_id)
        if worker.end_wanted is not None:
            return None
        if is_without_machine(worker) and self._known is not None and machines.is_known and pool.max_workers:
            return advance_spawn(settings, pool, self._known, worker_id)
        if is_between(worker) and machines.shows_life(worker) and make_ready(settings, worker_id):
            return f"worker {worker_id} is ready"
        return None

    def _settle(self) -> None:
        """End the tasks of validations that got their end without anybody having ended their task."""
        with transaction(self._settings.writer_url) as connection:
            over = passes.settled(connection, self._settings.deployment)
        for validation_id in over:
            became = self._try(partial(release, self._settings, validation_id))
            self._report.settled += [f"{validation_id}: {became}"] if became is not None else []

    def _expire(self, pools: Sequence[Pool]) -> None:
        """Take tasks whose lease is over back: after those who show life were seen, and only where that can be told."""
        if any(not self._machines_of(pool.provider).is_known for pool in pools if pool.provider is not Provider.LOCAL):
            return
        with transaction(self._settings.writer_url) as connection:
            for ended in tasks.expire_leases(connection, self._settings.deployment):
                leave(connection, ended.held, Leaving.LOST)
                log.warning("the lease of %s is over: the task is %s", ended.held, ended.state.value)
            tasks.expire_waiting(connection, self._settings.deployment)

    def _assign(self, pool: str | None) -> None:
        for one in assign_tasks(self._settings, pool, self._known):
            self._report.assigned.append(f"{one.validation_id} to worker {one.worker_id} ({one.instance_id})")

    def _confirm(self) -> None:
        """Have the provider say that what was ended is gone, as far as that goes quickly."""
        give_up_at = time.monotonic() + _CONFIRM_WITHIN.total_seconds()
        while left := self._ending():
            for worker in left:
                end = worker.end_reason or worker.end_wanted or WorkerEnd.DRAINED
                self._try(partial(end_worker, self._settings, worker.worker_id, end, f"it is {worker.state.value}"))
            if time.monotonic() >= give_up_at or not self._ending():
                return
            time.sleep(_CONFIRM_PAUSE.total_seconds())

    def _ending(self) -> list[WorkerRecord]:
        with transaction(self._settings.writer_url) as connection:
            live = workers.live(connection, self._settings.deployment)
        return [
            worker
            for worker in live
            if worker.state is WorkerState.TERMINATING
            and not worker.is_kept
            and worker.provider in self._machines
            and self._machines[worker.provider].is_known
        ]

    def _try(self, step: Callable[[], _Result]) -> _Result | None:
        """One thing, of which the others don't depend; None: it could not be done."""
        try:
            return step()
        except DatabaseError:
            raise
        except JanitorError as exc:
            log.warning("%s", exc)
            self._report.problems.append(str(exc))
            return None
