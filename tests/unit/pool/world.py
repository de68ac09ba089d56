"""A world for the pool's decision: a clock, a provider with faults, machines, tasks, and a cycle that obeys.

Everything is drawn from one seed. What the decision may not know (that a machine is dead, that a launch will come to
nothing) is in `Machine`; it sees what a real pass would see.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from janitor.domain.launch.breaker import BreakerRule, LaunchOutcome, state_of
from janitor.domain.pool.actions import Action, Decision, PoolAction
from janitor.domain.pool.brake import brake_of
from janitor.domain.pool.capacity import may_take
from janitor.domain.pool.decide import decide
from janitor.domain.pool.pool import Pool, Reuse
from janitor.domain.pool.states import WORKER_TRANSITIONS, WorkerEnd, WorkerState
from janitor.domain.pool.view import HeldTask, PoolView, Waiting, WorkerSeen
from janitor.domain.states import PlacementResult, TerminationReason
from tests.unit.pool.samples import MINUTE, NOW, SECOND

LIMIT = 30 * MINUTE
"""How long each task may take."""
RULE = BreakerRule(failures=3, pause=15 * MINUTE)
_OVER = (WorkerState.LOST, WorkerState.QUARANTINED, WorkerState.TERMINATING)


@dataclass(frozen=True, kw_only=True)
class Faults:
    """How often what goes wrong."""

    spawn_fails: float = 0.0
    """A machine that never takes an order."""
    machine_dies: float = 0.0
    """In a pass."""
    machine_goes_silent: float = 0.0
    """In a pass: it runs on, and gives no sign."""
    task_hangs: float = 0.0
    api_goes_away: float = 0.0
    """In a pass."""
    pass_is_cut_off: float = 0.0
    """An action after which the pass is killed."""


@dataclass
class Task:
    """A task, and how long its work takes."""

    number: int
    trust_domain: str | None
    queued_at: datetime
    work: timedelta
    hangs: bool = False
    ended_as: str | None = None


@dataclass
class Worker:
    """A worker's row."""

    worker_id: UUID
    requested_at: datetime
    state: WorkerState = WorkerState.REQUESTED
    trust_domain: str | None = None
    is_single_use: bool = False
    ready_at: datetime | None = None
    last_alive_at: datetime | None = None
    suspect_since: datetime | None = None
    surplus_since: datetime | None = None
    last_task_ended_at: datetime | None = None
    tasks_done: int = 0
    task: Task | None = None
    claimed_at: datetime = NOW
    drain_deadline_at: datetime | None = None
    end: WorkerEnd | None = None

    def move(self, to: WorkerState) -> None:
        """Change its state, if that is allowed."""
        assert to in WORKER_TRANSITIONS[self.state], f"{self.state.value} → {to.value}"
        self.state = to


@dataclass
class Machine:
    """What is the case, whatever a pass knows of it."""

    boots_at: datetime | None
    """None: never."""
    is_dead: bool = False
    is_silent: bool = False


