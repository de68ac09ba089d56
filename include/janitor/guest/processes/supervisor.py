"""Starts processes for the validator and owns them to their end.

Invariant: when the last `Running.end` has returned, no process and nothing that one had started is alive (where this
process owns its descendants, as a validator does), and every output is in a bounded `Captured`. While another process
runs, ending one takes its process group alone: whose an orphan was can't be told.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import IO

from janitor.guest.processes.capture import Capture, Captured
from janitor.guest.processes.confinement import confine, fence, hand_over_pipe, owns_descendants
from janitor.guest.processes.reaper import descendants, kill_descendants

TERM_GRACE = timedelta(seconds=2)
"""How long a process may take to end by itself after SIGTERM."""
KILL_LIMIT = timedelta(seconds=10)
"""How long killed processes may take to disappear."""
_PIECE_BYTES = 64 * 1024
_LAST_WORDS_SECONDS = 0.3
_PUMP_WAKE_SECONDS = 0.1

_alive: set[Running] = set()
"""What was started and has not been ended."""

LineSink = Callable[[bytes], None]
"""Takes pieces of output as they come, in another thread."""


class ProcessStartError(Exception):
    """The program could not be started: not found, not executable."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a process went."""

    argv: tuple[str, ...]
    exit_code: int | None
    """Negative for a signal, as `subprocess` has it; None if it had to be ended by us."""
    timed_out: bool
    output: Captured
    """Standard output and error, interleaved."""
    seconds: float
    left_behind: int
    """Processes that it had started and that outlived it, until they were killed."""


class Interrupted(BaseException):
    """The validation is cut short. Not an `Exception`, so that no check swallows it."""

    outcome: Outcome | None = None
    """The process that was running, with its output so far."""


class Running:
    """A process that was started and is owned until `end`, which the end of a `with` block calls."""

    def __init__(self, process: subprocess.Popen[bytes], argv: Sequence[str], sink: LineSink | None) -> None:
        self._process = process
        self._argv = tuple(argv)
        self._sink = sink
        self._capture = Capture()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._started = time.monotonic()
        self._outcome: Outcome | None = None
        self._pump = threading.Thread(target=self._drain, name="output", daemon=True)
        self._pump.start()
        _alive.add(self)

    @property
    def exit_code(self) -> int | None:
        """The exit code, or None while it runs."""
        return self._process.poll()

    def __enter__(self) -> Running:
        return self

    def __exit__(self, _kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        # An error or an interrupt leaves no time for courtesy.
        outcome = self.end(graceful=error is None)
        if isinstance(error, Interrupted):
            error.outcome = outcome

    def output_so_far(self) -> str:
        """What it has printed, bounded."""
        with self._lock:
            return self._capture.finish().text

    def wait(self, limit: timedelta) -> bool:
        """Wait for the process itself to end.

        Returns:
            False if it still runs after `limit`.
        """
        try:
            self._process.wait(timeout=limit.total_seconds())
        except subprocess.TimeoutExpired:
            return False
        return True

    def end(self, *, graceful: bool = True) -> Outcome:
        """End the process and all that it started, and collect its output; a second call returns the same.

        Args:
            graceful: Send SIGTERM first to a process that still runs.
        """
        if self._outcome is None:
            self._outcome = self._end(graceful)
        return self._outcome

    def _end(self, graceful: bool) -> Outcome:
        exit_code = self._process.poll()
        timed_out = exit_code is None
        if exit_code is None and graceful:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)
            self.wait(TERM_GRACE)
        if self._process.poll() is not None:
            # What it wrote last is in the pipe; a child that holds the pipe open must not keep us.
            self._pump.join(_LAST_WORDS_SECONDS)
        _alive.discard(self)
        alone = not _alive
        left_behind = len(descendants()) if alone and owns_descendants() and self._process.poll() is not None else 0
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        if alone:
            kill_descendants(within_seconds=KILL_LIMIT.total_seconds(), waited_for=frozenset({self._process.pid}))
        self.wait(KILL_LIMIT)
        self._stopping.set()
        self._pump.join(KILL_LIMIT.total_seconds())
        with self._lock:
            output = self._capture.finish()
        return Outcome(
            argv=self._argv,
            exit_code=exit_code,
            timed_out=timed_out,
            output=output,
            seconds=time.monotonic() - self._started,
            left_behind=left_behind,
        )

    def _drain(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as pipe:
            while True:
                readable, _, _ = select.select([pipe], [], [], _PUMP_WAKE_SECONDS)
                if not readable:
                    if self._stopping.is_set():
                        return
                    continue
                piece = os.read(pipe.fileno(), _PIECE_BYTES)
                if not piece:
                    return
                with self._lock:
                    self._capture.add(piece)
                if self._sink is not None:
                    self._sink(piece)


def start(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    confined: bool,
    sink: LineSink | None = None,
    given: bytes | None = None,
) -> Running:
    """Start a process in a session of its own.

    Args:
        argv: Program and arguments; the program is looked up in `env`'s PATH.
        cwd: Its working directory.
        env: Its whole environment; nothing of the validator's own is added.
        confined: Whether it runs code of the repository (see `janitor.guest.processes.confinement`).
        sink: Gets its output as it comes.
        given: What it finds on its standard input; None: nothing.

    Raises:
        ProcessStartError: The program could not be started.
    """
    read_end, write_end = os.pipe()
    source = None if given is None else _readable(given)
    try:
        if confined:
            # What opens /dev/stdout anew, as shells and log handlers do, needs rights to the pipe itself.
            hand_over_pipe(write_end)
        process = subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL if source is None else source,
            stdout=write_end,
            stderr=subprocess.STDOUT,
            bufsize=0,
            start_new_session=True,
            preexec_fn=partial(confine, str(cwd), fence()) if confined else None,  # noqa: PLW1509  # no other thread runs while we fork
        )
    except (OSError, ValueError, subprocess.SubprocessError) as exc:
        os.close(read_end)
        raise ProcessStartError(f"{argv[0]}: {exc}") from exc
    finally:
        os.close(write_end)
        if source is not None:
            source.close()
    process.stdout = os.fdopen(read_end, "rb", buffering=0)
    return Running(process, argv, sink)


def _readable(given: bytes) -> IO[bytes]:
    """A file without a name: a pipe would hold up whoever writes more than it takes."""
    file = tempfile.TemporaryFile()  # noqa: SIM115  # whoever starts the process closes it
    file.write(given)
    file.seek(0)
    return file


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    limit: timedelta,
    confined: bool,
    sink: LineSink | None = None,
    given: bytes | None = None,
) -> Outcome:
    """Run a process to its end, or to `limit`, and end all that it started.

    Args:
        argv, cwd, env, confined, sink, given: As for `start`.
        limit: From its start.

    Raises:
        ProcessStartError: The program could not be started.
    """
    with start(argv, cwd=cwd, env=env, confined=confined, sink=sink, given=given) as running:
        running.wait(limit)
        return running.end()


def end_everything() -> list[int]:
    """Kill whatever descendant is left; the process ids that wouldn't die are returned."""
    return kill_descendants(within_seconds=KILL_LIMIT.total_seconds(), waited_for=frozenset())
