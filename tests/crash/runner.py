"""Carrying out one cell: start a run, hold it at its edge, strike, let go, wait until the dust has settled, judge."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import quote

import httpx

from janitor.services.pool.cycle import run_pass
from tests.crash import people
from tests.crash.cells import Act, Blow, Cell, Component, Edge, Fault
from tests.crash.edges import HOLDS, Hold
from tests.crash.faults import OUTAGE_SECONDS, interruption, rules_of
from tests.crash.judge import SHUTDOWN, Facts, bound_of, judge, read_facts, read_pool_facts, unsettled
from tests.crash.killers import freeze_boxes, kill
from tests.crash.observer import Observer, Sighting
from tests.crash.outage import OutageClock
from tests.crash.pool import POOL_HOLDS
from tests.crash.repositories import GRACE, prepare
from tests.crash.stand import FaultUnknownError, Stand
from tests.crash.tables import Scene, table_of
from tests.crash.waiting import DEAD, NotInTimeError, await_it

_RECOVERY = timedelta(seconds=150)
"""From the blow until a verdict, where nothing needs the hard limit."""
_QUIET = timedelta(seconds=3)
"""How long nothing may be at work before a cell counts as settled."""
_LOOK_EVERY = timedelta(seconds=0.5)
_TRIGGER_WITHIN = timedelta(seconds=30)
_PERSON_WITHIN = timedelta(seconds=20)
_NOT_FOUND = 404


@dataclass
class Result:
    """What came of a cell."""

    cell: Cell
    failures: list[str] = field(default_factory=list)
    impossible: str | None = None
    """Why it could not be tried."""
    endings: list[str] = field(default_factory=list)
    """Each instance with who ended it."""
    verdicts: list[str] = field(default_factory=list)
    finding: str | None = None
    """What the stack needed afterwards."""
    at_blow: list[str] = field(default_factory=list)
    """What Postgres and EC2 showed when the blow fell."""
    killed: list[str] = field(default_factory=list)
    outage: str | None = None
    """How long the control plane was away, after a kill."""
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether it was tried and no invariant was breached."""
        return not self.failures and self.impossible is None


def carry_out(stand: Stand, cell: Cell, folder: Path, *, heal: bool = True) -> Result:
    """Try one cell; never raises for what the product does.

    Args:
        stand: A healthy stack.
        cell: What to try.
        folder: An empty folder for its repositories.
        heal: Whether to wait for the stack's health afterwards, and to start it anew where it stays ill.
    """
    result = Result(cell)
    stand.kind = cell.kind
    started = time.monotonic()
    with Observer(stand.settings) as observer:
        trial = _Trial(stand, cell, folder, observer, result)
        try:
            trial.run()
        except FaultUnknownError as exc:
            result.impossible = str(exc)
        except (NotInTimeError, *DEAD) as exc:
            result.failures.append(f"(0) the cell could not be carried out: {type(exc).__name__}: {exc}")
        finally:
            result.seconds = time.monotonic() - started
            trial.clean_up()
            if trial.outage is not None:
                trial.outage.stop()
    if cell.blow is Component.FOR_GOOD:
        stand.restart()  # its local cloud has no supervisor any more
    elif heal:
        result.finding = stand.await_health()
    return result


