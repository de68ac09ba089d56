"""What a check is in a pipeline: its name, its phase, and what it builds on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from janitor.protocol.statuses import CheckName, Engine
from janitor.validator.context import CheckContext
from janitor.validator.findings import Finding


class Phase(str, Enum):
    """Parts of a validation whose durations a report states."""

    CHECKOUT = "checkout"
    STATIC = "static"
    NETWORK = "network"
    BUILD = "build"
    TEST = "test"


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """What shows later that an error was no obstacle: a registry that refused an answer, and gave the image all the
    same."""

    checks: frozenset[CheckName]
    """One of them must pass."""
    engines: frozenset[Engine] = frozenset(Engine)
    """With one of these engines."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One check in the pipeline."""

    name: CheckName
    phase: Phase
    run: Callable[[CheckContext], Finding]
    needs: frozenset[CheckName] = frozenset()
    """Checks without whose pass this one isn't run."""
    settlement: Settlement | None = None
    """What makes an error of this check count no more."""
    announced: bool = False
    """Whether its start is worth a line in the log."""
