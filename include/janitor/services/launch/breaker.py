"""The launch breaker over the ledger: is launching paused, and a person's word that it may go on."""

from __future__ import annotations

from datetime import datetime, timezone

from janitor.domain.launch.breaker import EVERYTHING, BreakerRule, BreakerState, state_of
from janitor.settings import Settings
from janitor.stores import placement as attempts
from janitor.stores.database import Connection, transaction

_WINDOW_PAUSES = 4
"""How far back failures count, in pauses."""


def states_for(
    connection: Connection, settings: Settings, scope: str | None, now: datetime
) -> tuple[BreakerState, ...]:
    """A repository's or a pool's breaker and the deployment's, inside a caller's transaction.

    Args:
        scope: `organization/name` or `pool:name`; None: it is for none, and the deployment's counts alone.
    """
    scopes = (scope, EVERYTHING) if scope else (EVERYTHING,)
    return tuple(_state(connection, settings, scope, now) for scope in scopes)


def state(settings: Settings) -> tuple[BreakerState, ...]:
    """Every breaker that counts failures now, the deployment's first.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    now = datetime.now(timezone.utc)
    with transaction(settings.writer_url) as connection:
        return states_of_all(connection, settings, now)


def states_of_all(connection: Connection, settings: Settings, now: datetime) -> tuple[BreakerState, ...]:
    """As `state`, inside a caller's transaction."""
    names = attempts.scopes_launched_since(connection, settings.deployment, _since(settings, now))
    states = [_state(connection, settings, scope, now) for scope in (EVERYTHING, *names)]
    return tuple(one for one in states if one.failures_in_a_row)


def close(settings: Settings, scope: str, closed_by: str) -> None:
    """Let launches go on at once; failures of before don't count any more.

    Args:
        scope: `*` for everything, `organization/name` or `pool:name`.
        closed_by: Who says so.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.writer_url) as connection:
        attempts.close_breaker(connection, settings.deployment, scope, closed_by)


def rule_of(settings: Settings, scope: str) -> BreakerRule:
    """When a scope's launches pause."""
    failures = settings.breaker_deployment_failures if scope == EVERYTHING else settings.breaker_repository_failures
    return BreakerRule(failures=failures, pause=settings.breaker_pause)


def _state(connection: Connection, settings: Settings, scope: str, now: datetime) -> BreakerState:
    outcomes = attempts.recent_outcomes(connection, settings.deployment, scope, _since(settings, now))
    return state_of(scope, outcomes, rule_of(settings, scope))


def _since(settings: Settings, now: datetime) -> datetime:
    return now - settings.breaker_pause * _WINDOW_PAUSES
