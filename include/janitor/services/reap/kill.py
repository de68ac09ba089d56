"""The emergency stop: end every run and every instance of the deployment, and have EC2 confirm it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from uuid import UUID

from janitor.domain.errors import (
    AirflowError,
    CloudError,
    DatabaseError,
    NotFoundError,
    SettingsError,
    WrongPlaceError,
)
from janitor.domain.identity import TAG_DEPLOYMENT, TAG_KEEP_UNTIL, TAG_REPOSITORY, run_id_for
from janitor.domain.launch.provider import InstanceSeen
from janitor.domain.reap.reaping import instant_of
from janitor.domain.states import InstanceOrigin, OwnerKind, RunStatus, TerminationReason
from janitor.services.airflow.client import AirflowClient
from janitor.services.ending import terminate as terminating
from janitor.services.here import require_here
from janitor.services.money.budget import settle_reservations
from janitor.services.provider import provider_of
from janitor.services.result.record import record_validation
from janitor.settings import Settings
from janitor.stores import ledger, reaping
from janitor.stores import validations as store
from janitor.stores.database import transaction
from janitor.stores.records import InstanceRecord

_VERIFY_FOR = timedelta(minutes=5)
_ANSWERS_WITHIN = timedelta(seconds=30)
"""An EC2 that says nothing at all for so long is for the person at the terminal to look at: the stack may be down."""
_PAUSE = timedelta(seconds=2)
_NO_LEDGER = (DatabaseError, SettingsError)
"""Postgres can't be used, or no setting says where it is."""


@dataclass(frozen=True, kw_only=True)
class KillReport:
    """What was ended, and what EC2 still shows."""

    terminated: tuple[str, ...]
    remaining: tuple[str, ...]
    cancelled_runs: tuple[str, ...]
    """Airflow's ids."""
    was: Mapping[str, str] = field(default_factory=dict)
    """What each instance was, in words: its repository, and whether it was kept, adopted or unknown."""


def kill_all(settings: Settings, *, progress: Callable[[str], None], verify_for: timedelta = _VERIFY_FOR) -> KillReport:
    """Stop all runs, then terminate all instances, those that a debug lease keeps too.

    A dead Airflow or a dead Postgres is no reason to leave instances: it is said, and they are ended all the same.

    Args:
        settings: Of the environment.
        progress: Takes a line for people at each step.
        verify_for: How long EC2 is asked whether everything is gone.

    Raises:
        WrongPlaceError: The ledger's live rows are in another place; nothing was changed.
        CloudError: EC2 can't be asked.
    """
    is_by_tag = not _is_place_known(settings, progress)
    cancelled = _cancel_runs(settings, progress)
    progress("Terminating every instance of this deployment…")
    was = _describe(settings, progress)
    scope = terminating.scope_of_deployment(settings.deployment)
    ending = None
    try:
        if not is_by_tag:
            ending = terminating.end_scope(
                settings, scope, TerminationReason.OPERATOR_KILL, timeout=verify_for, spare_kept=False
            )
    except _NO_LEDGER as exc:
        progress(f"The ledger can't be used; going by EC2's tags alone: {exc}")
    if ending is not None:
        terminated, remaining = ending.terminated, ending.left
        for instance_id, word in ending.refused.items():
            progress(f"EC2 refuses to terminate {instance_id}: {word}")
    else:
        ended, left = terminating.terminate_by_tag(settings, scope, timeout=verify_for)
        terminated, remaining = tuple(ended), tuple(left)
    _settle(settings, list(cancelled.values()), progress)
    return KillReport(terminated=terminated, remaining=remaining, cancelled_runs=tuple(cancelled), was=was)


def _is_place_known(settings: Settings, progress: Callable[[str], None]) -> bool:
    """Whether the ledger can be brought up to what EC2 shows here; raises WrongPlaceError where it mustn't be."""
    try:
        elsewhere = require_here(settings)
    except WrongPlaceError:
        raise
    except CloudError as exc:
        progress(f"It can't be asked whose instances EC2 shows; going by EC2's tags alone: {exc}")
        return False
    except _NO_LEDGER:
        return True  # it is said when the ledger is needed
    if elsewhere:
        progress(f"Other instances of this deployment are in {', '.join(elsewhere)}: run this there, too.")
        return False
    return True


