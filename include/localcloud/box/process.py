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
import tempfile
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from localcloud.box.containment import Containment, works
from localcloud.box.layout import POWER_PIPE, PROGRAMS, base_python, interpreters
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
ENCLOSE = Path(__file__).with_name("enclose.py")
EXIT_TIMEOUT = timedelta(seconds=15)
"""How long the box's init may take to leave after it closed its end of the control socket."""
BOX_MARK = "LOCALCLOUD_BOX"
SIMPLE_EVENTS: dict[str, BoxEvent] = {"ready": Ready(), "poweroff": PoweredOff(), "halted": Halted()}


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What boxes see of the folders that the local cloud and its owner keep."""

    hidden: Sequence[Path] = ()
    """Folders that no box sees; none where this machine offers no way."""
    shown: Sequence[Path] = ()
    """What every box may read of them."""
    kept: Sequence[Path] = ()
    """What every box uses of them."""

    def prefix(self, spec: BoxSpec) -> tuple[str, ...]:
        """What comes before the program of a box's init."""
        if not self.hidden:
            return ()
        own = [spec.root, *([spec.records] if spec.records is not None else [])]
        needed = [*own, *self.kept, *(path.parent for path in interpreters().values())]
        words = [
            *(f"--hide={path}" for path in self.hidden),
            *(f"--keep={path}" for path in needed),
            *(f"--show={path}" for path in (*self.shown, GUEST_INIT.parent, base_python().parent.parent)),
        ]
        return (str(ENCLOSE), *words, f"--folder={spec.root}", "--")


def can_hide(containment: Containment) -> bool:
    """Whether files can be hidden from boxes on this machine: tried out, as the containment is."""
    if not containment.prefix:
        return False
    with tempfile.TemporaryDirectory(prefix="localcloud-") as folder:
        script = [str(base_python()), "-I", "-S", str(ENCLOSE), f"--hide={folder}", "--only-try"]
        return works([*containment.prefix, *script])


class ProcessBox:
    """A box whose init was started as a child process; `runtime.Box` says what the methods do."""

    def __init__(self, spec: BoxSpec, containment: Containment, sight: Sight) -> None:
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
                    *(str(base_python()), "-I", "-S", *sight.prefix(spec), str(GUEST_INIT)),
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
            environment={**self._spec.environment, BOX_MARK: str(self._spec.root), **command.variables},
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

    def __init__(self, containment: Containment, sight: Sight | None = None) -> None:
        self.name = f"process ({containment.value})"
        self._containment = containment
        # Without a namespace of the box's own, hiding would hide from everybody on this machine.
        self._sight = sight if sight is not None and containment.prefix else Sight()

    @property
    def hides_files(self) -> bool:
        """Whether boxes don't see what the local cloud and its owner keep."""
        return bool(self._sight.hidden)

    def start(self, spec: BoxSpec) -> Box:
        return ProcessBox(spec, self._containment, self._sight)


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
