"""The process runtime: a box is a process tree under a small init of its own (guest_init.py)."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from datetime import timedelta
from pathlib import Path
from typing import Any

from localcloud.box.containment import Containment
from localcloud.box.layout import POWER_PIPE, PROGRAMS, base_python
from localcloud.box.runtime import (
    Box,
    BoxCommand,
    BoxEvent,
    BoxSpec,
    CommandEnded,
    Ending,
    Gone,
    Halted,
    OutputGrew,
    PoweredOff,
    Ready,
)

GUEST_INIT = Path(__file__).with_name("guest_init.py")
EXIT_TIMEOUT = timedelta(seconds=15)
"""How long the box's init may take to leave after it closed its end of the control socket."""
BOX_MARK = "LOCALCLOUD_BOX"
SIMPLE_EVENTS: dict[str, BoxEvent] = {"ready": Ready(), "poweroff": PoweredOff(), "halted": Halted()}


class ProcessBox:
    """A box whose init was started as a child process; `runtime.Box` says what the methods do."""

    def __init__(self, spec: BoxSpec, containment: Containment) -> None:
        self._spec = spec
        self._containment = containment
        self._pending: deque[BoxEvent] = deque()
        self._buffer = b""
        self._gone = False
        self._send_lock = threading.Lock()
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [
                    *containment.prefix,
                    *(str(base_python()), "-I", "-S", str(GUEST_INIT)),
                    *("--control-fd", str(theirs.fileno())),
                    *("--power", str(spec.root / POWER_PIPE), "--programs", str(spec.root / PROGRAMS)),
                    *("--containment", containment.init_mode),
                ],
                env={**spec.environment, BOX_MARK: str(spec.root)},
                cwd=spec.root,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    def next_event(self, timeout: timedelta | None) -> BoxEvent | None:
        if not self._pending and not self._gone:
            # poll, not a socket timeout: that would also cut short what another thread is sending.
            waiting = select.poll()
            waiting.register(self._control, select.POLLIN)
            if not waiting.poll(None if timeout is None else max(0.0, timeout.total_seconds() * 1000)):
                return None
            try:
                self._take(self._control.recv(65536))
            except OSError:
                self._take(b"")
        if self._pending:
            return self._pending.popleft()
        return Gone() if self._gone else None

    def run(self, command: BoxCommand) -> None:
        self._send(
            op="run",
            id=command.command_id,
            argv=list(command.argv),
            directory=str(command.directory),
            outputs=[str(path) for path in command.outputs],
            output_limit_bytes=command.output_limit_bytes,
            limit_seconds=command.limit.total_seconds() if command.limit else None,
            hang=command.hang,
        )

    def kill(self, command_id: str) -> None:
        self._send(op="kill", id=command_id)

    def end(self, grace: timedelta) -> None:
        self._send(op="end", grace_seconds=grace.total_seconds())

    def _take(self, data: bytes) -> None:
        if not data:
            self._finish()
            return
        self._buffer += data
        *lines, self._buffer = self._buffer.split(b"\n")
        self._pending.extend(_event(json.loads(line)) for line in lines)

    def _send(self, **order: Any) -> None:
        with self._send_lock, contextlib.suppress(OSError):  # the box may be gone: its last event says so
            self._control.sendall(json.dumps(order).encode() + b"\n")

    def _finish(self) -> None:
        """The control socket has ended: make sure of the processes."""
        try:
            self._process.wait(EXIT_TIMEOUT.total_seconds())
        except subprocess.TimeoutExpired:
            self._process.kill()  # with a namespace, everything in it dies with its init
            self._process.wait(EXIT_TIMEOUT.total_seconds())
        if self._containment is Containment.SUBREAPER:
            kill_marked(self._spec.root)
        with self._send_lock:
            self._control.close()
        self._gone = True


class ProcessRuntime:
    """Starts process boxes with one containment."""

    def __init__(self, containment: Containment) -> None:
        self.name = f"process ({containment.value})"
        self._containment = containment

    def start(self, spec: BoxSpec) -> Box:
        return ProcessBox(spec, self._containment)


def kill_marked(root: Path) -> None:
    """Kill every process that carries a box's mark in its environment.

    Needed only where the box's init was itself killed from inside the box, so that nobody adopted its descendants.
    """
    if sys.platform != "linux":
        return
    mark = f"{BOX_MARK}={root}".encode()
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                if mark in Path("/proc", entry, "environ").read_bytes().split(b"\0"):
                    os.kill(int(entry), signal.SIGKILL)


def _event(message: dict[str, Any]) -> BoxEvent:
    kind = message["event"]
    if kind == "output":
        return OutputGrew(message["id"])
    if kind == "ended":
        return CommandEnded(message["id"], message["exit_code"], Ending(message["ending"]))
    return SIMPLE_EVENTS[kind]
