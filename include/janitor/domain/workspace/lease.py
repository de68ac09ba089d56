"""A lease: who may change a workspace, or carry out a run, and until when.

Invariant: a fence grows with each lease of the same subject and is never used twice; what has an effect is done under
the newest one alone. A lease that has ended, or whose time is over, is never held again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from types import MappingProxyType
from uuid import UUID

from janitor.domain.workspace.holder import Holder

TIME_TO_LIVE = timedelta(seconds=60)
"""How long a lease holds after its last renewal."""
RENEWALS_PER_LIFE = 3
"""Two renewals may fail before the third comes too late."""


class LeaseKind(str, Enum):
    """What a lease is for."""

    RUN = "run"  # one process at a time carries out a run
    WORKSPACE = "workspace"  # one holder at a time works on a repository within a run


class LeaseState(str, Enum):
    """State of a lease. `held` → any of the others; `quarantined` → `fenced`."""

    HELD = "held"
    RELEASED = "released"  # by its holder
    FENCED = "fenced"  # taken from a holder that is provably dead
    QUARANTINED = "quarantined"  # its time was over, and nobody knows of the holder: its tree is left alone


LEASE_TRANSITIONS: Mapping[LeaseState, frozenset[LeaseState]] = MappingProxyType(
    {
        LeaseState.HELD: frozenset({LeaseState.RELEASED, LeaseState.FENCED, LeaseState.QUARANTINED}),
        LeaseState.QUARANTINED: frozenset({LeaseState.FENCED}),
        LeaseState.RELEASED: frozenset(),
        LeaseState.FENCED: frozenset(),
    }
)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is leased: a run, or a repository within one."""

    deployment: str
    run_id: str
    workspace_key: str | None = None
    """The repository's address; None: the run itself."""

    @property
    def kind(self) -> LeaseKind:
        """What the lease is for."""
        return LeaseKind.RUN if self.workspace_key is None else LeaseKind.WORKSPACE

    def __str__(self) -> str:
        where = f"run {self.run_id}"
        return where if self.workspace_key is None else f"{self.workspace_key} in {where}"


@dataclass(frozen=True, kw_only=True)
class Lease:
    """One lease as the database has it."""

    lease_id: UUID
    fence: int
    subject: Subject
    holder: Holder
    path: str | None
    """Of the working tree, which no other lease ever has; None for a run's lease."""
    state: LeaseState
    acquired_at: datetime
    renewed_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
    ended_by: str | None = None
    tree_removed_at: datetime | None = None
    patch_path: str | None = None
    """Where the work that was in the tree is kept, from the folder of its run."""

    @property
    def name(self) -> str:
        """What its tree, its objects and its processes are called."""
        return f"{self.lease_id}.{self.fence}"

    @property
    def has_tree(self) -> bool:
        """Whether a tree of it may still lie on a disk."""
        return self.path is not None and self.tree_removed_at is None

    def is_expired(self, now: datetime) -> bool:
        """Whether it is held and its time is over.

        Args:
            now: By the database's clock.
        """
        return self.state is LeaseState.HELD and self.expires_at <= now
