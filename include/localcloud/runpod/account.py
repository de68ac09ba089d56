"""One account: its pods, its key, its rate, and what lists show of the pods at a moment."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from localcloud.runpod.faults import POD_FAULTS, Fault, FaultBook
from localcloud.runpod.pods import Pod, Status, Surroundings

GPUS: Mapping[str, tuple[str, int, float]] = {
    "NVIDIA GeForce RTX 4090": ("RTX 4090", 24, 0.69),
    "NVIDIA L4": ("L4", 24, 0.39),
    "NVIDIA A40": ("A40", 48, 0.40),
    "NVIDIA H100 80GB HBM3": ("H100 SXM", 80, 2.69),
}
"""Id → name, GB, USD per hour. Sizes and prices of the kind, for tests; the true ones are in RunPod's catalog."""
PRICES = {gpu_id: price for gpu_id, (_, _, price) in GPUS.items()}
_WINDOWS = {"minute": 60, "hour": 3600, "day": 86_400}


class Rate:
    """How many calls are left, by window."""

    def __init__(self, a_minute: int) -> None:
        self._quotas = {"minute": a_minute, "hour": a_minute * 50, "day": a_minute * 800}
        self._calls: deque[float] = deque()
        self._lock = threading.Lock()

    def take(self) -> tuple[dict[str, tuple[int, int]], int | None]:
        """Count one call.

        Returns:
            What is left of each window and the seconds until it begins anew; and how long to wait where it was too
            many.
        """
        with self._lock:
            now, left, wait = time.monotonic(), {}, None
            while self._calls and now - self._calls[0] > _WINDOWS["day"]:
                self._calls.popleft()
            for name, seconds in _WINDOWS.items():
                within = [at for at in self._calls if now - at < seconds]
                resets = max(1, int(seconds - (now - within[0])) + 1) if within else seconds
                if len(within) >= self._quotas[name]:
                    wait = max(wait or 0, resets)
                left[name] = (max(0, self._quotas[name] - len(within) - 1), resets)
            if wait is None:
                self._calls.append(now)
            return left, wait

    @property
    def policy(self) -> str:
        """The header that says what is allowed."""
        return ", ".join(f'"{name}";q={quota};w={_WINDOWS[name]}' for name, quota in self._quotas.items())


class Account:
    """Everything that one key owns."""

    def __init__(self, key: str, around: Surroundings, faults: FaultBook, rate: Rate) -> None:
        self.key = key
        self.faults = faults
        self.rate = rate
        self._around = around
        self._lock = threading.Lock()
        self._pods: dict[str, Pod] = {}

    def pods(self) -> list[Pod]:
        """All of them, the deleted ones included."""
        with self._lock:
            return list(self._pods.values())

    def pod_of_key(self, key: str) -> Pod | None:
        """The pod that a pod-scoped key is of."""
        return next((pod for pod in self.pods() if pod.key == key), None)

    def create(self, body: Mapping[str, Any], *, copies: int = 1) -> Pod:
        """Make a pod, or several alike; returns the first."""
        gpu = str((body.get("gpu") or {}).get("id", ""))
        made = [Pod(body, self._around, self.faults.take(*POD_FAULTS, gpu=gpu)) for _ in range(copies)]
        with self._lock:
            self._pods.update({pod.id: pod for pod in made})
        for pod in made:
            pod.boot()
        return made[0]

    def shown(self, pod_id: str | None = None) -> list[tuple[Pod, Status]]:
        """What a list, or a look at one, shows: deleted pods don't show, and a slow list is behind the truth."""
        slow = self.faults.take(Fault.SLOW_LIST)
        moment = time.monotonic() - (slow.seconds if slow else 0)
        found = [(pod, pod.status_at(moment)) for pod in self.pods() if pod_id in (None, pod.id)]
        return [(pod, status) for pod, status in found if status is not None and status is not Status.TERMINATED]

    def there(self, pod_id: str) -> Pod | None:
        """A pod that isn't deleted, whatever a list shows."""
        with self._lock:
            pod = self._pods.get(pod_id)
        return pod if pod is not None and pod.status is not Status.TERMINATED else None

    def end_all(self, timeout: timedelta) -> None:
        """End every pod without grace, and wait for that."""
        for pod in self.pods():
            pod.end_now()
        give_up_at = time.monotonic() + timeout.total_seconds()
        while time.monotonic() < give_up_at and any(pod.has_box for pod in self.pods()):
            time.sleep(0.02)
