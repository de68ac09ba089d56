"""Deployments whose instances live for seconds, whose killers can be taken away, and the check that nothing leaks."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import Enum
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from janitor.cloud.session import CloudAccess
from janitor.domain.identity import TAG_DEPLOYMENT, TAG_EXPIRES
from janitor.domain.launch.owner import Owner
from janitor.domain.pool.pool import Pool
from janitor.services.launch.advance import Launched, advance_launch
from janitor.services.launch.orderer import Orderer, ValidationOrderer
from janitor.services.pool.known import Known
from janitor.services.pool.orderer import WorkerOrderer
from janitor.services.provider import provider_of
from janitor.services.reap.passes import reap_once
from janitor.settings import Settings
from janitor.stack.provision.killers import ensure_killers
from janitor.stores import ledger
from janitor.stores.database import transaction
from janitor.stores.pool import workers
from janitor.stores.records import InstanceRecord
from tests.support.localcloud_server import health_of
from tests.support.rows import insert_run

GRACE = timedelta(seconds=1.98)
SHORT_LIVES = (timedelta(seconds=8.04), timedelta(seconds=30), timedelta(seconds=120))
"""Timeouts to try: what a test does before an instance's time is over takes a busy machine longer."""
LONG_LIFE = timedelta(minutes=20)
SHUTDOWN = timedelta(seconds=20)
"""EC2's own time to end an instance, beyond the bound, on a machine with a load of 20."""
BOOTS_WITHIN = timedelta(seconds=60)
CALLS_END_WITHIN = timedelta(seconds=120)
_POLL_SECONDS = 0.1
Prepared = TypeVar("Prepared")


class Killer(str, Enum):
    """Who can end an instance when its run doesn't."""

    GUEST_TIMER = "guest timer"
    EXTERNAL_TIMER = "external timer"
    LAMBDA = "reaper function"
    REAPER = "reaper DAG"


@dataclass
class Fleet:
    """One deployment with its own killers."""

    settings: Settings
    launched: list[str] = field(default_factory=list)
    _passes: Passes | None = None

    @property
    def access(self) -> CloudAccess:
        return CloudAccess.of(self.settings)

    def launch(self, timeout: timedelta = LONG_LIFE) -> InstanceRecord:
        """Launch one instance through the product, with an expiry so long from now; wait until it runs."""
        _, (validation_id, _) = insert_run(self.settings.writer_url, deployment=self.settings.deployment)
        with transaction(self.settings.writer_url) as connection:
            connection.execute(
                "update janitor.repository_validations set timeout_minutes = %s, grace_minutes = %s"
                " where validation_id = %s",
                (timeout / timedelta(minutes=1), GRACE / timedelta(minutes=1), validation_id),
            )
        return self._launched(ValidationOrderer(validation_id))

    def launch_worker(self, timeout: timedelta = LONG_LIFE) -> InstanceRecord:
        """Launch the machine of a pool's worker through the product, which may live for so long; wait until it runs."""
        pool = Pool(name="gpu", instance_types=("g5.xlarge",), max_lifetime=timeout)
        with transaction(self.settings.writer_url) as connection:
            worker_id = workers.request(connection, self.settings.deployment, pool.name, pool.provider)
        known = Known(pools={pool.name: pool}, grace=GRACE, most_instances=1, daily_usd=None)
        return self._launched(WorkerOrderer(worker_id=worker_id, pool=pool, known=known))

    def _launched(self, orderer: Orderer) -> InstanceRecord:
        step = advance_launch(self.settings, orderer)
        assert isinstance(step, Launched), step
        self.launched.append(step.instance_id)
        deadline = time.monotonic() + BOOTS_WITHIN.total_seconds()
        while self.state(step.instance_id) == "pending":
            assert time.monotonic() < deadline, "it doesn't boot"
            time.sleep(_POLL_SECONDS)
        return self.record(orderer.owner)

    def launch_plain(self, expires: datetime) -> str:
        """Run one instance that the ledger doesn't know, with the tags by which killers find it."""
        tags = {TAG_DEPLOYMENT: self.settings.deployment, TAG_EXPIRES: expires.isoformat()}
        specification = {"ResourceType": "instance", "Tags": [{"Key": key, "Value": tags[key]} for key in tags]}
        provider = provider_of(self.settings)
        instance_id = provider.launch(
            {
                "ImageId": provider.launch_source().image,
                "InstanceType": "g5.xlarge",
                "TagSpecifications": [specification],
            }
        )
        self.launched.append(instance_id)
        return instance_id

    def record(self, owner: Owner | None) -> InstanceRecord:
        """The ledger's row."""
        assert owner is not None
        with transaction(self.settings.writer_url) as connection:
            record = ledger.latest_of(connection, owner)
        assert record is not None
        return record

    def state(self, instance_id: str) -> str:
        """EC2's word."""
        seen = provider_of(self.settings).describe(instance_id)
        return seen.state.value if seen else "gone"

    def assert_gone_by(self, record: InstanceRecord) -> timedelta:
        """The leak check: EC2 says terminated at most one reaper's interval after the expiry.

        Returns:
            How long after its expiry the instance was gone.
        """
        assert record.instance_id is not None
        bound = record.may_live_until + self.settings.reap_interval + SHUTDOWN
        while self.state(record.instance_id) not in ("terminated", "gone"):
            now = datetime.now(timezone.utc)
            assert now < bound, f"{record.instance_id} is still alive {now - record.may_live_until} after its expiry"
            time.sleep(_POLL_SECONDS)
        return datetime.now(timezone.utc) - record.may_live_until

    # Who may kill

    def leave_only(self, killer: Killer | None, record: InstanceRecord) -> None:
        """Take all other killers away, from outside."""
        for other in Killer:
            if other is not killer:
                self.disable(other, record)
        if killer is Killer.REAPER:
            # It sets a missing external timer again: without their group it can't.
            self._delete_group()
            self._passes = Passes(self.settings)

    def disable(self, killer: Killer, record: InstanceRecord) -> None:
        """Take one killer away, as an accident or a hand would: nothing in the product knows of it."""
        assert record.instance_id is not None
        if killer is Killer.GUEST_TIMER:
            kill_guest_timer(record.instance_id)
        elif killer is Killer.EXTERNAL_TIMER:
            self._delete_schedules(containing=record.instance_id)
        elif killer is Killer.LAMBDA:
            self.disable_passes()
            self.access.client("cloudwatch").disable_alarm_actions(
                AlarmNames=[f"{self.settings.reaper_function}-overdue"]
            )
            self._await_invocations()
        elif self._passes is not None:
            self._passes.stop()
            self._passes = None

    def _await_invocations(self) -> None:
        """Wait for the ends of those that began before: on a busy machine one acts long after it was called."""
        deadline = time.monotonic() + CALLS_END_WITHIN.total_seconds()
        address = str(self.settings.aws_endpoint_url)
        while self.settings.reaper_function in health_of(address, seconds=60)["invocations"]:
            assert time.monotonic() < deadline, "the function's invocations don't end"
            time.sleep(_POLL_SECONDS)

    def disable_passes(self) -> None:
        """Nothing calls the function by the clock any more."""
        self._delete_schedules(containing=f"{self.settings.reaper_function}-pass")
        self.access.client("events").disable_rule(Name=f"{self.settings.reaper_function}-pass")

    def _delete_schedules(self, *, containing: str) -> None:
        client, group = self.access.client("scheduler"), self.settings.schedule_group
        pages = client.get_paginator("list_schedules").paginate(GroupName=group)
        names = [schedule["Name"] for page in pages for schedule in page["Schedules"] if containing in schedule["Name"]]
        assert names, f"no schedule of {containing}: there was nothing to disable"
        for name in names:
            client.delete_schedule(GroupName=group, Name=name)

    def _delete_group(self) -> None:
        client = self.access.client("scheduler")
        with contextlib.suppress(client.exceptions.ResourceNotFoundException):
            client.delete_schedule_group(Name=self.settings.schedule_group)

    def remove(self) -> None:
        """Take everything away."""
        if self._passes is not None:
            self._passes.stop()
        access, name = self.access, self.settings.reaper_function
        provider_of(self.settings).terminate(self.launched)
        self._delete_group()
        for rule in (f"{name}-pass", f"{name}-spot-warning"):
            access.client("events").remove_targets(Rule=rule, Ids=[name])
            access.client("events").delete_rule(Name=rule)
        access.client("cloudwatch").delete_alarms(AlarmNames=[f"{name}-overdue"])
        access.client("lambda").delete_function(FunctionName=name)


