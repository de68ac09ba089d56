"""What a check is in a pipeline: its name, its phase, and how one is run with what it needs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from janitor.protocol.report import Check
from janitor.protocol.terms.statuses import CheckName, CheckStatus, Engine
from janitor.validator.context import CheckContext
from janitor.validator.findings import Finding, Produced
from janitor.validator.pipeline.results import Met, Need, Result

N = TypeVar("N")
T = TypeVar("T")


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


@dataclass(frozen=True)
class Step:
    """One check in the pipeline."""

    name: CheckName
    phase: Phase
    settlement: Settlement | None = None
    """What makes an error of this check count no more."""
    announced: bool = False
    """Whether it takes time: its start is a line in the log, so that who watches sees what is going on."""
    answered_by: CheckName | None = None
    """A later check whose pass answers what this one leaves unproven."""


class StepRunner(ABC):
    """Runs checks one by one, each with what it needs of those before it."""

    @property
    @abstractmethod
    def checks(self) -> tuple[Check, ...]:
        """What is concluded so far, as the report has it."""

    @abstractmethod
    def __call__(
        self, step: Step, check: Callable[[CheckContext, N], Finding | Produced[T]], need: Need[N], /
    ) -> Result[T]:
        """Run a check with its facts; one whose need isn't met is skipped."""

    def first(self, step: Step, check: Callable[[CheckContext], Finding | Produced[T]], /) -> Result[T]:
        """Run a check that builds on no other."""
        return self(step, lambda context, _none: check(context), Met(None))


class StepList(StepRunner):
    """Runs nothing: a pipeline that is led through it shows its steps, in their order."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    @property
    def checks(self) -> tuple[Check, ...]:
        """None."""
        return ()

    def __call__(
        self, step: Step, _check: Callable[[CheckContext, N], Finding | Produced[T]], _need: Need[N], /
    ) -> Result[T]:
        """Note the step."""
        self.steps.append(step)
        return Result(name=step.name, status=CheckStatus.SKIP, reason_code=None)
