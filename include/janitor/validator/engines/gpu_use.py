"""Watches the host's GPU while a worker runs: a worker that needs a GPU must leave a trace on it.

Taken on the host, not in the container, so that the worker can't answer for itself.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass

_INTERVAL_SECONDS = 0.5
_QUERY_SECONDS = 10
_LEAST_RISE_BYTES = 64 * 1024**2
"""Less than any CUDA context takes (about 100 MiB and up), more than a driver's own ups and downs."""
_LEAST_UTILISATION = 1
_QUERY = ["nvidia-smi", "--query-gpu=memory.used,utilization.gpu", "--format=csv,noheader,nounits"]


@dataclass(frozen=True, kw_only=True)
class GpuUse:
    """What the GPUs did while something ran."""

    memory_rise_bytes: int
    """Highest sum of used memory less that before the start."""
    utilisation: int
    """Highest of any GPU, in percent."""

    @property
    def was_used(self) -> bool:
        """Whether anything worked on a GPU."""
        return self.memory_rise_bytes >= _LEAST_RISE_BYTES or self.utilisation >= _LEAST_UTILISATION

    def described(self) -> str:
        """In words."""
        return (
            f"GPU memory rose by {self.memory_rise_bytes / 1024**2:.0f} MiB, utilisation reached {self.utilisation} %"
        )


class GpuWatch:
    """Samples the GPUs from `start` to `stop`; both may come several times, and the highest counts.

    Args:
        environment: For nvidia-smi.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._before: int | None = None
        self._rise = 0
        self._utilisation = 0
        self._samples = 0

    @property
    def use(self) -> GpuUse | None:
        """What was seen so far; None if nothing could be measured."""
        if self._samples == 0:
            return None
        return GpuUse(memory_rise_bytes=self._rise, utilisation=self._utilisation)

    def start(self) -> None:
        """Take the state before, and go on sampling in a thread."""
        first = self._sample()
        if first is None:
            return
        self._before = first[0]
        self._stopping.clear()
        self._thread = threading.Thread(target=self._watch, name="gpu-use", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop sampling; without a `start` nothing happens."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(_QUERY_SECONDS + 1)
            self._thread = None

    def _watch(self) -> None:
        while True:
            last = self._stopping.wait(_INTERVAL_SECONDS)
            sample = self._sample()
            if sample is not None and self._before is not None:
                self._rise = max(self._rise, sample[0] - self._before)
                self._utilisation = max(self._utilisation, sample[1])
                self._samples += 1
            if last:
                return

    def _sample(self) -> tuple[int, int] | None:
        try:
            shown = subprocess.run(
                _QUERY,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=_QUERY_SECONDS,
                check=True,
            ).stdout.decode("utf-8", errors="replace")
            rows = [line.split(",") for line in shown.splitlines() if line.strip()]
            memory = sum(int(row[0]) for row in rows) * 1024**2
            return memory, max((int(row[1]) for row in rows if row[1].strip().isdigit()), default=0)
        except (OSError, ValueError, IndexError, subprocess.SubprocessError):
            return None
