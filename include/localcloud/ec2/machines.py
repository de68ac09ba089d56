"""The life of one machine, apart from any API: it boots, runs, is stopped or terminated, and ends by itself.

    PENDING ──> RUNNING ──> SHUTTING_DOWN ──> TERMINATED
                   │  └───> STOPPING ──> STOPPED ──> PENDING
                   └─ (shut down from inside, or died): the same ways

Invariant: TERMINATED and STOPPED are entered only when the box is gone, which means that no process of it is left.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from functools import partial
from typing import Protocol

from localcloud.box.layout import BoxFiles, one_after_the_other
from localcloud.box.runtime import (
    USER_DATA_ID,
    Box,
    BoxCommand,
    BoxRuntime,
    BoxSpec,
    CommandEnded,
    Ending,
    Gone,
    Halted,
    OutputGrew,
    PoweredOff,
    Ready,
)
from localcloud.ec2 import user_data
from localcloud.machine_states import AgentStatus, BoxFaults, EndCause, MachineState

log = logging.getLogger(__name__)

END_GRACE = timedelta(seconds=0.5)
"""Between SIGTERM and SIGKILL when a machine is ended through the API."""
CONSOLE_LIMIT_BYTES = 1 << 20
"""What is kept of a boot's user-data output."""


class _Request(Enum):
    TERMINATE = "terminate"
    STOP = "stop"
    REBOOT = "reboot"


class CommandSink(Protocol):
    """Who wants to know about a command. Called in the machine's own thread."""

    def output_grew(self) -> None:
        """The command has printed something."""

    def ended(self, exit_code: int, ending: Ending) -> None:
        """The command's process has ended."""


@dataclass(frozen=True, kw_only=True)
class MachineOptions:
    """What a machine is made of."""

    files: BoxFiles
    environment: Mapping[str, str]
    user_data: bytes
    boot_delay: timedelta
    agent_delay: timedelta
    faults: BoxFaults = field(default_factory=BoxFaults)
    command_variables: Mapping[str, str] = field(default_factory=dict)
    """Of the environment of commands; no other process of the box has them."""


def _tell_end(event: CommandEnded, sink: CommandSink) -> None:
    sink.ended(event.exit_code, event.ending)


StateListener = Callable[[MachineState, EndCause | None], None]


def _nobody() -> None:
    """Nobody wants to know."""