def _cancel_runs(settings: Settings, progress: Callable[[str], None]) -> dict[str, UUID]:
    """Cancel the runs that either Airflow or the ledger holds for running: Airflow's id → ours."""
    cancelled: dict[str, UUID] = {}
    try:
        with transaction(settings.writer_url) as connection:
            for run in reaping.open_runs(connection, settings.deployment):
                if run.status is RunStatus.RUNNING:
                    cancelled[run.airflow_run_id] = run.run_id
                    store.finish_run(connection, run.run_id, RunStatus.CANCELLED, "kill-all-workers")
    except _NO_LEDGER as exc:
        progress(f"Runs could not be cancelled in the database: {exc}")
    try:
        with AirflowClient(settings) as airflow:
            stopped: set[str] = set()
            # Airflow names a page of them at a time; what was stopped makes room for the rest.
            while going_on := set(airflow.running()) - stopped:
                for airflow_run_id in sorted(going_on):
                    progress(f"Stopping run {airflow_run_id}")
                    cancelled[airflow_run_id] = run_id_for(settings.deployment, airflow_run_id)
                    airflow.mark_failed(airflow_run_id)
                stopped |= going_on
    except (AirflowError, NotFoundError, SettingsError) as exc:
        progress(f"Runs could not be stopped in Airflow, they may launch again: {exc}")
    return cancelled


def _describe(settings: Settings, progress: Callable[[str], None]) -> dict[str, str]:
    """What each live instance is, in words."""
    give_up_at = time.monotonic() + _ANSWERS_WITHIN.total_seconds()
    while True:
        try:
            seen = provider_of(settings).find(TAG_DEPLOYMENT, settings.deployment)
            break
        except CloudError as exc:
            if time.monotonic() >= give_up_at:
                raise
            progress(f"EC2 does not answer, asking again: {exc}")
            time.sleep(_PAUSE.total_seconds())
    rows: dict[str | None, InstanceRecord] | None
    try:
        with transaction(settings.writer_url) as connection:
            rows = {row.instance_id: row for row in ledger.live_of_deployment(connection, settings.deployment)}
    except _NO_LEDGER:
        rows = None
    return {one.instance_id: _words(one, rows) for one in seen}


def _words(seen: InstanceSeen, rows: Mapping[str | None, InstanceRecord] | None) -> str:
    named = seen.owner
    is_of_a_repository = named is None or named.kind is OwnerKind.VALIDATION
    words = [seen.tags.get(TAG_REPOSITORY, "unknown repository" if is_of_a_repository else str(named))]
    row = rows.get(seen.instance_id) if rows is not None else None
    keep_until = row.keep_until if row else instant_of(seen.tags, TAG_KEEP_UNTIL)
    if keep_until is not None and keep_until > datetime.now(timezone.utc):
        words.append(f"kept until {keep_until:%Y-%m-%d %H:%M:%S} UTC")
    if row is not None and row.origin is InstanceOrigin.ADOPTED:
        words.append("adopted")
    if rows is not None and row is None:
        words.append("not in the ledger")
    return ", ".join(words)


def _settle(settings: Settings, runs: list[UUID], progress: Callable[[str], None]) -> None:
    """Conclude the cancelled runs' validations, which also keeps them from launching again, and release the money."""
    try:
        for run_id in runs:
            with transaction(settings.writer_url) as connection:
                unfinished = store.unfinished_validations(connection, run_id)
            for validation_id, _ in unfinished:
                record_validation(settings, validation_id)
        settle_reservations(settings)
    except (CloudError, *_NO_LEDGER) as exc:
        progress(f"What was cancelled is not recorded in full, the next pass of the reaper does it: {exc}")
