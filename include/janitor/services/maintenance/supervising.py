"""Runs side by side, each in a process of its own with a process group of its own, shown live and ended in order.

What ends badly is not started again: whoever ordered it is told.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import IO

from janitor.domain.watch.waits import waiting

RUN_LIMIT = timedelta(hours=24)
"""How long a run may take. Each of its steps has a limit of its own; this is for what none of them foresees."""
END_LIMIT = timedelta(seconds=30)
"""How long the processes may take to give back what they hold."""
_KILL_LIMIT = timedelta(seconds=10)
_LOOK_EVERY_SECONDS = 0.2
_LONGEST_LINE = 2000
_MOST_WAITING_LINES = 10_000

Start = Callable[[str], "subprocess.Popen[bytes]"]
"""Starts the process of a run, with `start_new_session` and its output in a pipe."""


@dataclass
class SupervisedRun:
    """A run and its process."""

    run_id: str
    process: subprocess.Popen[bytes] | None = None
    """None: it waits for another to end."""
    began_at: float | None = None
    """By the monotonic clock."""
    took: timedelta | None = None
    """None: it goes on."""
    line: str = ""
    """What it said last."""
    exit_code: int | None = None
    is_overdue: bool = False
    """Whether it was asked to end, as it took too long."""

    def elapsed(self) -> timedelta | None:
        """How long it goes on, or took; None: it has not begun."""
        if self.took is not None or self.began_at is None:
            return self.took
        return timedelta(seconds=time.monotonic() - self.began_at)


class Watcher:
    """Told what happens; this one does nothing."""

    def said(self, run: SupervisedRun, line: str) -> None:
        """A run said something."""

    def looked(self, runs: Sequence[SupervisedRun]) -> None:
        """Some time has passed."""


@dataclass
class Supervision:
    """Runs, of which so many go on at a time."""

    runs: Sequence[SupervisedRun]
    workers: int
    start: Start
    watcher: Watcher
    limit: timedelta = RUN_LIMIT
    """Of each run."""
    _lines: queue.Queue[tuple[SupervisedRun, str]] = field(
        default_factory=lambda: queue.Queue(maxsize=_MOST_WAITING_LINES)
    )

    def watch(self) -> None:
        """Start them, watch them to their end. However this ends, no process of them is alive afterwards.

        Raises:
            KeyboardInterrupt: This process was asked to end; the runs were ended in order.
        """
        try:
            with waiting("supervising the runs", shown=True):
                while self._step():
                    pass
        finally:
            self.end_all()
            self._tell_lines()
            self.watcher.looked(self.runs)

    def end_all(self, limit: timedelta = END_LIMIT) -> None:
        """Ask every process to end, and kill with its group whatever doesn't."""
        try:
            for run in self._alive():
                _signal(run, signal.SIGTERM)
            self._await(limit)
        finally:
            for run in self._alive():
                _signal(run, signal.SIGKILL, group=True)
            self._await(_KILL_LIMIT)

    def _step(self) -> bool:
        """Start what may start, tell what was said; returns whether anything goes on."""
        alive = self._alive()
        for run in [each for each in self.runs if each.process is None][: max(0, self.workers - len(alive))]:
            run.process, run.began_at = self.start(run.run_id), time.monotonic()
            threading.Thread(target=self._read, args=(run, run.process.stdout), daemon=True).start()
            alive.append(run)
        self._tell_lines(_LOOK_EVERY_SECONDS)
        self._end_overdue()
        self.watcher.looked(self.runs)
        return bool(self._alive()) or any(each.process is None for each in self.runs)

    def _end_overdue(self) -> None:
        """Ask what takes too long to end, and kill what doesn't."""
        for run in self._alive():
            over = (run.elapsed() or timedelta()) - self.limit
            if over > END_LIMIT:
                _signal(run, signal.SIGKILL, group=True)
            elif over > timedelta() and not run.is_overdue:
                run.is_overdue = True
                self.watcher.said(run, f"it takes more than {self.limit.total_seconds() / 3600:g} hours and is ended")
                _signal(run, signal.SIGTERM)

    def _alive(self) -> list[SupervisedRun]:
        """Those whose process goes on; of the others the end is written down."""
        for run in self.runs:
            if run.process is not None and run.exit_code is None and _has_ended(run.process.pid):
                # What it had started is in its group, whose number is its own until it is waited for.
                _signal(run, signal.SIGKILL, group=True)
                run.exit_code = run.process.wait()
                run.took = timedelta(seconds=time.monotonic() - (run.began_at or 0))
        return [run for run in self.runs if run.process is not None and run.exit_code is None]

    def _await(self, limit: timedelta) -> None:
        deadline = time.monotonic() + limit.total_seconds()
        while self._alive() and time.monotonic() < deadline:
            self._tell_lines(_LOOK_EVERY_SECONDS)

    def _tell_lines(self, seconds: float = 0.0) -> None:
        """Tell what has been said; waits so long for a first line."""
        with contextlib.suppress(queue.Empty):
            run, line = self._lines.get(timeout=seconds) if seconds else self._lines.get_nowait()
            while True:
                run.line = line
                self.watcher.said(run, line)
                run, line = self._lines.get_nowait()

    def _read(self, run: SupervisedRun, output: IO[bytes] | None) -> None:
        if output is None:
            return
        with output:
            while content := output.readline(_LONGEST_LINE):
                text = content.decode("utf-8", "replace").strip()
                if text:
                    # Where nobody tells any more, the process isn't held up by it.
                    with contextlib.suppress(queue.Full):
                        self._lines.put((run, text), timeout=1)


def _signal(run: SupervisedRun, number: signal.Signals, *, group: bool = False) -> None:
    if run.process is None:
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if group:
            os.killpg(run.process.pid, number)
        else:
            os.kill(run.process.pid, number)


def _has_ended(pid: int) -> bool:
    """Whether a child has ended that nobody has waited for yet."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
