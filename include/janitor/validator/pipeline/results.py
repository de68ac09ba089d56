"""What one check hands on to the next: its result, and what a later check needs of it.

A check is run with a `Need`. It is met by a value, or it isn't, and then says whose fault that is; the check is skipped
in that case, and whatever needs its facts with it. A need can only be made from results that are there already, so the
type checker refuses a check that comes before what it builds on, or is given other facts than it takes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, overload

from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.protocol.terms.statuses import CheckName, CheckStatus

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
F = TypeVar("F")
R = TypeVar("R")


@dataclass(frozen=True)
class Met(Generic[T_co]):
    """A need that is met."""

    value: T_co


@dataclass(frozen=True)
class Unmet:
    """A need that is not, and why."""

    reason: str


Need = Met[T] | Unmet


@dataclass(frozen=True, kw_only=True)
class Result(Generic[T_co]):
    """What came of a check, as the checks after it see it."""

    name: CheckName
    status: CheckStatus
    reason_code: ReasonCode | None
    produced: Met[T_co] | None = None
    """What it yielded, if anything."""
    kept_by: Unmet | None = None
    """Why it was not run, where a need was not met."""

    @property
    def passed(self) -> Need[T_co]:
        """What it yielded, for a check that isn't run unless this one has passed."""
        return self.produced if self.produced is not None and self.status is CheckStatus.PASS else self._unmet

    @property
    def yielded(self) -> Need[T_co]:
        """What it yielded, whether or not it has passed."""
        return self._unmet if self.produced is None else self.produced

    @property
    def if_any(self) -> Met[T_co | None]:
        """What it yielded, or None, for a check that does without."""
        return Met(None) if self.produced is None else Met(self.produced.value)

    @property
    def unless_failed(self) -> Need[T_co | None]:
        """The same, for a check that isn't run once this one has failed; a skip is no obstacle."""
        return self._unmet if self.status in (CheckStatus.FAIL, CheckStatus.ERROR) else self.if_any

    @property
    def _unmet(self) -> Unmet:
        return self.kept_by or Unmet(f"{self.name.value} did not pass ({self.reason_code})")


@overload
def gather(make: Callable[[A, B], R], a: Need[A], b: Need[B], /) -> Need[R]: ...
@overload
def gather(make: Callable[[A, B, C], R], a: Need[A], b: Need[B], c: Need[C], /) -> Need[R]: ...
@overload
def gather(make: Callable[[A, B, C, D], R], a: Need[A], b: Need[B], c: Need[C], d: Need[D], /) -> Need[R]: ...
@overload
def gather(
    make: Callable[[A, B, C, D, E, F], R], a: Need[A], b: Need[B], c: Need[C], d: Need[D], e: Need[E], f: Need[F], /
) -> Need[R]: ...


def gather(make: Callable[..., R], *needs: Need[Any]) -> Need[R]:
    """One need of several: met where all are; else the first that is not tells why."""
    values = []
    for need in needs:
        if isinstance(need, Unmet):
            return need
        values.append(need.value)
    return Met(make(*values))
