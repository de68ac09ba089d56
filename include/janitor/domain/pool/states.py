"""States of pool workers and their tasks, and which changes between them are allowed.

The database holds the same names and the same changes; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType


class WorkerState(str, Enum):
    """State of a worker. Its machine's own state is the ledger's."""

    REQUESTED = "requested"  # decided; nothing is intended in the ledger yet
    SPAWNING = "spawning"  # its machine was intended, and has not been seen to take an order
    READY = "ready"  # it may be given a task
    BUSY = "busy"  # it has one
    DRAINING = "draining"  # it finishes what it has, and gets nothing more
    LOST = "lost"  # two kinds of evidence say that nothing comes of it any more
    QUARANTINED = "quarantined"  # a stranger left something on it
    TERMINATING = "terminating"  # its machine was told to end
    TERMINATED = "terminated"  # and its provider said that it has
    FAILED = "failed"  # there never was a machine

    @property
    def is_live(self) -> bool:
        """Whether it counts against the most that a pool may have."""
        return bool(WORKER_TRANSITIONS[self])

    @property
    def takes_tasks(self) -> bool:
        """Whether a task may be claimed for it now."""
        return self is WorkerState.READY


class TaskState(str, Enum):
    """State of a task."""

    QUEUED = "queued"
    CLAIMED = "claimed"  # a worker has it, under a fence and a lease
    RUNNING = "running"  # and has shown that it works on it
    DONE = "done"  # its result is there, whatever that says
    FAILED = "failed"  # no worker could carry it out
    EXPIRED = "expired"  # its hard deadline passed before it was done
    CANCELLED = "cancelled"  # nobody wants it any more

    @property
    def is_held(self) -> bool:
        """Whether a worker has it."""
        return self in (TaskState.CLAIMED, TaskState.RUNNING)

    @property
    def is_final(self) -> bool:
        """Whether nothing follows this state."""
        return not TASK_TRANSITIONS[self]


class TaskKind(str, Enum):
    """What a task is."""

    VALIDATION = "validation"  # of a run's repository
    PROBE = "probe"  # proves that a worker takes orders, and nothing else


class WorkerEnd(str, Enum):
    """Why a worker ended. Closed: a new cause needs a new member and a migration."""

    IDLE = "idle"  # there was nothing to do for it
    DRAINED = "drained"  # a person's word, or a lower limit
    RECYCLED = "recycled"  # enough tasks, or old enough
    OTHER_TRUST = "other_trust"  # what waits may not run where somebody else's code ran
    LOST = "lost"
    QUARANTINED = "quarantined"
    SPAWN_TIMEOUT = "spawn_timeout"  # it never took an order
    SPAWN_FAILED = "spawn_failed"  # its provider refused
    STOPPED = "stopped"  # the pool was stopped
    OPERATOR = "operator"  # a person ended it


_END = frozenset({WorkerState.LOST, WorkerState.QUARANTINED, WorkerState.TERMINATING})

WORKER_TRANSITIONS: Mapping[WorkerState, frozenset[WorkerState]] = MappingProxyType(
    {
        WorkerState.REQUESTED: frozenset({WorkerState.SPAWNING, WorkerState.FAILED}),
        WorkerState.SPAWNING: frozenset({WorkerState.READY, WorkerState.FAILED}) | _END,
        WorkerState.READY: frozenset({WorkerState.BUSY, WorkerState.DRAINING}) | _END,
        WorkerState.BUSY: frozenset({WorkerState.READY, WorkerState.DRAINING}) | _END,
        WorkerState.DRAINING: _END,
        WorkerState.LOST: frozenset({WorkerState.TERMINATING}),
        WorkerState.QUARANTINED: frozenset({WorkerState.TERMINATING}),
        WorkerState.TERMINATING: frozenset({WorkerState.TERMINATED}),
        WorkerState.TERMINATED: frozenset(),
        WorkerState.FAILED: frozenset(),
    }
)

_OVER = frozenset({TaskState.DONE, TaskState.FAILED, TaskState.EXPIRED, TaskState.CANCELLED})

TASK_TRANSITIONS: Mapping[TaskState, frozenset[TaskState]] = MappingProxyType(
    {
        # `done` without a claim: its validation got its end another way.
        TaskState.QUEUED: frozenset({TaskState.CLAIMED}) | _OVER,
        TaskState.CLAIMED: frozenset({TaskState.RUNNING, TaskState.QUEUED}) | _OVER,
        TaskState.RUNNING: frozenset({TaskState.QUEUED}) | _OVER,
        **dict.fromkeys(_OVER, frozenset()),
    }
)
