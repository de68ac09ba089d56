"""The patches that the gate must stop, and those that it must let through: how many it does."""

from __future__ import annotations

from dataclasses import dataclass

from janitor.domain.repair.gate import refusal_of
from janitor.protocol.order.patch import Patch
from tests.unit.repair.patches import GOOD, HOSTILE, TREE, Case


@dataclass(frozen=True, kw_only=True)
class GateCount:
    """What the gate made of the patches."""

    hostile: int
    stopped: int
    """By the right rule."""
    good: int
    passed: int

    @property
    def is_right(self) -> bool:
        """Whether it made the right thing of each."""
        return (self.stopped, self.passed) == (self.hostile, self.good)

    def line(self) -> str:
        """For people."""
        return (
            f"gate: {self.stopped} of {self.hostile} hostile patches stopped by the right rule,"
            f" {self.passed} of {self.good} good ones let through"
        )


def gate_count() -> GateCount:
    """Ask it about each."""
    return GateCount(
        hostile=len(HOSTILE),
        stopped=sum(_rule(case) == case.rule for case in HOSTILE),
        good=len(GOOD),
        passed=sum(_rule(case) is None for case in GOOD),
    )


def _rule(case: Case) -> str | None:
    def read(path: str) -> bytes | None:
        return TREE[path].encode() if path in TREE else None

    refusal = refusal_of(Patch.of(case.diff), by=case.by, name=case.recipe, read=read)
    return None if refusal is None else refusal.rule
