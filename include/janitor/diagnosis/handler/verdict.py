"""What a handler's run shows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from janitor.protocol.terms.reason_codes import ReasonCode


class Outcome(str, Enum):
    """How far a run decides."""

    PASS = "pass"  # noqa: S105  # the handler did its work
    FAIL = "fail"  # the handler is at fault
    ERROR = "error"  # the test itself went wrong
    INCONCLUSIVE = "inconclusive"  # this way of running it can't tell; another can


@dataclass(frozen=True, kw_only=True)
class Remark:
    """Something in a run that is worth a look and decides nothing."""

    code: ReasonCode
    text: str
    rule: str | None = None
    """Of the output judge's table, where one of them saw it."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The judgement of one run, with a reason unless it passed."""

    outcome: Outcome
    code: ReasonCode | None = None
    reason: str | None = None
    rule: str | None = None
    """Of the output judge's table, where one of them decided."""
    remarks: tuple[Remark, ...] = ()

    @property
    def passes(self) -> bool:
        """Whether the handler did its work, with remarks or without."""
        return self.outcome is Outcome.PASS


_LONGEST = 100_000
PASSED = Verdict(outcome=Outcome.PASS)


def failing(code: ReasonCode, reason: str) -> Verdict:
    """The handler is at fault."""
    return Verdict(outcome=Outcome.FAIL, code=code, reason=reason)


def inconclusive(code: ReasonCode, reason: str) -> Verdict:
    """This run can't tell."""
    return Verdict(outcome=Outcome.INCONCLUSIVE, code=code, reason=reason)


def clipped(value: object, length: int = 300) -> str:
    """A short form of a value for a reason."""
    try:
        text = value if isinstance(value, str) else repr(value)
    except RecursionError:
        text = f"a {type(value).__name__} that is nested deeply"
    text = " ".join(text[:_LONGEST].split())
    return text if len(text) <= length else text[: length - 1] + "…"
