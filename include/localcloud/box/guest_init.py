"""The first process of a box: starts what the box runs, and ends with everything that it started.

It runs as a plain script of the base interpreter (`python -I -S guest_init.py`), so it imports only the standard
library. It holds one end of a control socket; the local cloud holds the other. When that socket reaches its end,
because the local cloud was stopped or killed, the box ends at once: no box outlives its cloud.

Invariant: when this process is gone, no process of the box is left. How depends on the containment:
`pid-namespace` (it is PID 1, the kernel ends the rest), `subreaper` (orphans are re-parented to it and it kills all
descendants), `process-group` (descendants and their groups only: a process that leaves both escapes).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import time
import traceback
from pathlib import Path
from typing import Any

READ_BYTES = 65536
OUTPUT_NOTICE_SECONDS = 0.2
"""The least time between two notices that a command has printed something."""
DRAIN_SECONDS = 0.5
"""How long output is awaited after a command's own process ended (a daemon that it left may hold the pipe)."""
KILL_DEADLINE_SECONDS = 10.0
PR_SET_CHILD_SUBREAPER = 36
FOREVER = "exec sleep 2147483647"
COVERED_PROGRAMS = ("systemctl", "shutdown", "poweroff", "halt", "reboot", "systemd-run")


class Capture:
    """One output pipe, copied to a file up to a limit; what follows the limit is read and dropped."""

    def __init__(self, fd: int, path: Path, limit_bytes: int) -> None:
        self.fd = fd
        self.open = True
        self._left = limit_bytes
        self._limit = limit_bytes
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def pump(self) -> bool:
        """Copy what can be read now. Returns whether the file grew."""
        data = os.read(self.fd, READ_BYTES)
        if not data:
            self.close()
            return False
        if self._file < 0 or self._left < 0:
            return False
        try:
            os.write(self._file, data[: self._left])
            self._left -= len(data)
            if self._left < 0:
                os.write(self._file, f"\n[localcloud: output cut after {self._limit} bytes]\n".encode())
        except OSError:  # a full disk costs the output, not the box
            self.close_file()
        return True

    def close_file(self) -> None:
        """Keep reading, so that a lingering writer is not broken, but store nothing more."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def close(self) -> None:
        self.close_file()
        if self.open:
            os.close(self.fd)
            self.open = False


class Command:
    """One process started for the local cloud (a command or the user data), in a session of its own."""

    def __init__(self, ident: str, pid: int, captures: list[Capture], limit_seconds: float | None) -> None:
        self.ident = ident
        self.pid = pid
        self.captures = captures
        self.deadline = None if limit_seconds is None else time.monotonic() + limit_seconds
        self.ending = "exited"
        self.exit_code: int | None = None
        self.report_at: float | None = None
        self.notice_at: float | None = None

    def kill(self, ending: str) -> None:
        """Kill the command's process group; the first reason given stands."""
        if self.exit_code is None and self.ending == "exited":
            self.ending = ending
            for kill in (os.killpg, os.kill):  # the group may not exist yet, right after the fork
                with contextlib.suppress(ProcessLookupError):
                    kill(self.pid, signal.SIGKILL)