class _Trial:
    def __init__(self, stand: Stand, cell: Cell, folder: Path, observer: Observer, result: Result) -> None:
        self.stand = stand
        self.cell = cell
        self.observer = observer
        self.result = result
        self.airflow_run_ids: list[str] = []
        self.run_ids: set[str] = set()
        self.outage: OutageClock | None = None
        self.folder = folder
        self.config, self.gate = prepare(cell, folder)

    def run(self) -> None:
        with {**HOLDS, **POOL_HOLDS}[self.cell.edge](self.stand, self.gate) as hold:
            self._start_run()
            hold.await_moment(self.airflow_run_ids[0])
            self.result.at_blow = self._scene()
            self._strike(self.cell.blow, hold)
        self._let_go()
        if self.cell.blow is Component.FOR_GOOD:
            self._await_end_by_others()
            self.stand.revive()
        elif self.cell.blow is Act.PAUSE:
            self._await_end_by_others()
            people.pause(self.stand, paused=False)
        elif self.cell.blow is Act.DELETE_RUN:
            self._press(lambda: people.delete(self.stand, self.airflow_run_ids[0]), within=_RECOVERY)
        facts = self._settle()
        self.stand.set_faults()  # they would hit the judge, too
        outage = self.outage.read() if self.outage is not None else None
        self.result.outage = str(outage) if outage is not None else None
        self.result.failures += judge(self.stand, self.cell, facts, self.observer, outage)
        self.result.verdicts = [f"{one['repository_name']}: {one['status']}" for one in facts.validations]
        self.result.endings = _endings(facts, self._instances())

    def _start_run(self) -> None:
        run = await_it(
            lambda: self.stand.runs.start(self.config, kind=self.cell.kind),
            within=_TRIGGER_WITHIN,
            what="a run being triggered",
        )
        self.airflow_run_ids.append(run.airflow_run_id)
        self.run_ids.add(str(run.run_id))

    def _scene(self) -> list[str]:
        self.observer.look()
        facts = self._facts()
        return [
            *(f"{one['repository_name']}: {one['status']}" for one in facts.validations),
            *facts.pool,
            *(f"ledger row: {row['state']} {row['instance_id'] or 'without id'}" for row in facts.ledger),
            *(f"EC2: {one.instance_id} {one.state}" for one in self._instances()),
        ]

    def _strike(self, blow: Blow, hold: Hold) -> None:
        table = table_of(blow)
        if table is not None:
            run_id = self.airflow_run_ids[0]
            table.strike(
                Scene(
                    stand=self.stand,
                    cell=self.cell,
                    airflow_run_id=run_id,
                    instances=self._instances,
                    go_on=hold.release,
                    folder=self.folder,
                    failures=self.result.failures,
                )
            )
        elif isinstance(blow, Component):
            self._await_deferral()
            self.result.killed = kill(self.stand, blow)
            if blow not in (Component.TASK, Component.FOR_GOOD):
                self.outage = OutageClock(self.stand)
        elif isinstance(blow, Fault):
            self.stand.set_faults(*rules_of(blow))
            if blow is Fault.SPOT_INTERRUPTION:
                self._interrupt()
            elif blow is Fault.HANG:
                self._freeze(hold)
        elif blow is Act.SECOND_RUN:
            self._start_run()
        elif isinstance(blow, Act):
            act = blow
            self._press(lambda: people.do(self.stand, act, self.airflow_run_ids[0]), within=_PERSON_WITHIN)

    def _press(self, button: Callable[[], None], *, within: timedelta) -> None:
        """A person sees the button fail, and presses it again."""

        def pressed() -> bool:
            button()
            return True

        await_it(pressed, within=within, what=self.cell.blow.value, every=_LOOK_EVERY)

    def _await_deferral(self) -> None:
        """The triggerer has something to lose only once a validation waits in it."""
        if self.cell.blow is not Component.TRIGGERER or self.cell.edge is not Edge.RUNNING:
            return
        await_it(
            lambda: (
                self.stand.runs.task_state(self.airflow_run_ids[0], "validate_repository.validate", 0) == "deferred"
                or None
            ),
            within=_PERSON_WITHIN,
            what="a validation in the triggerer",
            every=_LOOK_EVERY,
        )

    def _freeze(self, hold: Hold) -> None:
        """What has shown life hangs."""
        run_id = self.airflow_run_ids[0]
        await_it(
            lambda: any(row["first_sign_at"] is not None for row in hold.instances(run_id)) or None,
            within=_PERSON_WITHIN,
            what="a sign of life",
        )
        self.result.killed = await_it(
            lambda: freeze_boxes(self.stand) or None, within=_PERSON_WITHIN, what="processes on the instance"
        )

    def _interrupt(self) -> None:
        alive = [one.instance_id for one in self._instances() if one.is_alive]
        for instance_id in alive:
            self.stand.tell_cloud("interrupt", interruption(instance_id))
        await_it(
            lambda: all(one.is_gone for one in self._instances() if one.instance_id in alive) or None,
            within=_RECOVERY,
            what="the end of the interrupted instance",
        )

    def _let_go(self) -> None:
        if not self.cell.keeps_working:
            self.gate.open()

    def _await_end_by_others(self) -> None:
        """With nobody of the run at work, its instances must be gone by their bound."""
        reap_interval = self.stand.settings.reap_interval
        latest = datetime.now(timezone.utc) + self.cell.timeout + GRACE + reap_interval + SHUTDOWN

        def gone() -> bool | None:
            instances = self._instances()
            bound = max([bound_of(reap_interval, one) for one in instances] or [latest])
            # One look after the bound shows the judge what is still alive.
            over = self.observer.seen_since(bound)
            return True if over or (instances and all(one.is_gone for one in instances)) else None

        # Whether it was in time is for the judge to say.
        await_it(gone, within=2 * (latest - datetime.now(timezone.utc)), what="the instances' end or their bound")

    def _settle(self) -> Facts:
        """Wait until nothing of the cell's runs is at work."""
        limit = _RECOVERY + self.stand.settings.reap_interval
        waits = self.cell.keeps_working or self.cell.statuses is None or table_of(self.cell.blow) is not None
        if waits or self.cell.blow is Fault.HANG:
            limit += self.cell.timeout + GRACE
        if isinstance(self.cell.blow, Fault):
            limit += timedelta(seconds=OUTAGE_SECONDS)
        facts, quiet_since, why = Facts(), None, ["nothing was seen yet"]
        deadline = time.monotonic() + limit.total_seconds()
        while time.monotonic() < deadline:
            asked = datetime.now(timezone.utc)
            try:
                self._pass()
                facts = self._facts()
                why = unsettled(facts, self._instances()) + self._airflow_at_work()
            except DEAD as exc:
                why = [f"{type(exc).__name__}: {exc}"]
            if why:
                quiet_since = None
            elif quiet_since is None:
                quiet_since = asked
            elif asked - quiet_since >= _QUIET and self.observer.seen_since(quiet_since):
                return facts
            time.sleep(_LOOK_EVERY.total_seconds())
        self.result.failures.append(f"(0) not settled {limit.total_seconds():.0f} s after the blow: {'; '.join(why)}")
        return await_it(self._facts, within=_PERSON_WITHIN, what="Postgres after all")

    def _facts(self) -> Facts:
        read = read_pool_facts if self.cell.is_pooled else read_facts
        return read(self.stand, self.airflow_run_ids)

    def _pass(self) -> None:
        """Airflow makes its passes every minute; so that a cell takes less, one comes with each look."""
        if self.cell.is_pooled:
            run_pass(self.stand.settings)

    def _airflow_at_work(self) -> list[str]:
        """The runs that Airflow hasn't ended; a deleted one has."""
        found = []
        for airflow_run_id in self.airflow_run_ids:
            try:
                state = self.stand.airflow("GET", f"/dagRuns/{quote(airflow_run_id, safe='')}").json()["state"]
            except httpx.HTTPStatusError as exc:
                if exc.response.status_code == _NOT_FOUND:
                    continue
                raise
            if state in ("queued", "running"):
                found.append(f"Airflow's run {airflow_run_id} is {state}")
        return found

    def _instances(self) -> list[Sighting]:
        if self.cell.is_pooled:
            return self.observer.machines_of_workers()
        return self.observer.instances_of(self.run_ids)

    def clean_up(self) -> None:
        """Leave nothing to the next cell: no fault, no instance, no run at work."""
        self.gate.open()

        def cleaned() -> bool | None:
            self.stand.set_faults()
            people.tidy_up(self.stand, self.airflow_run_ids)
            self._end_instances()
            return self._end_pool()

        try:
            await_it(cleaned, within=_RECOVERY, what="cleaning up", every=_LOOK_EVERY)
        except NotInTimeError as exc:
            self.result.failures.append(f"(0) {exc}")

    def _end_pool(self) -> bool | None:
        """Of a cell that has failed, passes end what is left once its run is over; None: something is."""
        self._pass()
        return None if self.cell.is_pooled and self.airflow_run_ids and self._facts().pool else True

    def _end_instances(self) -> None:
        self.observer.look()
        self.stand.end_instances([one.instance_id for one in self._instances() if one.is_alive])


def _endings(facts: Facts, instances: Sequence[Sighting]) -> list[str]:
    """Who ended each instance: the ledger's word and EC2's."""
    reasons = {row["instance_id"]: row["termination_reason"] for row in facts.ledger}
    return [
        f"{one.instance_id}: {reasons.get(one.instance_id) or 'unknown'} ({one.state_reason or one.state})"
        for one in instances
    ]
