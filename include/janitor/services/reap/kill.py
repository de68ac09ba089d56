"""The emergency stop: end every run and every instance of the deployment, and have EC2 confirm it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from janitor.domain.errors import AirflowError, CloudError, NotFoundError, SettingsError, WrongPlaceError
from janitor.domain.identity import TAG_DEPLOYMENT, run_id_for
from janitor.domain.launch.provider import InstanceSeen
from janitor.domain.pool.pool import Provider
from janitor.domain.states import RunKind, RunStatus
from janitor.services.airflow.client import AirflowClient
from janitor.services.ending import terminate as terminating
from janitor.services.provider import at_provider, has_runpod, provider_of
from janitor.services.reap import by_hand
from janitor.services.reap.by_hand import NO_LEDGER, VERIFY_FOR, KillReport, Progress
from janitor.settings import Settings
from janitor.stores import reaping
from janitor.stores import validations as store
from janitor.stores.database import transaction
from janitor.stores.pool import passes, stops

__all__ = ["KillReport", "kill_all"]

_ANSWERS_WITHIN = timedelta(seconds=30)
"""An EC2 that says nothing at all for so long is for the person at the terminal to look at: the stack may be down."""
_COMMAND = "kill-all-workers"
_PAUSE = timedelta(seconds=2)


def kill_all(settings: Settings, *, progress: Progress, verify_for: timedelta = VERIFY_FOR) -> KillReport:
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
    by_tag_alone = not by_hand.is_place_known(settings, progress)
    _stop_pools(settings, progress)
    cancelled = _cancel_runs(settings, progress)
    progress("Terminating every instance of this deployment…")
    was = by_hand.describe(settings, _seen(settings, progress))
    ending = by_hand.end_by_hand(
        settings,
        terminating.scope_of_deployment(settings.deployment),
        progress=progress,
        verify_for=verify_for,
        by_tag_alone=by_tag_alone,
        spare_kept=False,
        detail=_COMMAND,
    )
    pods_were, pods, problems = _end_pods(settings, progress, verify_for)
    by_hand.settle(settings, list(cancelled.values()), progress)
    return KillReport(
        terminated=(*ending.terminated, *pods.terminated),
        remaining=(*ending.left, *pods.left),
        cancelled_runs=tuple(cancelled),
        was={**was, **pods_were},
        problems=problems,
    )


def _end_pods(
    settings: Settings, progress: Progress, verify_for: timedelta
) -> tuple[Mapping[str, str], terminating.Ending, tuple[str, ...]]:
    """End RunPod's pods, where a key is set; that it can't be asked is a problem, and saves no instance of EC2's.

    Returns:
        (what each was, what became of them, what couldn't be done)
    """
    nothing = terminating.Ending(terminated=(), left=(), kept=())
    if not has_runpod(settings):
        return {}, nothing, ()
    pods = at_provider(settings, Provider.RUNPOD)
    try:
        was = by_hand.describe(pods, provider_of(pods).find(TAG_DEPLOYMENT, pods.deployment))
        ending = by_hand.end_by_hand(
            pods,
            terminating.scope_of_deployment(pods.deployment),
            progress=progress,
            verify_for=verify_for,
            by_tag_alone=not _is_key_known(pods, progress),
            spare_kept=False,
            detail=_COMMAND,
        )
    except CloudError as exc:
        progress(f"RunPod's pods can't be ended: {exc}")
        return {}, nothing, (f"RunPod's pods may be left: {exc}",)
    return was, ending, ()


def _is_key_known(pods: Settings, progress: Progress) -> bool:
    """Whether the ledger's pods are this key's; what another key made can't be seen by this one."""
    try:
        return by_hand.is_place_known(pods, progress)
    except WrongPlaceError as exc:
        progress(f"Going by the pods' own names alone: {exc}")
        return False


def _stop_pools(settings: Settings, progress: Progress) -> None:
    """Have pools spawn nothing in the place of what is ended, until a person lets them go on."""
    try:
        with transaction(settings.writer_url) as connection:
            for pool in passes.in_use(connection, settings.deployment):
                if stops.stop(connection, settings.deployment, pool, _COMMAND):
                    progress(f"Pool {pool} is stopped; `janitor pool resume {pool}` lets it go on")
    except NO_LEDGER as exc:
        progress(f"Pools could not be stopped in the database, they may spawn again: {exc}")


def _cancel_runs(settings: Settings, progress: Progress) -> dict[str, UUID]:
    """Cancel the runs that either Airflow or the ledger holds for running: Airflow's id → ours."""
    cancelled: dict[str, UUID] = {}
    try:
        with transaction(settings.writer_url) as connection:
            for run in reaping.open_runs(connection, settings.deployment):
                if run.status is RunStatus.RUNNING:
                    cancelled[run.airflow_run_id] = run.run_id
                    store.finish_run(connection, run.run_id, RunStatus.CANCELLED, _COMMAND)
    except NO_LEDGER as exc:
        progress(f"Runs could not be cancelled in the database: {exc}")
    try:
        for kind in RunKind:
            _stop_in_airflow(settings, kind, cancelled, progress)
    except (AirflowError, NotFoundError, SettingsError) as exc:
        progress(f"Runs could not be stopped in Airflow, they may launch again: {exc}")
    return cancelled


def _stop_in_airflow(settings: Settings, kind: RunKind, cancelled: dict[str, UUID], progress: Progress) -> None:
    """Stop what Airflow carries out of a kind, and add it to what is cancelled."""
    try:
        with AirflowClient(settings, kind) as airflow:
            stopped: set[str] = set()
            # Airflow names a page of them at a time; what was stopped makes room for the rest.
            while going_on := set(airflow.running()) - stopped:
                for airflow_run_id in sorted(going_on):
                    progress(f"Stopping run {airflow_run_id}")
                    cancelled[airflow_run_id] = run_id_for(settings.deployment, airflow_run_id)
                    airflow.mark_failed(airflow_run_id)
                stopped |= going_on
    except NotFoundError:
        if kind is RunKind.PARALLEL:
            raise
        # An Airflow that doesn't have the other DAG carries out nothing of it.


def _seen(settings: Settings, progress: Progress) -> list[InstanceSeen]:
    """What EC2 shows; one that doesn't answer is asked again for a while."""
    give_up_at = time.monotonic() + _ANSWERS_WITHIN.total_seconds()
    while True:
        try:
            return list(provider_of(settings).find(TAG_DEPLOYMENT, settings.deployment))
        except CloudError as exc:
            if time.monotonic() >= give_up_at:
                raise
            progress(f"EC2 does not answer, asking again: {exc}")
            time.sleep(_PAUSE.total_seconds())
