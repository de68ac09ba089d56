"""What a pass of the pool decides to do. An action may be cut off anywhere, and deciding again changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import UUID

from janitor.domain.pool.states import WorkerEnd


class PoolAction(str, Enum):
    """Kinds of action. Closed; kept with each decision."""

    SPAWN = "spawn"
    DRAIN = "drain"  # no further task; it ends when it has none. Of one without a task: only if it has none by now
    TERMINATE = "terminate"  # its task, if any, is given back first
    SUSPECT = "suspect"  # the first look without life
    CLEAR = "clear"  # a mark of an earlier pass (suspect, surplus) holds no more
    MARK_SURPLUS = "mark_surplus"  # the first look that finds it idle for too long
    LOSE = "lose"  # the second kind of evidence: its task is given back, nobody is blamed
    EXPIRE = "expire"  # its task's hard limit passed; what hangs on the worker goes with it
    WARN = "warn"  # told, and nothing done


@dataclass(frozen=True, kw_only=True)
class Action:
    """One of them, with its reason in words."""

    kind: PoolAction
    why: str
    worker_id: UUID | None = None
    """Whom it is about; None for a spawn."""
    end: WorkerEnd | None = None
    """Of a drain, a termination, a loss or an expiry: why the worker ends. An expiry without it ends the task alone."""
    until: datetime | None = None
    """Of a drain: when a task that still goes on is given back; None: after the pool's `drain_timeout`."""
    count: int = 1
    """Of a spawn: how many."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What one pass does; kept with what it saw, also where it does nothing."""

    actions: Sequence[Action]
    why: str
    """In one line, also of what was left."""
    wanted: int = 0
    """How many workers there should be."""
