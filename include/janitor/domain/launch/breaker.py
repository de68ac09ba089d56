"""The launch breaker: repeated launch failures stop further launches for a while, per repository and for all.

What counts is whether launches come to anything. An instance that took its command proves that launching works, unless
it gave no sign of life after it; a refusal that AWS will repeat, or an instance that never took a command, is a
failure. Lack of capacity is neither: the placement has bounds of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from janitor.domain.states import PlacementResult, TerminationReason

EVERYTHING = "*"
"""Scope of the deployment's own breaker; the others are `organization/name` and `pool:name`."""
_POOL = "pool:"

_REFUSED_FOR_GOOD = frozenset({PlacementResult.QUOTA, PlacementResult.PERMISSION, PlacementResult.CONFIG})
_CAME_TO_NOTHING = frozenset(
    {
        TerminationReason.LAUNCH_FAILED,
        TerminationReason.NO_SIGN_OF_LIFE,
        TerminationReason.INSTANCE_LOST,
        TerminationReason.TIMEOUT,
        TerminationReason.SPAWN_TIMEOUT,
        TerminationReason.LOST_WORKER,
    }
)


def pool_scope(pool: str) -> str:
    """The scope of a pool's breaker."""
    return f"{_POOL}{pool}"


def pool_of_scope(scope: str) -> str | None:
    """The pool that a breaker is about; None: it is about none."""
    return scope.removeprefix(_POOL) if scope.startswith(_POOL) else None


@dataclass(frozen=True, kw_only=True)
class LaunchOutcome:
    """One attempt to launch, as the ledger knows it."""

    result: PlacementResult
    reason: TerminationReason | None
    detail: str | None
    took_command: bool
    is_live: bool
    at: datetime

    @property
    def is_success(self) -> bool:
        """Whether launching is proven to work."""
        return self.took_command and not self._was_silent

    @property
    def is_failure(self) -> bool:
        """Whether the launch came to nothing, for a cause that another one would meet as well."""
        if self.is_live or (self.took_command and not self._was_silent):
            return False
        if self.result is PlacementResult.LAUNCHED:
            return self.reason in _CAME_TO_NOTHING
        return self.result in _REFUSED_FOR_GOOD

    @property
    def _was_silent(self) -> bool:
        return self.reason is TerminationReason.NO_SIGN_OF_LIFE


@dataclass(frozen=True, kw_only=True)
class BreakerRule:
    """After how many failures in a row launches pause, and for how long after the last."""

    failures: int
    pause: timedelta


@dataclass(frozen=True, kw_only=True)
class BreakerState:
    """One scope's breaker. `paused_until` in the past: a trial launch is due."""

    scope: str
    failures_in_a_row: int
    paused_until: datetime | None
    last_failure: str | None
    trial_under_way: bool

    def refuses(self, now: datetime) -> bool:
        """Whether launches are paused."""
        return self.paused_until is not None and now < self.paused_until

    def holds_back(self, now: datetime) -> bool:
        """Whether a trial is under way, whose end is to be awaited."""
        return self.paused_until is not None and not self.refuses(now) and self.trial_under_way


def state_of(scope: str, outcomes: Sequence[LaunchOutcome], rule: BreakerRule) -> BreakerState:
    """The breaker of a scope.

    Args:
        scope: `EVERYTHING`, a repository or a pool.
        outcomes: The scope's recent attempts, newest first.
        rule: Of this scope.
    """
    failures: list[LaunchOutcome] = []
    for one in outcomes:
        if one.is_success:
            break
        if one.is_failure:
            failures.append(one)
    if len(failures) < rule.failures:
        return BreakerState(
            scope=scope,
            failures_in_a_row=len(failures),
            paused_until=None,
            last_failure=failures[0].detail if failures else None,
            trial_under_way=False,
        )
    return BreakerState(
        scope=scope,
        failures_in_a_row=len(failures),
        paused_until=failures[0].at + rule.pause,
        last_failure=failures[0].detail,
        trial_under_way=any(one.is_live and one.at > failures[0].at for one in outcomes),
    )
