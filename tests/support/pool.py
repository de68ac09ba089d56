"""Workers, tasks and claimers for tests of the pool's rows."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import dict_row

from janitor.domain.pool.pool import Provider
from janitor.domain.pool.states import TaskState, WorkerEnd, WorkerState
from janitor.stores.database import Connection, transaction
from janitor.stores.pool import tasks, workers
from janitor.stores.pool.records import Claim, NewTask
from tests.support.rows import insert_run

ROOT = Path(__file__).resolve().parents[2]
LIMIT = timedelta(minutes=30)
LEASE = timedelta(minutes=1)
EFFECTS = """
create table if not exists janitor.pool_effects (task_id uuid, fence bigint, id bigint generated always as identity);
grant select, insert on janitor.pool_effects to janitor_write;
"""
"""What the tasks of a claimer do, for whoever owns the schema."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A pool of its own in a database."""

    url: str
    """Of the role that writes."""
    owner_url: str
    deployment: str
    pool: str = "p"

    def worker(self, *, offers: dict[str, object] | None = None, provider: Provider = Provider.LOCAL) -> UUID:
        """A worker that is ready."""
        with transaction(self.url) as connection:
            return self.worker_in(connection, offers=offers, provider=provider)

    def worker_in(
        self,
        connection: Connection,
        *,
        offers: dict[str, object] | None = None,
        provider: Provider = Provider.LOCAL,
    ) -> UUID:
        """A worker that is ready, within a transaction."""
        worker_id = workers.request(connection, self.deployment, self.pool, provider, offers=offers)
        assert workers.move(connection, worker_id, WorkerState.SPAWNING)
        assert workers.move(connection, worker_id, WorkerState.READY)
        return worker_id

    def task(self, *, trust_domain: str | None = "organization:acme", **changes: object) -> NewTask:
        """A task of a validation of its own, queued."""
        _, (validation_id, _) = insert_run(self.url, deployment=self.deployment)
        return self.task_of(validation_id, trust_domain=trust_domain, **changes)

    def task_of(self, validation_id: UUID, **changes: object) -> NewTask:
        """A validation's task, queued."""
        values: dict[str, object] = {"time_limit": LIMIT, "trust_domain": "organization:acme", **changes}
        task = NewTask(deployment=self.deployment, pool=self.pool, validation_id=validation_id, **values)  # type: ignore[arg-type]  # a test's own words
        with transaction(self.url) as connection:
            assert tasks.enqueue(connection, task) == task.task_id
        return task

    def claim(self, worker_id: UUID, *, lease: timedelta = LEASE) -> Claim | None:
        """What the worker gets."""
        with transaction(self.url) as connection:
            return tasks.claim(connection, worker_id, lease=lease)

    def claimed(self, worker_id: UUID) -> Claim:
        """What the worker gets, where there must be something."""
        claim = self.claim(worker_id)
        assert claim is not None, "nothing to claim"
        return claim

    def as_owner(self, statement: str, *values: object) -> None:
        """What no role of the product may do."""
        with psycopg.connect(self.owner_url, options="-c search_path=janitor") as connection:
            connection.execute(statement.encode(), values)

    def let_lease_pass(self, claim: Claim) -> None:
        """As if nobody had renewed it for long enough."""
        self.as_owner("update tasks set lease_until = now() - interval '1 second' where fence = %s", claim.held.fence)

    def let_wait_pass(self) -> None:
        """As if the pause after a loss were over."""
        self.as_owner("update tasks set not_before = null where deployment = %s", self.deployment)

    def expire(self) -> list[tasks.EndedLease]:
        """A look for leases that are over."""
        with transaction(self.url) as connection:
            return tasks.expire_leases(connection, self.deployment)

    def many_tasks(self, count: int) -> None:
        """Tasks of as many validations, made in the database."""
        run_id, (first, _) = insert_run(self.url, deployment=self.deployment)
        with psycopg.connect(self.owner_url, options="-c search_path=janitor") as connection:
            connection.execute(
                "insert into repository_validations (validation_id, run_id, repository_index, repository_name,"
                " organization, url, custom_prompt, gpu_required, timeout_minutes, grace_minutes, plan)"
                " select gen_random_uuid(), run_id, n + 10, 'w' || n, 'acme', url, '', false, 30, 2, plan"
                " from repository_validations, generate_series(1, %s) n where validation_id = %s",
                (count, first),
            )
            connection.execute(
                "insert into tasks (task_id, deployment, pool, kind, validation_id, trust_domain, time_limit)"
                " select gen_random_uuid(), %s, %s, 'validation', validation_id, 'organization:acme', '30 minutes'"
                " from repository_validations where run_id = %s and repository_index > 10",
                (self.deployment, self.pool, run_id),
            )


