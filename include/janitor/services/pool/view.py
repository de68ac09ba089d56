"""What a pass decides from: the pool's rows with its provider's word, its queue, and what stands in the way of more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from janitor.domain.errors import DatabaseError, SettingsError
from janitor.domain.launch.breaker import pool_scope
from janitor.domain.log_lines import LineLogger
from janitor.domain.pool.brake import brake_of, strictest
from janitor.domain.pool.pool import Pool
from janitor.domain.pool.view import Brake, PoolView
from janitor.services.launch.breaker import rule_of, states_for
from janitor.services.pool.known import Known
from janitor.services.pool.machines import Machines
from janitor.services.pool.spawn import affordable
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores.database import transaction
from janitor.stores.pool import decisions, passes, stops, tasks, workers
from janitor.stores.pool.records import KeptDecision

USUAL_BOOT = timedelta(minutes=2, seconds=30)
USUAL_TASK = timedelta(minutes=8)
"""What is taken for usual in a pool that has done nothing yet."""
_FOLLOWS_WITHIN = timedelta(minutes=4)
"""A pass that comes later than that after another one doesn't follow it: nobody looked in between."""
_LOOKED_BACK = 20
"""Decisions; passes that have followed one another for as many have done so for long."""

log = LineLogger(__name__)


def view_of(settings: Settings, pool: Pool, known: Known, machines: Machines, now: datetime) -> PoolView:
    """One look at a pool.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    brake = _brake(settings, pool, now)
    money = _affordable(settings, pool, known)
    with transaction(settings.writer_url) as connection:
        medians = passes.medians(connection, settings.deployment, pool.name)
        return PoolView(
            waiting=tuple(
                replace(group, shortest=group.shortest + known.grace)
                for group in tasks.waiting(connection, settings.deployment, pool.name)
            ),
            workers=tuple(
                worker.seen(is_machine_gone=machines.is_gone(worker))
                for worker in workers.live(connection, settings.deployment, pool.name)
            ),
            places_left=max(known.most_instances - ledger.count_live(connection, settings.deployment), 0),
            affordable=money,
            brake=brake,
            is_stopped=stops.is_stopped(connection, settings.deployment, pool.name),
            is_provider_known=machines.is_known,
            runs_under_way=passes.runs_under_way(connection, settings.deployment, pool.name),
            boot_median=medians.boot or USUAL_BOOT,
            task_median=medians.task or USUAL_TASK,
            watched_since=_watched_since(
                decisions.recent(connection, settings.deployment, pool.name, count=_LOOKED_BACK), now
            ),
        )


def _affordable(settings: Settings, pool: Pool, known: Known) -> int | None:
    try:
        return affordable(settings, pool, known)
    except SettingsError as exc:
        log.warning("pool %s: what a machine costs can't be told, so none is launched: %s", pool.name, exc)
        return 0


def _brake(settings: Settings, pool: Pool, now: datetime) -> Brake:
    """The breakers of the pool and of the deployment; a history that can't be read lets nothing be spawned."""
    try:
        with transaction(settings.writer_url) as connection:
            states = states_for(connection, settings, pool_scope(pool.name), now)
    except DatabaseError as exc:
        return Brake(is_known=False, why=str(exc))
    return strictest([brake_of(state, rule_of(settings, state.scope), now) for state in states])


def _watched_since(earlier: list[KeptDecision], now: datetime) -> datetime | None:
    """Since when a provider that answers was looked at without a pause; None: for long."""
    since = now
    for one in (each for each in earlier if not each.is_order):
        if since - one.decided_at > _FOLLOWS_WITHIN or not one.inputs.get("is_provider_known"):
            return since
        since = one.decided_at
    return None if len(earlier) == _LOOKED_BACK else since


def plain(value: Any) -> Any:
    """Anything of a view or a decision, ready for JSON: durations in seconds, instants in ISO 8601."""
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID | Decimal):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
