"""EC2 instances that are machines: state, reasons, stop/start/terminate, console output, pruning.

moto keeps the instance records; this module puts a machine behind each and moves the record's state with it.
"""

from __future__ import annotations

import base64
import copy
import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.instances import Instance, InstanceState, StateReason
from moto.ec2.responses.general import General
from moto.ec2.responses.instances import InstanceResponse

from localcloud.box.layout import BoxFiles
from localcloud.box.runtime import BoxRuntime
from localcloud.ec2.earlier_instances import EarlierInstances
from localcloud.ec2.machines import Machine, MachineOptions
from localcloud.faults.in_force import FaultBook
from localcloud.machine_states import BoxFaults, EndCause, MachineState
from localcloud.moto_pin import replace_attribute
from localcloud.own_endpoints import InterruptError
from localcloud.settings import Settings, box_environment

log = logging.getLogger(__name__)

CONSOLE_TAIL_BYTES = 65536
"""Source: GetConsoleOutput returns the last 64 KB."""
RECORDS_RETENTION = timedelta(days=1)
MOTO_LOCK = threading.RLock()
"""moto hands out addresses and volumes without a lock of its own."""

REASONS = {
    EndCause.USER: ("Client.UserInitiatedShutdown", "User initiated shutdown"),
    EndCause.GUEST: ("Client.InstanceInitiatedShutdown", "Instance initiated shutdown"),
    EndCause.FAILURE: ("Server.InternalError", "The machine ended by itself"),
    EndCause.SPOT: ("Server.SpotInstanceTermination", "Spot instance termination"),
}
TRANSITION_REASONS = {EndCause.USER: "User initiated", EndCause.SPOT: "Service initiated"}
STATE_CHANGE = "EC2 Instance State-change Notification"
SPOT_WARNING = "EC2 Spot Instance Interruption Warning"
"""Source: EC2 user guide, "Spot Instance interruption notices"."""
SPOT = "spot"
PAST = "localcloud_past"
"""Attribute of a moto instance: the states that it was in, for describing it as it was a moment ago."""
PAST_LIMIT = 32
OURS = frozenset({"_state", "state_reason", "_reason", PAST})
"""Attributes of a moto instance that only this module sets."""

Announce = Callable[[Instance, str, dict[str, Any]], None]
"""Called with an instance, a detail type of EventBridge and the detail."""


