"""Watches the host's GPU while a worker runs: a worker that needs a GPU must leave a trace on it.

Taken on the host, not in the container, so that the worker can't answer for itself.
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

_INTERVAL_SECONDS = 0.5
_QUERY_SECONDS = 10
_LEAST_RISE_BYTES = 64 * 1024**2
"""Less than any CUDA context takes (about 100 MiB and up), more than a driver's own ups and downs."""
_LEAST_UTILISATION = 1
_LONGEST_GAP_SECONDS = 3.0
"""Between two looks: what computes for a shorter time can be missed."""
_QUERY = ["nvidia-smi", "--query-gpu=memory.used,utilization.gpu", "--format=csv,noheader,nounits"]
_PROCESSES = ["nvidia-smi", "--query-compute-apps=pid", "--format=csv,noheader"]


@dataclass(frozen=True, kw_only=True)
class GpuUse:
    """What the GPUs did while something ran."""

    memory_rise_bytes: int
    """Highest sum of used memory less that before the start."""
    utilisation: int
    """Highest of any GPU, in percent."""
    processes: int = 0
    """How many came to the GPUs that were not there before."""
    was_busy: bool = False
    """Whether something else worked on them before the start, so that utilisation shows nothing."""
    longest_gap_seconds: float = 0.0
    """Between two looks."""

    @property
    def was_used(self) -> bool:
        """Whether anything worked on a GPU that didn't before."""
        return (
            self.memory_rise_bytes >= _LEAST_RISE_BYTES
            or self.processes > 0
            or (self.utilisation >= _LEAST_UTILISATION and not self.was_busy)
        )

    @property
    def may_be_missed(self) -> bool:
        """Whether a short use can have come and gone unseen, as on a host whose nvidia-smi is slow."""
        return not self.was_used and self.longest_gap_seconds > _LONGEST_GAP_SECONDS

    def described(self) -> str:
        """In words."""
        busy = "; something else worked on it before" if self.was_busy else ""
        return (
            f"GPU memory rose by {self.memory_rise_bytes / 1024**2:.0f} MiB, utilisation reached {self.utilisation} %,"
            f" {self.processes} processes came to it{busy}"
        )


@dataclass(frozen=True, kw_only=True)
class _Sample:
    memory_bytes: int | None
    """None where the driver doesn't say, as with a partitioned GPU."""
    utilisation: int | None
    processes: frozenset[int]

    @property
    def tells(self) -> bool:
        return self.memory_bytes is not None or self.utilisation is not None or bool(self.processes)


class GpuWatch:
    """Samples the GPUs from `start` to `stop`; both may come several times, and the highest counts.

    Memory is compared with the least that was used before any start.

    Args:
        environment: For nvidia-smi.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._stopping = threading.Event()
        self._look_seconds = 0.0
        self._gap_seconds = 0.0
        self._thread: threading.Thread | None = None
        self._before: _Sample | None = None
        self._rise = 0
        self._utilisation = 0
        self._came: set[int] = set()
        self._was_busy = False
        self._samples = 0

    @property
    def use(self) -> GpuUse | None:
        """What was seen so far; None if nothing could be measured."""
        if self._samples == 0:
            return None
        return GpuUse(
            memory_rise_bytes=self._rise,
            utilisation=self._utilisation,
            processes=len(self._came),
            was_busy=self._was_busy,
            longest_gap_seconds=self._gap_seconds,
        )

    @property
    def look_seconds(self) -> float:
        """How long the look at the last start took."""
        return self._look_seconds

    def start(self) -> None:
        """Take the state before, and go on sampling in a thread."""
        began = time.monotonic()
        first = self._sample()
        self._look_seconds = time.monotonic() - began
        if first is None:
            return
        if self._before is None:
            # What works on it before the first start is somebody else's.
            self._was_busy = bool(first.utilisation)
            self._before = first
        else:
            known = [each for each in (first.memory_bytes, self._before.memory_bytes) if each is not None]
            self._before = replace(first, memory_bytes=min(known, default=None))
        # A thread of an earlier start may still wait for its last answer: its event stays set.
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, args=(self._stopping,), name="gpu-use", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop sampling; without a `start` nothing happens."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(_QUERY_SECONDS + 1)
            self._thread = None

    def forget(self) -> None:
        """Start anew with what was seen, but for the state before."""
        self._rise = self._utilisation = self._samples = 0
        self._gap_seconds = 0.0
        self._came.clear()

    def _watch(self, stopping: threading.Event) -> None:
        seen_at = time.monotonic()
        while True:
            last = stopping.wait(_INTERVAL_SECONDS)
            sample, before = self._sample(), self._before
            self._gap_seconds = max(self._gap_seconds, time.monotonic() - seen_at)
            seen_at = time.monotonic()
            if sample is not None and before is not None and (sample.tells or before.tells):
                if sample.memory_bytes is not None and before.memory_bytes is not None:
                    self._rise = max(self._rise, sample.memory_bytes - before.memory_bytes)
                self._utilisation = max(self._utilisation, sample.utilisation or 0)
                self._came |= sample.processes - before.processes
                self._samples += 1
            if last:
                return

    def _sample(self) -> _Sample | None:
        shown = self._ask(_QUERY)
        if shown is None:
            return None
        rows = [[cell.strip() for cell in line.split(",")] for line in shown.splitlines() if line.strip()]
        memory = [row[0] for row in rows]
        utilisation = [row[1] for row in rows if len(row) > 1 and row[1].isdigit()]
        processes = (self._ask(_PROCESSES) or "").split("\n")
        return _Sample(
            memory_bytes=sum(map(int, memory)) * 1024**2 if memory and all(cell.isdigit() for cell in memory) else None,
            utilisation=max(map(int, utilisation), default=None),
            processes=frozenset(int(line) for line in processes if line.strip().isdigit()),
        )

    def _ask(self, query: list[str]) -> str | None:
        try:
            return subprocess.run(
                query,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=_QUERY_SECONDS,
                check=True,
            ).stdout.decode("utf-8", errors="replace")
        except (OSError, subprocess.SubprocessError):
            return None
