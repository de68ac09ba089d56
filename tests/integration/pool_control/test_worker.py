"""A worker on a host of our own: it claims by its role alone, finishes what it has, and stops when it can't hold it."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from pydantic import SecretStr

from janitor.cli.exit_codes import ExitCode
from janitor.domain.errors import ConflictError, StackError
from janitor.domain.pool.states import TaskKind, TaskState, WorkerState
from janitor.services.pool_control.serving import Served, serve
from janitor.settings import Settings
from janitor.stores.database import transaction
from janitor.stores.pool import tasks, workers
from janitor.stores.pool.records import NewTask, TaskRecord
from janitor.stores.roles.definition import RoleGroup
from tests.integration.pool_control.conftest import Janitor
from tests.integration.pool_control.pools import Pools
from tests.support.postgres import TestDatabase

POOL = "hosts"
LEASE = timedelta(seconds=3)
WITHIN_SECONDS = 60


class Host:
    """A machine of our own: a role that claims, and a worker in a thread."""

    def __init__(self, pools: Pools, database: TestDatabase) -> None:
        self.pools, self._database = pools, database
        self.role, self.leaving = f"w_{uuid4().hex[:8]}", threading.Event()
        self.heard: list[str] = []
        self._threads = ThreadPoolExecutor(1)
        self._as_superuser("create role {} login password 'of-a-worker' in role {}", RoleGroup.WORKERS.value)
        self.url = make_conninfo(database.owner_url, user=self.role, password="of-a-worker")
        self.settings: Settings = pools.settings.model_copy(update={"worker_database_url": SecretStr(self.url)})

    def _as_superuser(self, statement: str, *names: str) -> None:
        with psycopg.connect(self._database.superuser_url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*(sql.Identifier(each) for each in (self.role, *names))))

    def lock_out(self) -> None:
        """The database refuses it from now on."""
        self._as_superuser("alter role {} nologin")

    def starts(self, *, most_tasks: int | None = None) -> Future[Served]:
        return self._threads.submit(
            serve, self.settings, POOL, self.leaving, self.heard.append, lease=LEASE, most_tasks=most_tasks
        )

    def probe(self, seconds: float = 0) -> UUID:
        """Queue one that takes so long."""
        with transaction(self.settings.writer_url) as connection:
            return tasks.enqueue(
                connection,
                NewTask(
                    deployment=self.settings.deployment,
                    pool=POOL,
                    kind=TaskKind.PROBE,
                    trust_domain="any",
                    time_limit=timedelta(minutes=2),
                    spec={"seconds": seconds},
                ),
            )

    def task(self, task_id: UUID) -> TaskRecord:
        with transaction(self.settings.writer_url) as connection:
            found = tasks.get(connection, task_id)
        assert found is not None
        return found

    def end(self) -> None:
        self.leaving.set()
        self._threads.shutdown()


def until(is_there: Callable[[], bool], what: object) -> None:
    give_up_at = time.monotonic() + WITHIN_SECONDS
    while not is_there():
        assert time.monotonic() < give_up_at, what
        time.sleep(0.05)


@pytest.fixture
def host(pools: Pools, database: TestDatabase) -> Iterator[Host]:
    host = Host(pools, database)
    yield host
    host.end()


def test_it_takes_one_task_after_another_and_leaves(host: Host) -> None:
    probes = [host.probe(), host.probe()]
    served = host.starts(most_tasks=2).result(WITHIN_SECONDS)
    assert (served.tasks_done, served.why) == (2, "it has done 2")
    for each in probes:
        task = host.task(each)
        assert (task.state, task.result) == (TaskState.DONE, {"python": sys.version.split()[0], "system": "Linux"})
        assert task.last_claim is not None
        assert task.last_claim.held.worker_id == served.worker_id
    assert host.pools.state_of(served.worker_id) is WorkerState.TERMINATED


def test_told_to_leave_it_finishes_what_it_has(host: Host) -> None:
    probe = host.probe(seconds=1.5)
    ended = host.starts()
    until(lambda: host.task(probe).state is TaskState.RUNNING, host.heard)
    host.leaving.set()
    assert ended.result(WITHIN_SECONDS).why == "it was told to leave"
    assert host.task(probe).state is TaskState.DONE


def test_drained_by_hand_it_leaves(host: Host, janitor: Janitor) -> None:
    ended = host.starts()
    until(lambda: bool(host.heard), "it starts")
    code, said = janitor("pool", "drain", "--all", "--pool", POOL, "--json")
    assert (code, len(said["drained"])) == (ExitCode.OK, 1)
    assert ended.result(WITHIN_SECONDS).why == "it was drained"


def test_ended_by_hand_it_stops(host: Host, janitor: Janitor) -> None:
    ended = host.starts()
    until(lambda: bool(host.heard), "it starts")
    with transaction(host.settings.writer_url) as connection:
        (worker,) = workers.live(connection, host.settings.deployment, POOL)
    assert janitor("pool", "terminate", str(worker.worker_id), "--yes")[0] == ExitCode.OK
    with pytest.raises(ConflictError, match="somebody ended it"):
        ended.result(WITHIN_SECONDS)


def test_a_validation_is_ended_as_failed_with_the_reason(host: Host) -> None:
    task_id = host.pools.queued(POOL)
    host.starts(most_tasks=1).result(WITHIN_SECONDS)
    task = host.task(task_id)
    assert (task.state, task.reason_code) == (TaskState.FAILED, "worker_says_so")
    assert task.result is not None
    assert "carries out probes alone" in task.result["error"]


def test_a_task_that_is_taken_from_it_is_nobodys_and_it_stops(host: Host, janitor: Janitor) -> None:
    probe = host.probe(seconds=60)
    ended = host.starts()
    until(lambda: host.task(probe).state is TaskState.RUNNING, host.heard)
    code, said = janitor("pool", "retry", str(probe), "--json")
    assert (code, said["state"]) == (ExitCode.OK, "queued")
    with pytest.raises(StackError, match="somebody else's by now"):
        ended.result(WITHIN_SECONDS)
    task = host.task(probe)
    assert (task.state, task.attempts) == (TaskState.QUEUED, 0)


def test_a_worker_that_cant_renew_for_its_lease_stops_itself(host: Host) -> None:
    probe = host.probe(seconds=60)
    ended = host.starts()
    until(lambda: host.task(probe).state is TaskState.RUNNING, host.heard)
    host.lock_out()
    began = time.monotonic()
    with pytest.raises(StackError, match="its whole lease"):
        ended.result(WITHIN_SECONDS)
    assert time.monotonic() - began >= LEASE.total_seconds() / 2
    until(lambda: _is_back(host, probe), "its lease is over")


def _is_back(host: Host, probe: UUID) -> bool:
    with transaction(host.settings.writer_url) as connection:
        tasks.expire_leases(connection, host.settings.deployment)
    return host.task(probe).state is TaskState.QUEUED


def test_the_command_finishes_what_it_has_on_a_signal(host: Host, environment: dict[str, str]) -> None:
    probe = host.probe(seconds=2)
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "janitor.cli.main", "pool", "worker", "--pool", POOL],
        env=environment | {"PYTHONPATH": ":".join(sys.path), "JANITOR_WORKER_DATABASE_URL": host.url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        until(lambda: host.task(probe).state is TaskState.RUNNING, process)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=WITHIN_SECONDS)
    finally:
        process.kill()
    assert process.returncode == ExitCode.OK, err
    assert "Tasks done: 1; it was told to leave" in out
    assert host.task(probe).state is TaskState.DONE


def test_without_its_role_it_says_what_is_missing(janitor: Janitor) -> None:
    code, text = janitor("pool", "worker", "--pool", POOL)
    assert code == ExitCode.USAGE
    assert "JANITOR_WORKER_DATABASE_URL" in text


@pytest.mark.usefixtures("clouded")
def test_the_channel_of_hosts_is_tried(host: Host, janitor: Janitor, monkeypatch: pytest.MonkeyPatch) -> None:
    for url, is_well in ((host.url, True), ("postgresql://nobody@127.0.0.1:9/none", False)):
        monkeypatch.setenv("JANITOR_WORKER_DATABASE_URL", url)
        _, said = janitor("pool", "test-connection", "--provider", "local", "--json")
        assert {each["part"]: each["well"] for each in said["parts"]}["channel local"] is is_well