class InstanceFleet:
    """All machines of this local cloud, by instance id."""

    def __init__(self, settings: Settings, runtime: BoxRuntime, faults: FaultBook, earlier: EarlierInstances) -> None:
        self._settings = settings
        self._earlier = earlier
        self._runtime = runtime
        self._faults = faults
        self._environment = box_environment(settings.cache_dir)
        self._lock = threading.Lock()
        self._machines: dict[str, tuple[Machine, Instance]] = {}
        self._stopping = False
        self.announce: Announce = lambda *_: None
        """Tells what happens to instances; nobody, unless somebody is put here."""
        self.command_variables: Callable[[str], dict[str, str]] = lambda _: {}
        """What the commands on an instance, by its id, get in their environment beside what its box has."""

    def machine(self, instance_id: str) -> Machine | None:
        """The machine behind an instance, while the instance is described."""
        entry = self._machines.get(instance_id)
        return entry[0] if entry else None

    def is_running(self, instance_id: str) -> bool:
        """Whether there is such an instance, and it runs."""
        machine = self.machine(instance_id)
        return machine is not None and machine.state is MachineState.RUNNING

    def __iter__(self) -> Iterator[tuple[Machine, Instance]]:
        with self._lock:
            return iter(list(self._machines.values()))

    def launch(self, instance: Instance) -> None:
        """Put a machine behind a new instance and power it on."""
        spot = instance.lifecycle == SPOT
        faults = self._faults.take_box({tag["key"]: tag["value"] for tag in instance.get_tags()}, spot=spot)
        machine = Machine(
            instance.id,
            self._options(instance, faults),
            self._runtime,
            on_state=lambda state, cause: self._changed(instance, state, cause),
            # A one-time spot instance can't be stopped: what shuts it down ends it.
            terminates_on_shutdown=lambda: spot or instance.instance_initiated_shutdown_behavior == "terminate",
            on_warning=lambda: self.announce(
                instance, SPOT_WARNING, {"instance-id": instance.id, "instance-action": "terminate"}
            ),
        )
        with self._lock:
            if self._stopping:
                raise EC2ClientError("Unavailable", "the local cloud is stopping")
            self._machines[instance.id] = (machine, instance)
        self._earlier.keep(
            instance.id,
            instance_type=str(instance.instance_type),
            zone=instance.placement.zone,
            launched_at=datetime.now(timezone.utc),
        )
        machine.power_on()

    def withdraw(self, instances: Iterable[Instance]) -> None:
        """Forget instances of a launch that failed: nobody was told of them."""
        for instance in instances:
            with self._lock:
                entry = self._machines.pop(instance.id, None)
            if entry is not None:
                entry[0].end_now()
            with MOTO_LOCK:
                forget(instance)
            self._earlier.forget(instance.id)

    def _changed(self, instance: Instance, state: MachineState, cause: EndCause | None) -> None:
        record_state(instance, state, cause)
        self.announce(instance, STATE_CHANGE, {"instance-id": instance.id, "state": state.value[0]})

    def interrupt(self, instance_id: str, warning: timedelta) -> None:
        """Take a spot instance back, as the spot market does. Raises InterruptError where that can't be."""
        machine, instance = self._machines.get(instance_id) or (None, None)
        if machine is None or instance is None:
            raise InterruptError(f"there is no instance {instance_id}")
        if instance.lifecycle != SPOT:
            raise InterruptError(f"{instance_id} is no spot instance; launch it with InstanceMarketOptions")
        machine.interrupt(warning)

    def _options(self, instance: Instance, faults: BoxFaults) -> MachineOptions:
        home: Path = self._settings.home
        user_data = base64.b64decode(str(instance.user_data)) if instance.user_data else b""
        return MachineOptions(
            files=BoxFiles(root=home / "boxes" / instance.id, records=home / "records" / instance.id),
            environment=self._environment,
            command_variables=self.command_variables(instance.id),
            user_data=user_data,
            boot_delay=self._settings.boot_delay,
            agent_delay=self._settings.agent_delay,
            faults=faults,
        )

    def prune(self) -> None:
        """Forget instances that were terminated long ago, as AWS does, so that describing stays fast."""
        limit = time.monotonic() - self._settings.terminated_retention.total_seconds()
        for machine, instance in self:
            if machine.terminated_at is not None and machine.terminated_at <= limit:
                with self._lock:
                    del self._machines[machine.instance_id]
                with MOTO_LOCK:
                    forget(instance)
                self._earlier.forget(machine.instance_id)
        self._earlier.prune()
        self._prune_records()

    def _prune_records(self) -> None:
        """Remove command output and consoles a day after their last change; SSM serves them longer than EC2."""
        oldest = time.time() - RECORDS_RETENTION.total_seconds()
        for folder in (self._settings.home / "records").glob("i-*"):
            if folder.name not in self._machines and folder.stat().st_mtime < oldest:
                shutil.rmtree(folder, ignore_errors=True)

    def end_all(self, timeout: timedelta) -> None:
        """End every box and wait until each is gone."""
        with self._lock:
            self._stopping = True
        machines = [machine for machine, _ in self]
        for machine in machines:
            machine.end_now()
        deadline = time.monotonic() + timeout.total_seconds()
        for machine in machines:
            if not machine.wait_gone(timedelta(seconds=max(0.1, deadline - time.monotonic()))):
                log.error("instance %s: its box did not end within %s", machine.instance_id, timeout)


def record_state(instance: Instance, state: MachineState, cause: EndCause | None) -> None:
    """Move moto's record to a machine's state."""
    effect = MOTO_EFFECTS.get(state)
    if effect:
        try:
            with MOTO_LOCK:
                _follow(instance, effect)
        except Exception:  # the machine's state stands, whatever moto makes of the network interfaces and volumes
            log.exception("instance %s: moto could not follow to %s", instance.id, state.value[0])
    if cause is None:
        instance.state_reason, instance._reason = StateReason(), ""
        if state is MachineState.PENDING:
            instance.launch_time = utcnow()
    else:
        code, message = REASONS[cause]
        instance.state_reason = StateReason(f"{code}: {message}", code)
        when = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S GMT")
        instance._reason = f"{TRANSITION_REASONS[cause]} ({when})" if cause in TRANSITION_REASONS else ""
    name, number = state.value
    instance._state = InstanceState(name, number)
    past = vars(instance).setdefault(PAST, [])
    past.append((time.monotonic(), instance._state, instance.state_reason, instance._reason))
    del past[:-PAST_LIMIT]


