"""What is known of a failure that is to be repaired, and what somebody proposes for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum

from janitor.domain.experiment.experiment import Repeated
from janitor.domain.result.provenance_changes import ProvenanceChanges
from janitor.protocol.order.patch import Patch
from janitor.protocol.report import Report


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A failure that is the repository's, with all that is known of its beginning."""

    repeated: Repeated
    """The red validation: plan, commit, signature, report."""
    last_good: Report | None
    """The last success before it; None: none is known."""
    last_good_at: datetime | None
    changes: ProvenanceChanges | None
    """From the last success to where the failure began; None where there is none to compare with."""


class ProposedBy(str, Enum):
    """Who proposes."""

    RECIPE = "recipe"  # deterministic, no model
    AGENT = "agent"


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A change that may repair a failure."""

    by: ProposedBy
    name: str
    """Which recipe, or which model."""
    patch: Patch
    """Against the failure's commit."""
    summary: str
    """What it does, in a line of at most 72 characters: the subject of its commit."""
    root_cause: str
    """What was wrong, in one or two sentences."""
    evidence: tuple[str, ...]
    """Lines of the report, or changes of the world, that show it; word by word."""
    cost_usd: Decimal | None = Decimal(0)
    """Of proposing it, such as for a model; None: not known."""


@dataclass(frozen=True, kw_only=True)
class Abstained:
    """Nothing is proposed."""

    reason: str
    """In a line, such as `no model` where recipes alone don't do."""
    cost_usd: Decimal | None = Decimal(0)
    """Of finding that out; None: not known."""
