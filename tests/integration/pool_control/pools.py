"""Workers and tasks of a test's deployment, made by the stores alone."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import psycopg

from janitor.domain.pool.pool import Provider
from janitor.domain.pool.states import TaskKind, WorkerState
from janitor.settings import Settings
from janitor.stores.database import transaction
from janitor.stores.pool import tasks, workers
from janitor.stores.pool.records import Claim, NewTask
from tests.support.postgres import TestDatabase
from tests.support.rows import insert_run

OPTIONS = "-c search_path=janitor,pg_catalog -c timezone=UTC"


class Pools:
    """Of one deployment."""

    def __init__(self, settings: Settings, database: TestDatabase) -> None:
        self.settings = settings
        self._database = database

    def execute(self, statement: str, **values: object) -> None:
        with psycopg.connect(self._database.owner_url, options=OPTIONS) as connection:
            connection.execute(statement.encode(), values)

    def ready(self, pool: str = "default") -> UUID:
        """A worker that may be given a task, on a host of our own."""
        worker_id = self.requested(pool)
        with transaction(self.settings.writer_url) as connection:
            assert workers.move(connection, worker_id, WorkerState.SPAWNING)
            assert workers.move(connection, worker_id, WorkerState.READY)
            assert workers.keep_alive(connection, worker_id)
        return worker_id

    def requested(self, pool: str = "default") -> UUID:
        with transaction(self.settings.writer_url) as connection:
            return workers.request(connection, self.settings.deployment, pool, Provider.LOCAL)

    def queued(self, pool: str = "default", *, domain: str | None = "organization:acme") -> UUID:
        """A task of a validation of its own."""
        _, (validation_id, _) = insert_run(self._database.writer_url, deployment=self.settings.deployment)
        task = NewTask(
            deployment=self.settings.deployment,
            pool=pool,
            validation_id=validation_id,
            trust_domain=domain,
            time_limit=timedelta(minutes=30),
        )
        with transaction(self.settings.writer_url) as connection:
            return tasks.enqueue(connection, task)

    def probe(self, pool: str = "default") -> UUID:
        task = NewTask(
            deployment=self.settings.deployment,
            pool=pool,
            kind=TaskKind.PROBE,
            trust_domain="any",
            time_limit=timedelta(minutes=2),
            task_id=uuid4(),
        )
        with transaction(self.settings.writer_url) as connection:
            return tasks.enqueue(connection, task)

    def claim(self, worker_id: UUID) -> Claim:
        with transaction(self.settings.writer_url) as connection:
            claim = tasks.claim(connection, worker_id, lease=timedelta(minutes=5))
            assert claim is not None
            assert tasks.begin(connection, claim.held)
        return claim

    def state_of(self, worker_id: UUID) -> WorkerState:
        with transaction(self.settings.writer_url) as connection:
            worker = workers.get(connection, worker_id)
            assert worker is not None
            return worker.state