def _follow(instance: Instance, effect: Callable[[Instance], Any]) -> None:
    """Let moto do what belongs to a new state, on a copy: who describes meanwhile sees no reason that is moto's."""
    follower = copy.copy(instance)
    follower._state = InstanceState(instance._state.name, instance._state.code)
    effect(follower)
    vars(instance).update({name: value for name, value in vars(follower).items() if name not in OURS})


def as_it_was(instance: Instance, lag: timedelta) -> Instance | None:
    """The instance as it was `lag` ago; None where it did not exist yet."""
    moment = time.monotonic() - lag.total_seconds()
    known = [entry for entry in vars(instance).get(PAST, []) if entry[0] <= moment]
    if not known:
        return None
    was = copy.copy(instance)
    _, was._state, was.state_reason, was._reason = known[-1]
    return was


def forget(instance: Instance) -> None:
    """Take an instance out of moto's records."""
    backend = instance.ec2_backend
    for reservation in list(backend.reservations.values()):
        if instance in reservation.instances:
            reservation.instances = [other for other in reservation.instances if other is not instance]
            if not reservation.instances:
                backend.reservations.pop(reservation.id, None)
    backend.tags.pop(instance.id, None)


MOTO_EFFECTS = {
    MachineState.TERMINATED: Instance.terminate,
    MachineState.STOPPED: Instance.stop,
    MachineState.RUNNING: Instance.start,
}
"""moto's own transitions, kept before they are patched: they release network interfaces and volumes."""


def install(fleet: InstanceFleet) -> None:
    """Patch moto so that its instances are this fleet's machines."""

    def copy_of_state(instance: Instance) -> InstanceState:
        return InstanceState(instance._state.name, instance._state.code)

    def machine_of(instance: Instance) -> Machine:
        machine = fleet.machine(instance.id)
        if machine is None:
            raise EC2ClientError("InvalidInstanceID.NotFound", f"The instance ID '{instance.id}' does not exist")
        return machine

    def terminate(self: Instance) -> InstanceState:
        previous = copy_of_state(self)
        machine_of(self).terminate()
        return previous

    def stop(self: Instance) -> InstanceState:
        previous = copy_of_state(self)
        _refuse_unless(self, ("pending", "running", "stopping", "stopped"))
        if self.lifecycle == SPOT:
            raise EC2ClientError(
                "UnsupportedOperation",
                f"You can't stop the Spot Instance '{self.id}' because it is associated with a one-time Spot Instance "
                "request. You can only stop Spot Instances associated with persistent Spot Instance requests.",
            )
        machine_of(self).stop()
        return previous

    def start(self: Instance) -> InstanceState:
        previous = copy_of_state(self)
        _refuse_unless(self, ("stopped", "pending", "running"))
        if previous.name == "stopped":
            machine_of(self).power_on()
        return previous

    def reboot(self: Instance) -> None:
        _refuse_unless(self, ("running", "pending"))
        machine_of(self).reboot()

    for function in (terminate, stop, start, reboot):
        replace_attribute(Instance, function.__name__, function)

    def get_console_output(self: General) -> ActionResult:
        instance = self.ec2_backend.get_instance(self._get_param("InstanceId"))
        console = machine_of(instance).options.files.console
        text = console.read_bytes()[-CONSOLE_TAIL_BYTES:] if console.exists() else b""
        output = base64.b64encode(text).decode()
        return ActionResult({"InstanceId": instance.id, "Timestamp": utcnow(), "Output": output})

    replace_attribute(General, "get_console_output", get_console_output)
    for verb, key in (("terminate", "TerminatingInstances"), ("stop", "StoppingInstances")):
        replace_attribute(InstanceResponse, f"{verb}_instances", _state_change_response(verb, key))


def _refuse_unless(instance: Instance, states: tuple[str, ...]) -> None:
    if instance._state.name not in states:
        raise EC2ClientError(
            "IncorrectInstanceState",
            f"The instance '{instance.id}' is not in a state from which this is possible ({instance._state.name})",
        )


def _state_change_response(verb: str, key: str) -> Any:
    """moto's answer claims a fixed current state; EC2 tells the real one, for an instance already terminated too."""

    def respond(self: InstanceResponse) -> ActionResult:
        self.error_on_dryrun()
        changed = getattr(self.ec2_backend, f"{verb}_instances")(self._get_param("InstanceIds", []))
        entries = [
            {
                "InstanceId": instance.id,
                "CurrentState": {"Code": instance.state_code, "Name": instance.state},
                "PreviousState": previous,
            }
            for instance, previous in changed
        ]
        return ActionResult({key: entries})

    return respond