class GuestInit:
    """The event loop of a box."""

    def __init__(self, control: socket.socket, power: Path, containment: str) -> None:
        self._control = control
        self._containment = containment
        self._buffer = b""
        self._commands: dict[int, Command] = {}
        self._shutdown: tuple[float, str] | None = None
        self._halted = False
        self._selector = selectors.DefaultSelector()
        # Opened for reading and writing: the pipe never reaches its end, and writers never block on opening it.
        self._power = os.open(power, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        wake_read, wake_write = os.pipe()
        for fd in (wake_read, wake_write):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        # A box ends through its control socket alone; `kill 1` inside it must not look like a crash.
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        self._selector.register(control, selectors.EVENT_READ, self._on_control)
        self._selector.register(self._power, selectors.EVENT_READ, self._on_power)
        self._selector.register(wake_read, selectors.EVENT_READ, lambda: os.read(wake_read, 4096))

    def run(self) -> None:
        """Serve until the box has to end. Doesn't return: it leaves through `end`, whatever goes wrong."""
        try:
            self._send({"event": "ready"})
            while True:
                for key, _ in self._selector.select(self._next_timeout()):
                    key.data()
                self._reap()
                self._keep_deadlines()
        except Exception:
            traceback.print_exc()
        finally:
            self.end(grace_seconds=0.0)

    # What arrives

    def _on_control(self) -> None:
        try:
            data = self._control.recv(READ_BYTES)
        except ConnectionError:  # the cloud was killed with messages of ours unread
            data = b""
        if not data:
            self.end(grace_seconds=0.0)
        self._buffer += data
        *lines, self._buffer = self._buffer.split(b"\n")
        for line in lines:
            self._obey(json.loads(line))

    def _obey(self, order: dict[str, Any]) -> None:
        if order["op"] == "end":
            self.end(grace_seconds=float(order["grace_seconds"]))
        elif order["op"] == "kill":
            for command in self._commands.values():
                if command.ident == order["id"]:
                    command.kill("killed")
        elif order["op"] == "run" and not self._halted:
            self._start(order)

    def _on_power(self) -> None:
        with contextlib.suppress(BlockingIOError):
            for line in os.read(self._power, 4096).decode(errors="replace").splitlines():
                verb, _, seconds = line.partition(" ")
                if verb == "cancel":
                    self._shutdown = None
                elif verb in ("poweroff", "halt") and seconds.isdigit():
                    self._shutdown = (time.monotonic() + int(seconds), verb)

    # Commands

    def _start(self, order: dict[str, Any]) -> None:
        captures: list[Capture] = []
        write_ends: list[int] = []
        for path in order["outputs"]:  # one for stdout and stderr together, or one each
            read_end, write_end = os.pipe()
            captures.append(Capture(read_end, Path(path), int(order["output_limit_bytes"])))
            write_ends.append(write_end)
        pid = os.fork()
        if pid == 0:
            self._become(order, write_ends)
        for fd in write_ends:
            os.close(fd)
        command = Command(order["id"], pid, captures, order.get("limit_seconds"))
        self._commands[pid] = command
        for capture in captures:
            self._selector.register(capture.fd, selectors.EVENT_READ, lambda c=capture: self._on_output(command, c))

    @staticmethod
    def _become(order: dict[str, Any], write_ends: list[int]) -> None:
        """The child's side of a start: never returns."""
        try:
            os.setsid()
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            null = os.open(os.devnull, os.O_RDONLY)
            os.dup2(null, 0)
            os.dup2(write_ends[0], 1)
            os.dup2(write_ends[-1], 2)
            os.chdir(order["directory"])
            argv = ["/bin/sh", "-c", FOREVER] if order.get("hang") else order["argv"]
            os.execve(argv[0], argv, order["environment"])  # noqa: S606  (a box runs what it is told to)
        except OSError as exc:
            os.write(2, f"{exc}\n".encode())
        finally:
            os._exit(127)

    def _on_output(self, command: Command, capture: Capture) -> None:
        fd = capture.fd
        grew = capture.pump()
        if not capture.open:
            self._selector.unregister(fd)
        if grew and command.notice_at is None:
            command.notice_at = time.monotonic() + OUTPUT_NOTICE_SECONDS

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            command = self._commands.get(pid)
            if command:
                code = os.waitstatus_to_exitcode(status)
                command.exit_code = 128 - code if code < 0 else code
                command.report_at = time.monotonic() + DRAIN_SECONDS

    # Time

    def _next_timeout(self) -> float | None:
        due = [self._shutdown[0]] if self._shutdown else []
        for command in self._commands.values():
            if command.exit_code is None and command.deadline is not None and command.ending == "exited":
                due.append(command.deadline)
            due.extend(at for at in (command.report_at, command.notice_at) if at is not None)
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _keep_deadlines(self) -> None:
        now = time.monotonic()
        for command in list(self._commands.values()):
            if command.deadline is not None and now >= command.deadline:
                command.kill("timed-out")
            if command.notice_at is not None and now >= command.notice_at:
                command.notice_at = None
                self._send({"event": "output", "id": command.ident})
            if command.report_at is not None and (
                now >= command.report_at or not any(c.open for c in command.captures)
            ):
                self._report(command)
        if self._shutdown and now >= self._shutdown[0]:
            verb = self._shutdown[1]
            self._shutdown = None
            if verb == "halt":
                self._halt()
            else:
                self._send({"event": "poweroff"})
                self.end(grace_seconds=0.5)

    def _report(self, command: Command) -> None:
        for capture in command.captures:
            capture.close_file()
        del self._commands[command.pid]
        self._send({"event": "ended", "id": command.ident, "exit_code": command.exit_code, "ending": command.ending})

    def _send(self, message: dict[str, Any]) -> None:
        try:
            self._control.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            self.end(grace_seconds=0.0)

    # The end

    def _halt(self) -> None:
        """`halt` stops the system and leaves the machine powered: nothing runs, EC2 still says running."""
        self._halted = True
        self._commands.clear()
        self._send({"event": "halted"})
        self._kill_until_gone()

    def end(self, grace_seconds: float) -> None:
        """End every process of the box, then this one. Commands that are cut off report nothing."""
        deadline = time.monotonic() + grace_seconds
        if grace_seconds > 0:
            self._signal_all(signal.SIGTERM)
        while time.monotonic() < deadline and self._children_left():
            time.sleep(0.01)
        self._kill_until_gone()
        os._exit(0)

    def _kill_until_gone(self) -> None:
        deadline = time.monotonic() + KILL_DEADLINE_SECONDS
        self._signal_all(signal.SIGKILL)
        while self._children_left() and time.monotonic() < deadline:
            time.sleep(0.01)
            self._signal_all(signal.SIGKILL)

    def _children_left(self) -> bool:
        """Reap what is dead. No child left means no descendant left: orphans become children of this process."""
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return False
        return True

    def _signal_all(self, number: int) -> None:
        if self._containment == "pid-namespace":
            if os.getpid() != 1:
                raise RuntimeError("guest_init is not PID 1 of a namespace; refusing to signal every process")
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, number)
            return
        for pid, group in descendants(os.getpid()):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
            if self._containment == "process-group" and group == pid:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(group, number)


