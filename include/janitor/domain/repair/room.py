"""How many workers a machine has room for."""

from __future__ import annotations

from dataclasses import dataclass

ROOM = 2
"""How often the largest working tree must fit on the disk for each worker: itself, and what is made of it."""
LEAST_TREE_BYTES = 64 * 2**20
"""What a tree is taken for whose size isn't known yet."""


@dataclass(frozen=True, kw_only=True)
class Room:
    """What a machine has."""

    cpus: int
    """That this process may use."""
    free_bytes: int
    """On the disk of the runs."""
    largest_tree_bytes: int
    """Of the repositories that are to be worked on; 0: not known."""

    @property
    def most_workers(self) -> int:
        """As many as there is room for."""
        return max(0, min(self.cpus, self.free_bytes // self._a_worker))

    @property
    def _a_worker(self) -> int:
        return ROOM * max(self.largest_tree_bytes, LEAST_TREE_BYTES)

    def refusal(self, workers: int) -> str | None:
        """Why so many workers are too many; None: there is room."""
        if workers > self.cpus:
            return f"{workers} workers are more than the {self.cpus} CPUs here; --workers {self.cpus} at most"
        needed = workers * self._a_worker
        if needed > self.free_bytes:
            return (
                f"{workers} workers need {_mib(needed)} MiB on the disk of the runs, and {_mib(self.free_bytes)} are"
                f" free: --workers {self.most_workers} at most, or `janitor maintain --cleanup` first"
            )
        return None


def _mib(size: int) -> int:
    return size // 2**20
