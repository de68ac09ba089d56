"""Peak memory of a stack's processes while something runs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from types import TracebackType

import psutil

from bench.usage import pss

_PERIOD = timedelta(seconds=1)


class PeakMemory:
    """Samples the sum of PSS of a set of processes until the block ends."""

    def __init__(self, processes: Callable[[], list[psutil.Process]]) -> None:
        self._processes = processes
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="peak-memory", daemon=True)
        self.peak_bytes = 0

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._stop.wait(_PERIOD.total_seconds()):
            self.peak_bytes = max(self.peak_bytes, pss(self._processes()))