def descendants(root: int) -> list[tuple[int, int]]:
    """Process id and process group of every living descendant of `root`, as `ps` or /proc tells."""
    children: dict[int, list[tuple[int, int]]] = {}
    for pid, parent, group in _process_table():
        children.setdefault(parent, []).append((pid, group))
    found: list[tuple[int, int]] = []
    queue = [root]
    while queue:
        for pid, group in children.get(queue.pop(), []):
            found.append((pid, group))
            queue.append(pid)
    return found


def _process_table() -> list[tuple[int, int, int]]:
    rows: list[tuple[int, int, int]] = []
    if Path("/proc/self/stat").exists():
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                with contextlib.suppress(OSError):
                    # The name is in parentheses and may hold anything; the fields follow the last one.
                    fields = Path("/proc", entry, "stat").read_text(errors="replace").rpartition(")")[2].split()
                    rows.append((int(entry), int(fields[1]), int(fields[2])))
        return rows
    listing = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,pgid="], capture_output=True, text=True, timeout=10, check=False
    )
    for line in listing.stdout.splitlines():
        pid, parent, group = (int(field) for field in line.split())
        rows.append((pid, parent, group))
    return rows


def cover_system_programs(programs: Path) -> None:
    """Put the box's programs over the system's of the same name, inside this mount namespace.

    A script in a box may call /sbin/shutdown by its path, and run by root that would end the real machine.
    """
    for name in COVERED_PROGRAMS:
        system = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
        target = os.path.realpath(system) if system else ""
        if Path(target).name in COVERED_PROGRAMS:  # not where one program (busybox) is behind everything
            subprocess.run(
                ["mount", "--bind", str(programs / name), target], timeout=10, check=False, stderr=subprocess.DEVNULL
            )


def become_subreaper() -> None:
    """Make orphaned descendants children of this process. Raises OSError where the kernel refuses. Source: prctl(2)."""
    import ctypes  # noqa: PLC0415  (costs 10 ms that the other containments need not pay)

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def main() -> None:
    parser = argparse.ArgumentParser(prog="guest_init")
    parser.add_argument("--control-fd", type=int, required=True)
    parser.add_argument("--power", type=Path, required=True)
    parser.add_argument("--programs", type=Path, required=True)
    parser.add_argument("--containment", choices=["pid-namespace", "subreaper", "process-group"], required=True)
    options = parser.parse_args()
    if options.containment == "subreaper":
        become_subreaper()
    if options.containment == "pid-namespace":
        cover_system_programs(options.programs)
    control = socket.socket(fileno=options.control_fd)
    control.set_inheritable(False)
    control.setblocking(True)
    GuestInit(control, options.power, options.containment).run()


if __name__ == "__main__":
    main()
