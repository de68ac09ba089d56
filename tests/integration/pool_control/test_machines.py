"""Orders and trials with machines: launched and ended in the local cloud, through the ledger as a pass does it."""

from __future__ import annotations

import getpass
import signal
import subprocess
import sys
import time
from datetime import timedelta
from uuid import UUID

import pytest

from janitor.cli.exit_codes import ExitCode
from janitor.domain.identity import TAG_DEPLOYMENT
from janitor.domain.pool.states import TaskState, WorkerEnd, WorkerState
from janitor.services.pool_control.probes import await_probes, queue_probes
from janitor.services.provider import provider_of
from janitor.settings import Settings
from janitor.stores.database import transaction
from janitor.stores.pool import tasks, workers
from janitor.stores.pool.records import WorkerRecord
from tests.integration.pool_control.conftest import Janitor
from tests.integration.pool_control.pools import Pools
from tests.support.localcloud_server import LocalCloudServer

ME = getpass.getuser()
WITHIN_SECONDS = 120


def live(settings: Settings) -> list[WorkerRecord]:
    with transaction(settings.writer_url) as connection:
        return workers.live(connection, settings.deployment)


def machines(settings: Settings) -> int:
    return len(provider_of(settings).find(TAG_DEPLOYMENT, settings.deployment))


def passes_until(janitor: Janitor, settings: Settings, state: WorkerState) -> WorkerRecord:
    """Make passes until the only worker is in this state."""
    give_up_at = time.monotonic() + WITHIN_SECONDS
    while True:
        code, report = janitor("pool", "run", "--once", "--json")
        (worker,) = live(settings)
        if worker.state is state:
            return worker
        assert time.monotonic() < give_up_at, (code, report, worker)


def test_a_worker_that_is_asked_for_is_launched_by_the_next_pass_and_terminated_by_hand(
    clouded: Settings, janitor: Janitor
) -> None:
    code, said = janitor("pool", "spawn", "--pool", "default", "--reason", "a demonstration", "--json")
    assert code == ExitCode.OK
    (worker_id,) = said["worker_ids"]
    assert machines(clouded) == 0, "an order asks no provider"
    code, decided = janitor("pool", "decisions", "--json")
    assert decided["decisions"][0]["why"] == f"spawned by {ME}: a demonstration"
    worker = passes_until(janitor, clouded, WorkerState.READY)
    assert str(worker.worker_id) == worker_id
    assert machines(clouded) == 1
    assert worker.instance_id is not None

    code, said = janitor("pool", "terminate", worker.instance_id, "--json")
    assert (code, said["ended"], said["given_back"]) == (ExitCode.OK, True, None)
    assert machines(clouded) == 0
    with transaction(clouded.writer_url) as connection:
        ended = workers.get(connection, worker.worker_id)
    assert ended is not None
    assert (ended.state, ended.end_reason) == (WorkerState.TERMINATED, WorkerEnd.OPERATOR)


def test_no_more_than_the_pool_may_have_and_none_where_it_is_stopped(clouded: Settings, janitor: Janitor) -> None:
    code, text = janitor("pool", "spawn", "--pool", "default", "--count", "3")
    assert code == ExitCode.USAGE
    assert "may have 2: 3 more are too many" in text
    janitor("pool", "stop", "default")
    code, text = janitor("pool", "spawn", "--pool", "default")
    assert code == ExitCode.USAGE
    assert "janitor pool resume default" in text
    assert live(clouded) == []


def test_a_busy_worker_is_ended_only_at_once_and_its_task_waits_again(pools: Pools, janitor: Janitor) -> None:
    worker = pools.ready()
    pools.queued()
    claim = pools.claim(worker)
    code, text = janitor("pool", "terminate", str(worker)[:8], "--yes")
    assert code == ExitCode.USAGE
    assert f"has task {claim.held.task_id}: --now gives that back" in text
    assert pools.state_of(worker) is WorkerState.BUSY

    code, said = janitor("pool", "terminate", str(worker)[:8], "--now", "--yes", "--json")
    assert (code, said["given_back"], said["ended"]) == (ExitCode.OK, str(claim.held.task_id), True)
    with transaction(pools.settings.writer_url) as connection:
        task = tasks.get(connection, claim.held.task_id)
        assert task is not None
        assert (task.state, task.attempts) == (TaskState.QUEUED, 0)
        assert not tasks.renew(connection, claim.held, claim.lease_until - claim.lease_until)


def test_a_task_is_given_to_another_worker(pools: Pools, janitor: Janitor) -> None:
    worker, other = pools.ready(), pools.ready()
    pools.queued()
    claim = pools.claim(worker)
    code, said = janitor("pool", "retry", str(claim.held.task_id)[:8], "--json")
    assert (code, said["state"], said["from_worker"]) == (ExitCode.OK, "queued", str(worker))
    assert pools.state_of(worker) is WorkerState.TERMINATED
    again = pools.claim(other)
    assert (again.held.task_id, again.attempt) == (claim.held.task_id, 1)
    with transaction(pools.settings.writer_url) as connection:
        assert tasks.finish(connection, again.held, TaskState.DONE)
    code, text = janitor("pool", "retry", str(claim.held.task_id)[:8])
    assert code == ExitCode.USAGE
    assert "an end stands" in text