class Passes:
    """The reaper's passes, one each interval, as its DAG makes them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stop = threading.Event()
        self.errors: list[Exception] = []
        self._thread = threading.Thread(target=self._run, name="reaper-passes")
        self._thread.start()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            try:
                reap_once(self._settings)
            except Exception as exc:
                self.errors.append(exc)
            due += self._settings.reap_interval.total_seconds()
            self._stop.wait(max(0.0, due - time.monotonic()))

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(60)
        assert self.errors == []


def fleet_of(settings: Settings) -> Fleet:
    """A deployment of its own with the killers that `make up` makes."""
    mark = uuid4().hex[:8]
    own = settings.model_copy(
        update={
            "deployment": f"fleet-{mark}",
            "schedule_group": f"group-{mark}",
            "scheduler_role_arn": f"arn:aws:iam::123456789012:role/scheduler-{mark}",
            "reaper_function": f"reaper-{mark}",
        }
    )
    ensure_killers(own)
    return Fleet(own)


@contextmanager
def short_lived(
    settings: Settings, prepare: Callable[[Fleet, InstanceRecord], Prepared]
) -> Iterator[tuple[Fleet, InstanceRecord, Prepared]]:
    """A fleet with one instance for which something was done before its time was over; its life is long enough.

    Args:
        settings: Of the stack whose cloud and database it uses.
        prepare: What has to end before the instance's expiry, for example taking its killers away.
    """
    for timeout in SHORT_LIVES:
        fleet = fleet_of(settings)
        try:
            record = fleet.launch(timeout)
            try:
                prepared = prepare(fleet, record)
            except AssertionError:
                if datetime.now(timezone.utc) < record.may_live_until or timeout is SHORT_LIVES[-1]:
                    raise
            if datetime.now(timezone.utc) < record.may_live_until:
                yield fleet, record, prepared
                return
        finally:
            fleet.remove()
    raise AssertionError(f"not prepared within {SHORT_LIVES[-1]}")


def guest_timer_processes(instance_id: str) -> list[int]:
    """The processes of an instance's guest timer: its loop, by its command line in the box's folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                environment = (entry / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"watch" in words and f"INSTANCE_ID={instance_id}".encode() in environment:
                found.append(int(entry.name))
    return found


def kill_guest_timer(instance_id: str) -> None:
    """Kill the guest timer inside a box."""
    deadline = time.monotonic() + BOOTS_WITHIN.total_seconds()
    while not (found := guest_timer_processes(instance_id)):
        assert time.monotonic() < deadline, f"{instance_id} has no guest timer: there was nothing to disable"
        time.sleep(_POLL_SECONDS)
    while found:
        assert time.monotonic() < deadline, f"the guest timer of {instance_id} can't be ended: {found}"
        for pid in found:
            # Its loop forks for each of its commands, and such a one may end by itself meanwhile.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_POLL_SECONDS)
        found = guest_timer_processes(instance_id)
