"""Taking a deployment's snapshot: one short transaction of the role that only reads, and a question to Airflow."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal

from janitor.domain.errors import AirflowError, SettingsError
from janitor.domain.heartbeats import airflow_problems
from janitor.domain.snapshot.snapshot import DeploymentSnapshot, News
from janitor.services.airflow.client import AirflowClient
from janitor.services.launch import breaker
from janitor.settings import Settings
from janitor.stores.database import transaction
from janitor.stores.maintenance.glance import glance
from janitor.stores.pool.glance import pool_glances
from janitor.stores.standing import news
from janitor.stores.standing import snapshot as store

REPOSITORIES_WITHIN = timedelta(days=30)
"""A repository whose last end is older has left the fleet."""
GIVEN_UP_WITHIN = timedelta(days=14)
"""A message that was given up is an alert for so long, unless it is sent by hand."""
_DAY = timedelta(days=1)
PATIENCE = timedelta(seconds=5)
"""For connecting and for each statement: a face says that Postgres is slow, it doesn't wait for it."""


def take_snapshot(settings: Settings, *, ask_airflow: bool = True) -> DeploymentSnapshot:
    """Read everything that the faces show.

    Args:
        settings: Of the deployment.
        ask_airflow: Whether its components' heartbeats are wanted over HTTP. Whoever is a component of Airflow that
            answers there adds them by `with_airflow` instead.

    Raises:
        DatabaseError: Postgres can't be used, or doesn't answer within seconds.
    """
    now = datetime.now(timezone.utc)
    with transaction(settings.reader_url, within=PATIENCE) as connection:
        deployment = settings.deployment
        last_run = store.last_run(connection, deployment)
        repositories, failing, untold = store.standing_counts(connection, deployment, now - REPOSITORIES_WITHIN)
        stale, missed = store.stale(connection, deployment, now - REPOSITORIES_WITHIN)
        snapshot = DeploymentSnapshot(
            deployment=deployment,
            at=now,
            reap_interval=settings.reap_interval,
            live_runs=store.live_runs(connection, deployment),
            last_run=last_run,
            news=News() if last_run is None else store.news_of(connection, last_run),
            repositories=repositories,
            failing=failing,
            untold=untold,
            instances=store.live_instances(connection, deployment, settings.reap_interval),
            adopted=store.adopted_since(connection, deployment, now - _DAY),
            money=store.money(connection, deployment, now),
            last_pass=store.last_pass(connection, deployment),
            breakers=breaker.states_of_all(connection, settings, now),
            airflow_problems=None,
            dead_channels=news.dead_channels(connection, deployment, now - GIVEN_UP_WITHIN),
            stale=stale,
            missed_schedule=missed,
            maintenance=replace(glance(connection, deployment, now - _DAY), disk_free=_disk_free(settings)),
            pools=pool_glances(connection, deployment, now),
        )
    if not ask_airflow:
        return snapshot

    return snapshot.with_airflow(_airflow_problems(settings))


def _disk_free(settings: Settings) -> Decimal | None:
    """Of the disk of the runs, where there are some on this machine."""
    try:
        usage = shutil.disk_usage(settings.runs_root)
    except OSError:
        return None
    return Decimal(usage.free) / usage.total if usage.total else None


def _airflow_problems(settings: Settings) -> list[str] | None:
    try:
        with _client(settings) as airflow:
            answer = airflow.health()
    except SettingsError:
        return None  # who may only read the database has no address
    except AirflowError as exc:
        return [f"api-server: {exc}"]
    return airflow_problems(answer, datetime.now(timezone.utc))


def _client(settings: Settings) -> AirflowClient:
    """With a login where there is one; Airflow's own monitor asks for none, a gate before it may."""
    try:
        return AirflowClient(settings)
    except SettingsError:
        return AirflowClient.before_login(settings)
