"""What a shard is worked with: where, within which money, and the parts that propose, judge, prove and publish."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Protocol
from uuid import UUID

from janitor.domain.repair.proposal import Abstained, Failure, Proposal
from janitor.domain.repair.shard import Repair, Shard
from janitor.domain.repair.states import RepairState
from janitor.services.workspaces.manager import Workspace, WorkspaceManager
from janitor.settings import Settings


class Edge(str, Enum):
    """How far the work on a shard has come. A worker may be killed at each, and everything is found again."""

    CLAIMED = "claimed"  # its row is there
    LEASED = "leased"  # its lease is held
    BEGUN = "begun"  # its row says who works on it
    CHECKED_OUT = "checked_out"  # there is a working tree
    PROPOSED = "proposed"  # there is a patch or none, and it isn't written down
    WRITTEN = "written"  # it is written down, and the working tree is gone
    PROVING = "proving"  # its experiments begin
    PROVED = "proved"  # they are over, and what came of them isn't written down
    PUBLISHING = "publishing"  # it is proven and written down
    PUBLISHED = "published"  # people have it, and that isn't written down
    ENDING = "ending"  # everything is written but the shard's end
    ENDED = "ended"  # the shard is final, and its lease still held


@dataclass(frozen=True, kw_only=True)
class Proved:
    """What the experiments say of a proposal."""

    state: RepairState
    """Proven, disproven or inconclusive."""
    reason: str
    """In a line."""
    proof_validation_id: UUID | None
    """Of the patched commit."""
    control_validation_id: UUID | None
    """Of the unpatched one."""
    cost_usd: Decimal | None
    """None: not known."""


@dataclass(frozen=True, kw_only=True)
class Given:
    """What people were given of a proven repair."""

    state: RepairState
    """Published; proven where it is to be tried again; superseded or rejected where nobody wants it any more."""
    published_as: str
    """`patch`, `branch` or `pr`."""
    url: str | None
    """Where it is: an address, or a path."""
    reason: str = ""
    """In a line."""


class NotYetProved(Exception):
    """The experiments of a repair go on, and whoever asks doesn't wait for them."""


class Proposer(Protocol):
    """Proposes a repair."""

    def __call__(self, failure: Failure, workspace: Workspace, *, shard_id: str) -> Proposal | Abstained:
        """Look at a working tree of the failure's commit.

        Raises:
            NotYetProved: An experiment of its own goes on; it is asked again later.
        """
        ...


class Gate(Protocol):
    """Judges a patch before anything of it runs."""

    def __call__(self, proposal: Proposal, read: Callable[[str], bytes | None]) -> str | None:
        """Why it may not be tried, in a line; None: it may.

        Args:
            proposal: Whose patch it is.
            read: Gives a file of the unpatched commit; None where there is none.
        """
        ...


class Prover(Protocol):
    """Proves a proposal by experiments."""

    def __call__(
        self, failure: Failure, proposal: Proposal, *, shard_id: str, key: str, limit_usd: Decimal | None
    ) -> Proved:
        """Carry them out, or take what is known of them; it lasts as long as they do.

        Args:
            failure: What is to be repaired.
            proposal: The patch.
            shard_id: Who asks.
            key: The same for the same question, however often it is asked.
            limit_usd: What they may cost; None: the budget alone says.
        """
        ...


class Publisher(Protocol):
    """Gives a proven repair to people."""

    def __call__(self, shard: Shard, repair: Repair, failure: Failure, workspace: Workspace) -> Given:
        """A second time changes nothing."""
        ...


def _nothing(shard_id: str, edge: Edge) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """Everything that the work on a shard takes."""

    settings: Settings
    manager: WorkspaceManager
    propose: Proposer
    gate: Gate
    prove: Prover
    publish: Publisher
    max_cost_usd: Decimal | None = None
    """What the repairs of a run may cost together; None: the budget alone says."""
    reached: Callable[[str, Edge], None] = field(default=_nothing)
    """Told of each edge of a shard."""