def test_a_task_that_waits_for_its_time_waits_no_longer(pools: Pools, janitor: Janitor) -> None:
    task_id = pools.queued()
    pools.execute("update tasks set not_before = now() + interval '1 hour' where task_id = %(t)s", t=task_id)
    code, text = janitor("pool", "retry", str(task_id)[:8])
    assert code == ExitCode.OK
    assert "waits no longer than for a worker" in text
    assert pools.claim(pools.ready()).held.task_id == task_id


def test_every_part_is_tried(clouded: Settings, janitor: Janitor) -> None:
    code, said = janitor("pool", "test-connection", "--json")
    assert (code, said["well"]) == (ExitCode.OK, True)
    assert [each["part"] for each in said["parts"]] == ["database", "provider ec2", "channel ec2", "storage"]
    code, said = janitor("pool", "test-connection", "--provider", "runpod", "--json")
    assert code == ExitCode.INFRASTRUCTURE
    assert [(each["part"], each["well"]) for each in said["parts"]] == [
        ("database", True),
        ("provider runpod", False),
        ("channel runpod", True),
        ("storage", True),
    ]


@pytest.mark.parametrize(
    ("changes", "failing"),
    [
        ({"JANITOR_DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none"}, {"database"}),
        ({"JANITOR_AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, {"provider ec2", "channel ec2", "storage"}),
        ({"JANITOR_BUCKET": "no-such-bucket-here"}, {"storage"}),
    ],
)
def test_what_fails_is_named(
    changes: dict[str, str], failing: set[str], clouded: Settings, janitor: Janitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in changes.items():
        monkeypatch.setenv(name, value)
    code, said = janitor("pool", "test-connection", "--json")
    assert code == ExitCode.INFRASTRUCTURE
    assert {each["part"] for each in said["parts"] if not each["well"]} == failing


def test_a_channel_that_fails_is_named(clouded: Settings, cloud: LocalCloudServer, janitor: Janitor) -> None:
    cloud.set_faults({"api": "DescribeInstanceInformation", "code": "AccessDeniedException", "http_status": 400})
    code, said = janitor("pool", "test-connection", "--json")
    assert code == ExitCode.INFRASTRUCTURE
    assert [each["part"] for each in said["parts"] if not each["well"]] == ["channel ec2"]


def test_a_trial_launches_a_worker_and_leaves_nothing(clouded: Settings, janitor: Janitor) -> None:
    code, _ = janitor("pool", "test-connection", "--spawn-test", "--pool", "default")
    assert code == ExitCode.USAGE, "nobody can be asked, and it costs money"
    assert machines(clouded) == 0
    code, said = janitor("pool", "test-connection", "--spawn-test", "--pool", "default", "--yes", "--json")
    assert (code, said["well"]) == (ExitCode.OK, True), said
    assert [each["part"] for each in said["parts"]][-3:] == ["worker starts", "worker takes a probe", "worker is gone"]
    assert machines(clouded) == 0
    assert live(clouded) == []
    with transaction(clouded.writer_url) as connection:
        (ended,) = workers.ended(connection, clouded.deployment, count=5)
    assert (ended.end_reason, ended.tasks_done) == (WorkerEnd.OPERATOR, 1)


def test_probes_prove_that_workers_take_tasks(clouded: Settings, janitor: Janitor) -> None:
    code, said = janitor("pool", "test-task", "--pool", "default", "--count", "2", "--json")
    assert (code, [each["state"] for each in said["probes"]]) == (ExitCode.OK, ["queued", "queued"])
    give_up_at = time.monotonic() + WITHIN_SECONDS
    probes = [UUID(each["task_id"]) for each in said["probes"]]
    while True:
        janitor("pool", "run", "--once", "--json")
        with transaction(clouded.writer_url) as connection:
            states = [found.state for each in probes if (found := tasks.get(connection, each)) is not None]
        if states == [TaskState.DONE] * 2:
            break
        assert time.monotonic() < give_up_at, states
    assert 1 <= machines(clouded) <= 2
    janitor("pool", "stop", "default")
    while live(clouded):
        janitor("pool", "run", "--once", "--json")
        assert time.monotonic() < give_up_at, live(clouded)
    assert machines(clouded) == 0


def test_probes_that_nobody_takes_are_cancelled(pools: Pools) -> None:
    queued = queue_probes(pools.settings, "default", 2)
    ends = await_probes(pools.settings, queued.task_ids, timedelta())
    assert [(each.state, each.worker_id) for each in ends] == [(TaskState.CANCELLED, None)] * 2


def test_passes_go_on_until_a_signal(clouded: Settings, environment: dict[str, str]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "janitor.cli.main", "pool", "run", "--every", "1"],
        env=environment | {"PYTHONPATH": ":".join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        seen = [process.stdout.readline() for _ in range(6)]
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert sum("no pool has anything to do" in line for line in seen) >= 2, seen
    assert process.returncode == ExitCode.TERMINATED
    assert "the next pass goes on with" in err
    assert "Traceback" not in err


def test_a_pass_that_fails_is_told_and_the_next_one_comes(environment: dict[str, str], settings: Settings) -> None:
    environment |= {"JANITOR_DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none"}
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "janitor.cli.main", "pool", "run", "--every", "1"],
        env=environment | {"PYTHONPATH": ":".join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    failed = 0
    try:
        while failed < 2:
            line = process.stderr.readline()
            assert line, "it ended"
            failed += "the pass failed, and the next one is made" in line
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == ExitCode.INTERRUPTED