@dataclass
class World:
    """See the module."""

    pool: Pool
    faults: Faults
    seed: int
    step: timedelta = 30 * SECOND
    task_takes: timedelta = 4 * MINUTE
    boot_takes: timedelta = 2 * MINUTE
    places: int = 20
    runs_under_way: int = 1
    now: datetime = NOW
    workers: dict[UUID, Worker] = field(default_factory=dict)
    machines: dict[UUID, Machine] = field(default_factory=dict)
    tasks: list[Task] = field(default_factory=list)
    launches: list[LaunchOutcome] = field(default_factory=list)
    ended: list[tuple[datetime, WorkerEnd | None]] = field(default_factory=list)
    """Machines that the provider showed as ended: when, and why their worker was."""
    api_back_at: datetime = NOW
    watched_since: datetime = NOW
    is_stopped: bool = False

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.waits: list[Task] = []
        self.seen = self.view()

    # What happens by itself

    def arrive(self, domain: str | None, count: int = 1) -> None:
        """Tasks are queued."""
        for _ in range(count):
            work = self.task_takes * self.random.uniform(0.5, 1.5)
            hangs = self._happens(self.faults.task_hangs)
            found = Task(len(self.tasks), domain, self.now, work, hangs)
            self.tasks.append(found)
            self.waits.append(found)

    @property
    def is_api_up(self) -> bool:
        """Whether the provider answers."""
        return self.now >= self.api_back_at

    @property
    def live(self) -> list[Worker]:
        """Workers that count."""
        return [each for each in self.workers.values() if each.state.is_live]

    @property
    def is_quiet(self) -> bool:
        """Whether every task has its end."""
        return all(each.ended_as is not None for each in self.tasks)

    def advance(self) -> Decision:
        """One step: what happens by itself, a pass of the cycle, and what it decided."""
        self.now += self.step
        if self.is_api_up and self._happens(self.faults.api_goes_away):
            self.api_back_at = self.now + self.random.uniform(1, 12) * MINUTE
        for each in self.live:
            self._live_on(each)
        self._observe()
        self._assign()
        self.seen = self.view()
        decision = decide(self.seen, self.pool, self.now)
        for action in decision.actions:
            if self._happens(self.faults.pass_is_cut_off):
                break
            self._carry_out(action)
        return decision

    def _happens(self, chance: float) -> bool:
        return chance > 0 and self.random.random() < chance

    def _live_on(self, worker: Worker) -> None:
        machine = self.machines.get(worker.worker_id)
        if machine is None or machine.is_dead:
            return
        machine.is_dead = self._happens(self.faults.machine_dies)
        machine.is_silent = machine.is_silent or self._happens(self.faults.machine_goes_silent)
        has_booted = machine.boots_at is not None and self.now >= machine.boots_at
        if has_booted and not machine.is_silent and not machine.is_dead and worker.state not in _OVER:
            worker.last_alive_at = self.now
            self._work_on(worker)

    def _work_on(self, worker: Worker) -> None:
        task = worker.task
        if task is None or task.hangs or self.now < worker.claimed_at + task.work:
            return
        task.ended_as = "done"
        self._free(worker)
        if worker.state is WorkerState.BUSY:
            worker.move(WorkerState.READY)

    def _free(self, worker: Worker) -> None:
        worker.task = None
        worker.last_task_ended_at = self.now
        worker.tasks_done += 1

    # The cycle

    def _observe(self) -> None:
        """What a pass writes down of what it sees: first orders taken, ends that the provider shows."""
        if not self.is_api_up:
            self.watched_since = self.now
            return
        for each in list(self.live):
            machine = self.machines.get(each.worker_id)
            if each.state is WorkerState.SPAWNING and each.last_alive_at == self.now:
                each.move(WorkerState.READY)
                each.ready_at = self.now
                self._tell(each, took_command=True)
            elif each.state is WorkerState.TERMINATING and self.is_api_up:
                each.move(WorkerState.TERMINATED)
                if machine is not None:
                    machine.is_dead = True
                self.ended.append((self.now, each.end))

    def _assign(self) -> None:
        # As the order goes through the provider's channel, nothing is claimed while that is away.
        for worker in self.live if self.is_api_up else ():
            for task in sorted(self.waits, key=lambda each: each.queued_at):
                if may_take(self._seen(worker), self.pool, self.now, trust_domain=task.trust_domain, limit=LIMIT):
                    self.waits.remove(task)
                    worker.move(WorkerState.BUSY)
                    worker.task, worker.claimed_at, worker.surplus_since = task, self.now, None
                    worker.trust_domain = task.trust_domain
                    worker.is_single_use = task.trust_domain is None
                    break

    def view(self) -> PoolView:
        """What the pass sees."""
        by_domain: dict[str | None, list[Task]] = {}
        for task in self.waits:
            by_domain.setdefault(task.trust_domain, []).append(task)
        return PoolView(
            waiting=[
                Waiting(
                    trust_domain=domain,
                    count=len(found),
                    oldest_at=min(each.queued_at for each in found),
                    shortest=LIMIT,
                )
                for domain, found in by_domain.items()
            ],
            workers=[self._seen(each) for each in self.live],
            places_left=self.places - len(self.live),
            affordable=None,
            brake=brake_of(state_of(f"pool:{self.pool.name}", self.launches[::-1], RULE), RULE, self.now),
            is_stopped=self.is_stopped,
            is_provider_known=self.is_api_up,
            runs_under_way=self.runs_under_way,
            boot_median=self.boot_takes,
            task_median=self.task_takes,
            watched_since=self.watched_since,
        )

    def _seen(self, each: Worker) -> WorkerSeen:
        machine = self.machines.get(each.worker_id)
        held = (
            None
            if each.task is None
            else HeldTask(
                task_id=UUID(int=each.task.number),
                fence=1,
                claimed_at=each.claimed_at,
                lease_until=self.now + MINUTE,
                deadline_at=each.claimed_at + LIMIT,
                last_progress_at=each.claimed_at,
            )
        )
        return WorkerSeen(
            worker_id=each.worker_id,
            state=each.state,
            trust_domain=each.trust_domain,
            is_single_use=each.is_single_use,
            requested_at=each.requested_at,
            ready_at=each.ready_at,
            last_alive_at=each.last_alive_at,
            is_machine_gone=machine.is_dead if machine is not None and self.is_api_up else None,
            suspect_since=each.suspect_since,
            last_task_ended_at=each.last_task_ended_at,
            tasks_done=each.tasks_done,
            task=held,
            drain_deadline_at=each.drain_deadline_at,
            end_wanted=each.end is not None,
            surplus_since=each.surplus_since,
            end=each.end,
        )

    def _carry_out(self, action: Action) -> None:
        if action.kind is PoolAction.SPAWN:
            for _ in range(action.count):
                self._spawn()
            return
        assert action.worker_id is not None
        worker = self.workers[action.worker_id]
        if action.kind is PoolAction.CLEAR:
            worker.suspect_since = worker.surplus_since = None
        elif action.kind is PoolAction.SUSPECT:
            worker.suspect_since = self.now
        elif action.kind is PoolAction.MARK_SURPLUS:
            worker.surplus_since = self.now
        elif action.kind is not PoolAction.WARN:
            self._end(worker, action)

    def _end(self, worker: Worker, action: Action) -> None:
        worker.end = worker.end or action.end
        if action.kind is PoolAction.DRAIN:
            if worker.state in (WorkerState.READY, WorkerState.BUSY):
                worker.move(WorkerState.DRAINING)
                worker.drain_deadline_at = action.until or self.now + self.pool.drain_timeout
            return
        if action.kind is PoolAction.EXPIRE:
            assert worker.task is not None
            worker.task.ended_as = "expired"
            self._free(worker)
        if worker.task is not None:
            self.waits.append(worker.task)
            worker.task = None
        if worker.ready_at is None:
            self._tell(worker, took_command=False)
        if action.kind is PoolAction.LOSE:
            worker.move(WorkerState.LOST)
        else:
            worker.move(WorkerState.FAILED if worker.state is WorkerState.REQUESTED else WorkerState.TERMINATING)

    def _spawn(self) -> None:
        assert self.is_api_up
        worker_id = UUID(int=len(self.workers) + 1)
        worker = self.workers[worker_id] = Worker(worker_id, self.now)
        worker.move(WorkerState.SPAWNING)
        boot = self.boot_takes * self.random.uniform(0.6, 2)
        never = self._happens(self.faults.spawn_fails)
        self.machines[worker_id] = Machine(boots_at=None if never else self.now + boot)
        self.launches.append(_outcome(self.now, None, is_live=True))

    def _tell(self, worker: Worker, *, took_command: bool) -> None:
        """What became of a launch, for the breaker; an end that somebody wanted is nobody's failure."""
        index = list(self.workers).index(worker.worker_id)
        wanted = worker.end not in (None, WorkerEnd.SPAWN_TIMEOUT, WorkerEnd.LOST)
        reason = TerminationReason.FINISHED if wanted else TerminationReason.LAUNCH_FAILED
        self.launches[index] = _outcome(
            worker.requested_at, None if took_command else reason, is_live=took_command, took_command=took_command
        )


def _outcome(
    at: datetime, reason: TerminationReason | None, *, is_live: bool, took_command: bool = False
) -> LaunchOutcome:
    return LaunchOutcome(
        result=PlacementResult.LAUNCHED,
        reason=reason,
        detail="no order was taken",
        took_command=took_command,
        is_live=is_live,
        at=at,
    )


def pool_of(reuse: Reuse = Reuse.ORGANIZATION, **changes: object) -> Pool:
    """A pool that keeps nobody waiting for long."""
    given: dict[str, object] = {"name": "gpu", "reuse": reuse, "instance_types": ("g5.xlarge",)}
    return Pool(**(given | changes))  # type: ignore[arg-type]  # each is of its field's own type
