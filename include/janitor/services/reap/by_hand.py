"""Ending instances on a person's word: every command that does so ends them, and settles what they worked for, here.

Invariant: EC2's word counts. What is said to be terminated isn't shown by EC2 any more, and the ledger agrees.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from uuid import UUID

from janitor.domain.errors import CloudError, DatabaseError, SettingsError, WrongPlaceError
from janitor.domain.identity import TAG_KEEP_UNTIL, TAG_REPOSITORY
from janitor.domain.launch.provider import InstanceSeen
from janitor.domain.reap.reaping import instant_of
from janitor.domain.states import InstanceOrigin, OwnerKind, TerminationReason
from janitor.domain.watch.sequential import works_for
from janitor.services.ending import terminate as terminating
from janitor.services.here import require_here
from janitor.services.money.budget import settle_reservations
from janitor.services.result.record import record_validation
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores import validations as store
from janitor.stores.database import transaction
from janitor.stores.records import InstanceRecord

VERIFY_FOR = timedelta(minutes=5)
"""How long EC2 is asked whether everything is gone."""
NO_LEDGER = (DatabaseError, SettingsError)
"""Postgres can't be used, or no setting says where it is."""

Progress = Callable[[str], None]
"""Takes a line for people at each step."""


@dataclass(frozen=True, kw_only=True)
class KillReport:
    """What was ended, and what EC2 still shows."""

    terminated: tuple[str, ...]
    remaining: tuple[str, ...]
    cancelled_runs: tuple[str, ...] = ()
    """Airflow's ids."""
    was: Mapping[str, str] = field(default_factory=dict)
    """What each instance was, in words: its repository, and whether it was kept, adopted or unknown."""
    kept: tuple[str, ...] = ()
    """Left alone because of a debug lease."""
    problems: tuple[str, ...] = ()
    """What else could not be done, in words."""


def is_place_known(settings: Settings, progress: Progress) -> bool:
    """Whether the ledger can be brought up to what EC2 shows here.

    Raises:
        WrongPlaceError: It mustn't be.
    """
    try:
        elsewhere = require_here(settings)
    except WrongPlaceError:
        raise
    except CloudError as exc:
        progress(f"It can't be asked whose instances EC2 shows; going by EC2's tags alone: {exc}")
        return False
    except NO_LEDGER:
        return True  # it is said when the ledger is needed
    if elsewhere:
        progress(f"Other instances of this deployment are in {', '.join(elsewhere)}: run this there, too.")
        return False
    return True


def end_by_hand(
    settings: Settings,
    scope: terminating.Scope,
    *,
    progress: Progress,
    verify_for: timedelta,
    by_tag_alone: bool,
    spare_kept: bool,
    detail: str,
) -> terminating.Ending:
    """End everything in scope; where the ledger can't be used, what EC2 shows in it.

    Args:
        settings: Of the environment.
        scope: Which instances.
        progress: Takes a line for people at each step.
        verify_for: How long EC2 is asked whether everything is gone.
        by_tag_alone: Whether the ledger is left alone.
        spare_kept: Whether a debug lease protects an instance.
        detail: What ends them, and on whose word; kept in the ledger.

    Raises:
        WrongPlaceError: A row in scope is in another place; nothing was changed.
        CloudError: EC2 can't be asked.
    """
    try:
        if not by_tag_alone:
            ending = terminating.end_scope(
                settings,
                scope,
                TerminationReason.OPERATOR_KILL,
                timeout=verify_for,
                detail=detail,
                spare_kept=spare_kept,
            )
            for instance_id, word in ending.refused.items():
                progress(f"EC2 refuses to terminate {instance_id}: {word}")
            return ending
    except NO_LEDGER as exc:
        progress(f"The ledger can't be used; going by EC2's tags alone: {exc}")
    ended, left = terminating.terminate_by_tag(settings, scope, timeout=verify_for)
    return terminating.Ending(terminated=tuple(ended), left=tuple(left), kept=())


def describe(settings: Settings, seen: Sequence[InstanceSeen]) -> dict[str, str]:
    """What each of these instances is, in words."""
    rows: dict[str | None, InstanceRecord] | None
    try:
        with transaction(settings.writer_url) as connection:
            rows = {row.instance_id: row for row in ledger.live_of_deployment(connection, settings.deployment)}
    except NO_LEDGER:
        rows = None
    return {one.instance_id: _words(one, rows) for one in seen}


def _words(seen: InstanceSeen, rows: Mapping[str | None, InstanceRecord] | None) -> str:
    named = seen.owner
    if named is not None and named.kind is OwnerKind.WORKER:
        whose = str(named)
    else:
        whose = works_for(None, named.id if named is not None and named.kind is OwnerKind.RUN else None)
    words = [seen.tags.get(TAG_REPOSITORY, whose)]
    row = rows.get(seen.instance_id) if rows is not None else None
    keep_until = row.keep_until if row else instant_of(seen.tags, TAG_KEEP_UNTIL)
    if keep_until is not None and keep_until > datetime.now(timezone.utc):
        words.append(f"kept until {keep_until:%Y-%m-%d %H:%M:%S} UTC")
    if row is not None and row.origin is InstanceOrigin.ADOPTED:
        words.append("adopted")
    if rows is not None and row is None:
        words.append("not in the ledger")
    return ", ".join(words)


def settle(settings: Settings, runs: Sequence[UUID], progress: Progress) -> None:
    """Conclude the validations of these runs, which also keeps them from launching again, and release the money."""
    try:
        for run_id in runs:
            with transaction(settings.writer_url) as connection:
                unfinished = store.unfinished_validations(connection, run_id)
            for validation_id, _ in unfinished:
                record_validation(settings, validation_id)
        settle_reservations(settings)
    except (CloudError, *NO_LEDGER) as exc:
        progress(f"What was ended is not recorded in full, the next pass of the reaper does it: {exc}")