class Machine:
    """One machine. Its box's events are handled in one thread per power-on; every method may be called from any."""

    def __init__(
        self,
        instance_id: str,
        options: MachineOptions,
        runtime: BoxRuntime,
        *,
        on_state: StateListener,
        terminates_on_shutdown: Callable[[], bool],
        on_warning: Callable[[], None] = _nobody,
    ) -> None:
        self.instance_id = instance_id
        self.options = options
        self.state = MachineState.PENDING
        self.agent = AgentStatus.NEVER
        self.terminated_at: float | None = None
        """`time.monotonic()` of the end."""
        self._runtime = runtime
        self._on_state = on_state
        self._terminates_on_shutdown = terminates_on_shutdown
        self._on_warning = on_warning
        self._lock = threading.RLock()
        self._interrupt = threading.Event()
        self._settled = threading.Condition(self._lock)
        self._request: _Request | None = None
        self._request_cause = EndCause.USER
        self._box: Box | None = None
        self._sinks: dict[str, CommandSink] = {}
        self._has_booted = False

    # What the APIs ask for

    def power_on(self) -> None:
        """Boot in the background. Scripts of the user data run on the first boot only, its boothooks on every boot."""
        with self._lock:
            self._request = None
            self._interrupt.clear()
            self._set(MachineState.PENDING)
        threading.Thread(target=self._live, name=f"box-{self.instance_id}", daemon=True).start()

    def terminate(self, cause: EndCause = EndCause.USER) -> None:
        """End the machine for good. Does nothing where that has begun."""
        with self._lock:
            if self.state is MachineState.STOPPED:
                self._set(MachineState.TERMINATED, cause)
                threading.Thread(target=self.options.files.remove_disk, daemon=True).start()
            elif self.state not in (MachineState.SHUTTING_DOWN, MachineState.TERMINATED):
                self._end(_Request.TERMINATE, MachineState.SHUTTING_DOWN, cause)

    def interrupt(self, warning: timedelta) -> None:
        """Take a spot machine back: warn at once, and end it when `warning` has passed."""
        if self.state in (MachineState.SHUTTING_DOWN, MachineState.TERMINATED):
            return
        log.info("instance %s: spot interruption in %s", self.instance_id, warning)
        self._on_warning()
        end = threading.Timer(warning.total_seconds(), self.terminate, [EndCause.SPOT])
        end.daemon = True
        end.start()

    def stop(self) -> None:
        """End the machine and keep its disk."""
        with self._lock:
            if self.state in (MachineState.PENDING, MachineState.RUNNING):
                self._end(_Request.STOP, MachineState.STOPPING)

    def reboot(self) -> None:
        """End everything in the machine and boot it again."""
        with self._lock:
            if self.state is MachineState.RUNNING and self._request is None:
                self._end(_Request.REBOOT, MachineState.RUNNING)

    def run(self, command: BoxCommand, sink: CommandSink) -> None:
        """Hand a command to the agent; it gets lost where the machine has just ended, or where a fault says so."""
        with self._lock:
            if self.options.faults.agent_death:
                self._agent_lost()
            if self.options.faults.no_start or self.options.faults.agent_death:
                return
            self._sinks[command.command_id] = sink
            if self._box:
                self._box.run(command)

    def kill(self, command_id: str) -> None:
        """Kill a command, if it runs."""
        with self._lock:
            if self._box:
                self._box.kill(command_id)

    def end_now(self) -> None:
        """The local cloud itself stops: end the box without grace, whatever state that leaves."""
        with self._lock:
            self._request = _Request.TERMINATE
            self._interrupt.set()
            if self._box:
                self._box.end(timedelta(0))

    def wait_gone(self, timeout: timedelta) -> bool:
        """Wait until no process of the machine is left."""
        with self._settled:
            return self._settled.wait_for(
                lambda: self.state in (MachineState.STOPPED, MachineState.TERMINATED), timeout.total_seconds()
            )

    # Its life

    def _end(self, request: _Request, state: MachineState, cause: EndCause = EndCause.USER) -> None:
        self._request, self._request_cause = request, cause
        self._agent_lost()
        if state is not self.state:
            self._set(state, cause)
        self._interrupt.set()
        if self._box:
            self._box.end(END_GRACE)

    def _live(self) -> None:
        again = True
        while again:
            try:
                cause = self._one_boot()
            except Exception:
                log.exception("instance %s: its box failed", self.instance_id)
                cause = EndCause.FAILURE
            with self._lock:
                self._box = None
                self._sinks.clear()
                self._agent_lost()
                again = self._request is _Request.REBOOT
                if again:
                    self._request = None
                    self._interrupt.clear()
                else:
                    self._settle(cause)
        if self.state is MachineState.TERMINATED:  # outside the lock: a big disk takes a while
            self.options.files.remove_disk()

    def _settle(self, cause: EndCause) -> None:
        """The box is gone: enter the final state."""
        keeps_disk = self._request is _Request.STOP
        if self._request is None and cause is EndCause.GUEST:
            keeps_disk = not self._terminates_on_shutdown()
        if self._request is not None:
            cause = self._request_cause
        self._set(MachineState.STOPPED if keeps_disk else MachineState.TERMINATED, cause)

    def _one_boot(self) -> EndCause:
        """From power-on to the end of the box."""
        options = self.options
        if self._interrupt.wait((options.boot_delay + options.faults.slow_boot).total_seconds()):
            return EndCause.USER
        options.files.create()
        spec = BoxSpec(
            instance_id=self.instance_id,
            root=options.files.root,
            environment=self._environment(),
            records=options.files.records,
        )
        box = self._runtime.start(spec)
        with self._lock:
            self._box = box
            if self._request is not None:
                box.end(timedelta(0))
        try:
            return self._attend(box)
        except Exception:
            box.end(timedelta(0))
            while not isinstance(box.next_event(None), Gone):
                pass
            raise

    def _attend(self, box: Box) -> EndCause:
        cause = EndCause.FAILURE
        agenda: list[tuple[float, Callable[[], None]]] = []
        while True:
            now = time.monotonic()
            for due in [entry for entry in agenda if entry[0] <= now]:
                agenda.remove(due)
                due[1]()
            wait = timedelta(seconds=min(at for at, _ in agenda) - now) if agenda else None
            event = box.next_event(wait)
            if isinstance(event, Ready):
                agenda = self._on_ready(box)
            elif isinstance(event, OutputGrew):
                self._tell(event.command_id, lambda sink: sink.output_grew())
            elif isinstance(event, CommandEnded):
                self._tell(event.command_id, partial(_tell_end, event))
                self._sinks.pop(event.command_id, None)
            elif isinstance(event, Halted):
                agenda = []
                with self._lock:
                    self._agent_lost()
            elif isinstance(event, PoweredOff):
                cause = EndCause.GUEST
                self._on_powered_off()
            elif isinstance(event, Gone):
                return cause

    def _tell(self, command_id: str, what: Callable[[CommandSink], None]) -> None:
        if sink := self._sinks.get(command_id):
            try:
                what(sink)
            except Exception:  # a command's trouble must not cost the machine
                log.exception("instance %s: command %s could not be recorded", self.instance_id, command_id)

    def _on_ready(self, box: Box) -> list[tuple[float, Callable[[], None]]]:
        with self._lock:
            if self.state is MachineState.PENDING:
                self._set(MachineState.RUNNING)
        first_boot, self._has_booted = not self._has_booted, True
        self._run_user_data(box, first_boot=first_boot)
        faults = self.options.faults
        now = time.monotonic()
        agenda: list[tuple[float, Callable[[], None]]] = []
        if not faults.no_agent:
            agenda.append((now + self.options.agent_delay.total_seconds(), self._agent_online))
        if faults.die_after is not None:
            agenda.append((now + faults.die_after.total_seconds(), lambda: box.end(timedelta(0))))
        if faults.spot_interruption is not None:
            after, warning = faults.spot_interruption
            agenda.append((now + after.total_seconds(), lambda: self.interrupt(warning)))
        return agenda

    def _run_user_data(self, box: Box, *, first_boot: bool) -> None:
        parts = user_data.read(self.options.user_data)
        if first_boot:
            complaints = "".join(f"cloud-init: {complaint}\n" for complaint in parts.complaints)
            self.options.files.console.write_text(complaints)
        if paths := self.options.files.write_user_data(parts.programs(first_boot=first_boot)):
            box.run(
                BoxCommand(
                    command_id=USER_DATA_ID,
                    argv=one_after_the_other(paths),
                    directory=self.options.files.home,
                    outputs=[self.options.files.console],
                    output_limit_bytes=CONSOLE_LIMIT_BYTES,
                )
            )

    def _on_powered_off(self) -> None:
        with self._lock:
            self._agent_lost()
            if self._request is None:
                terminates = self._terminates_on_shutdown()
                self._set(MachineState.SHUTTING_DOWN if terminates else MachineState.STOPPING, EndCause.GUEST)

    def _agent_online(self) -> None:
        with self._lock:
            if self.state is MachineState.RUNNING and self._request is None:
                self.agent = AgentStatus.ONLINE
                log.info("instance %s: agent online", self.instance_id)

    def _agent_lost(self) -> None:
        if self.agent is AgentStatus.ONLINE:
            self.agent = AgentStatus.LOST

    def _set(self, state: MachineState, cause: EndCause | None = None) -> None:
        self.state = state
        if state is MachineState.TERMINATED:
            self.terminated_at = time.monotonic()
        log.info("instance %s: %s%s", self.instance_id, state.value[0], f" ({cause.value})" if cause else "")
        self._on_state(state, cause)
        self._settled.notify_all()

    def _environment(self) -> dict[str, str]:
        files = self.options.files
        return {
            **self.options.environment,
            "PATH": f"{files.programs}:{self.options.environment['PATH']}",
            "HOME": str(files.home),
            "TMPDIR": str(files.temporary),
            "INSTANCE_ID": self.instance_id,
        }
