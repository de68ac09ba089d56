"""How many workers a machine has room for, and what is said where there are too many."""

from __future__ import annotations

import pytest

from janitor.domain.repair.room import LEAST_TREE_BYTES, Room

MIB = 2**20


@pytest.mark.parametrize(
    ("room", "workers", "says"),
    [
        (Room(cpus=4, free_bytes=2**40, largest_tree_bytes=0), 4, None),
        (Room(cpus=4, free_bytes=2**40, largest_tree_bytes=0), 5, "5 workers are more than the 4 CPUs"),
        # Twice the largest tree for each.
        (Room(cpus=4, free_bytes=800 * MIB, largest_tree_bytes=200 * MIB), 2, None),
        (Room(cpus=4, free_bytes=800 * MIB - 1, largest_tree_bytes=200 * MIB), 2, "need 800 MiB"),
        (Room(cpus=4, free_bytes=799 * MIB, largest_tree_bytes=200 * MIB), 2, "--workers 1 at most"),
        # One whose size isn't known is taken for a small one.
        (Room(cpus=4, free_bytes=2 * LEAST_TREE_BYTES, largest_tree_bytes=0), 1, None),
        (Room(cpus=4, free_bytes=2 * LEAST_TREE_BYTES - 1, largest_tree_bytes=0), 1, "--workers 0 at most"),
    ],
)
def test_more_workers_than_there_is_room_for_are_refused(room: Room, workers: int, says: str | None) -> None:
    refusal = room.refusal(workers)
    assert (refusal is None) == (says is None)
    assert says is None or says in str(refusal)
    assert room.refusal(room.most_workers) is None
