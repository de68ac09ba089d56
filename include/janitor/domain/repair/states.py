"""States of shards and repairs, and which changes between them are allowed."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType


class ShardStatus(str, Enum):
    """State of a shard: one repository with one cause, within a maintenance run."""

    PENDING = "pending"  # planned; it may wait for the canary of its cause
    RUNNING = "running"
    COMPLETED = "completed"  # its repair has an outcome, whichever
    FAILED = "failed"  # trouble of ours: nothing is known of a repair
    SKIPPED = "skipped"  # there was nothing to do any more

    @property
    def is_final(self) -> bool:
        """Whether nothing follows this state."""
        return not SHARD_TRANSITIONS[self]


SHARD_TRANSITIONS: Mapping[ShardStatus, frozenset[ShardStatus]] = MappingProxyType(
    {
        ShardStatus.PENDING: frozenset({ShardStatus.RUNNING, ShardStatus.FAILED, ShardStatus.SKIPPED}),
        ShardStatus.RUNNING: frozenset({ShardStatus.COMPLETED, ShardStatus.FAILED, ShardStatus.SKIPPED}),
        ShardStatus.COMPLETED: frozenset(),
        ShardStatus.FAILED: frozenset(),
        ShardStatus.SKIPPED: frozenset(),
    }
)


class RepairState(str, Enum):
    """State of a repair."""

    PROPOSED = "proposed"  # there is a patch, and it may be tried
    PROVING = "proving"  # its experiments are under way
    PROVEN = "proven"  # green with it, red without
    DISPROVEN = "disproven"  # red with it, or green without
    INCONCLUSIVE = "inconclusive"  # an experiment could not be judged, or the money was over
    ABSTAINED = "abstained"  # nobody proposed anything
    BLOCKED = "blocked"  # the patch may not even be tried
    PUBLISHED = "published"  # proven, and people can have it
    SUPERSEDED = "superseded"  # the repository moved on before it was published, or after
    REJECTED = "rejected"  # a person said no

    @property
    def is_final(self) -> bool:
        """Whether nothing follows this state."""
        return not REPAIR_TRANSITIONS[self]


REPAIR_TRANSITIONS: Mapping[RepairState, frozenset[RepairState]] = MappingProxyType(
    {
        RepairState.PROPOSED: frozenset({RepairState.PROVING, RepairState.INCONCLUSIVE, RepairState.SUPERSEDED}),
        RepairState.PROVING: frozenset({RepairState.PROVEN, RepairState.DISPROVEN, RepairState.INCONCLUSIVE}),
        RepairState.PROVEN: frozenset({RepairState.PUBLISHED, RepairState.SUPERSEDED, RepairState.REJECTED}),
        RepairState.PUBLISHED: frozenset({RepairState.SUPERSEDED, RepairState.REJECTED}),
        RepairState.DISPROVEN: frozenset(),
        RepairState.INCONCLUSIVE: frozenset(),
        RepairState.ABSTAINED: frozenset(),
        RepairState.BLOCKED: frozenset(),
        RepairState.SUPERSEDED: frozenset(),
        RepairState.REJECTED: frozenset(),
    }
)