@contextmanager
def writing(url: str) -> Iterator[psycopg.Connection[dict[str, object]]]:
    """A connection of the writer that stays, each of whose blocks is a transaction of its own."""
    with psycopg.connect(
        url, row_factory=dict_row, autocommit=True, options="-c search_path=janitor,pg_catalog -c statement_timeout=30s"
    ) as connection:
        yield connection


def start_claimer(
    bench: Bench, *, lease: timedelta, work: timedelta, at_least: timedelta = timedelta()
) -> subprocess.Popen[str]:
    """Start a process that claims one task after another for a worker of its own, until it is killed or stale.

    It writes `claimed`, `finished` or `stale` for each; after `stale` it ends itself.

    Args:
        work: How long a task takes at most.
        at_least: And at least.
    """
    order = json.dumps(
        {
            **{"url": bench.url, "owner_url": bench.owner_url, "deployment": bench.deployment, "pool": bench.pool},
            **{"lease": lease.total_seconds(), "work": [at_least.total_seconds(), work.total_seconds()]},
        }
    )
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}:{ROOT / 'include'}"}
    argv = [sys.executable, "-m", "tests.support.pool", order]
    return subprocess.Popen(argv, env=env, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)


def end_claimer(claimer: subprocess.Popen[str]) -> None:
    """Kill it, wherever it is."""
    claimer.kill()
    claimer.wait(60)
    assert claimer.stdout is not None
    claimer.stdout.close()


def _say(word: str) -> None:
    print(word, flush=True)


def main(order: dict[str, Any]) -> int:
    """Claim, work, and leave an effect in the transaction that finishes; returns 3 where the claim was lost."""
    bench = Bench(
        url=str(order["url"]),
        owner_url=str(order["owner_url"]),
        deployment=str(order["deployment"]),
        pool=str(order["pool"]),
    )
    lease, (least, most) = timedelta(seconds=order["lease"]), order["work"]
    chance = random.Random()
    worker_id = bench.worker()
    with writing(bench.url) as connection:
        while True:
            with connection.transaction():
                claim = tasks.claim(connection, worker_id, lease=lease)
            if claim is None:
                time.sleep(0.02)
                continue
            _say("claimed")
            with connection.transaction():
                is_held = tasks.begin(connection, claim.held)
            # The work.
            time.sleep(chance.uniform(least, most))
            with connection.transaction():
                is_held = is_held and _finish(connection, claim)
            if not is_held:
                _say("stale")
                return 3
            _say("finished")


def _finish(connection: Connection, claim: Claim) -> bool:
    if not tasks.finish(connection, claim.held, TaskState.DONE, {}):
        return False
    connection.execute("insert into pool_effects values (%s, %s)", (claim.held.task_id, claim.held.fence))
    # Drained meanwhile, it ends instead.
    if not workers.move(connection, claim.held.worker_id, WorkerState.READY):
        workers.move(connection, claim.held.worker_id, WorkerState.TERMINATING, end=WorkerEnd.DRAINED)
    return True


def bench_in(url: str, owner_url: str) -> Bench:
    """A pool that nobody else uses."""
    return Bench(url=url, owner_url=owner_url, deployment=f"pool-{uuid4().hex[:12]}")


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
