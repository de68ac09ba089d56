"""An experiment: a validation that went before, done again with one thing changed, and what came of it.

Invariant: it is compared with what it repeats: the same commit, engine, instance type and validator. It counts for
nothing in the repository's history; its money counts in full.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Protocol
from uuid import UUID

from janitor.domain.config.repository_plan import RepositoryPlan
from janitor.protocol.order.patch import Patch
from janitor.protocol.report import Report


class ExperimentPurpose(str, Enum):
    """Which question an experiment answers."""

    PATCHED = "patched"  # does the repair turn red into green
    CONTROL = "control"  # is it still red without the repair
    CULPRIT = "culprit"  # which change of the world turned green into red


@dataclass(frozen=True, kw_only=True)
class Repeated:
    """The validation that is repeated."""

    validation_id: UUID
    plan: RepositoryPlan
    """What it was asked to do."""
    commit_sha: str
    signature: str
    """Of its failure."""
    instance_type: str | None
    """None where it ran on no instance."""
    report: Report


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """What is to be tried."""

    experiment_id: UUID
    """Given by whoever asks: the same asked again is the same experiment."""
    purpose: ExperimentPurpose
    repeated: Repeated
    patch: Patch | None
    """What is changed; None: nothing."""


class Observed(str, Enum):
    """How an experiment ended."""

    GREEN = "green"  # a success, conclusive
    RED = "red"  # a failure that blames the repository
    INCONCLUSIVE = "inconclusive"  # neither; the reason says why


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What came of an experiment."""

    observed: Observed
    reason: str
    """In a line."""
    signature: str | None
    """Of a failure."""
    report: Report | None
    """None where none was delivered, or it can't be trusted."""
    validation_id: UUID | None
    """None where none was made."""
    cost_usd: Decimal | None
    """None: not known."""


class Laboratory(Protocol):
    """Carries out experiments. Each call lasts as long as a validation."""

    def observe(self, experiment: Experiment) -> Observation:
        """Carry one out, or take what is known of it where it was carried out already.

        What goes wrong outside of the repository is an observation: inconclusive, with its reason.

        Raises:
            BudgetRefusedError: The budget doesn't allow it.
            DatabaseError: Postgres can't be used.
        """
        ...
