"""What people order of the pools: what it changes, whom it names, and that it is kept with who ordered it."""

from __future__ import annotations

import getpass
from datetime import timedelta
from uuid import UUID

import pytest

from janitor.cli.exit_codes import ExitCode
from janitor.domain.pool.states import WorkerEnd, WorkerState
from janitor.stores.database import transaction
from janitor.stores.pool import decisions, stops, tasks, workers
from tests.integration.pool_control.conftest import Janitor
from tests.integration.pool_control.pools import Pools

ME = getpass.getuser()


def record(pools: Pools, worker_id: UUID) -> workers.WorkerRecord:
    with transaction(pools.settings.writer_url) as connection:
        found = workers.get(connection, worker_id)
    assert found is not None
    return found


def test_stop_and_resume(pools: Pools, janitor: Janitor) -> None:
    code, said = janitor("pool", "stop", "default", "--reason", "prices", "--json")
    assert (code, said) == (ExitCode.OK, {"pool": "default", "stopped": True, "new": True})
    with transaction(pools.settings.writer_url) as connection:
        (stop,) = stops.stopped(connection, pools.settings.deployment)
        (kept,) = decisions.recent(connection, pools.settings.deployment, count=5)
    assert (stop.pool, stop.stopped_by) == ("default", f"{ME}: prices")
    assert (kept.why, kept.inputs) == (f"stopped by {ME}: prices", {"requested_by": ME})
    assert "was stopped before" in janitor("pool", "stop", "default")[1]
    assert f"stopped by {ME}: prices at " in janitor("pool", "status")[1]
    assert "goes on" in janitor("pool", "resume", "default")[1]
    assert "wasn't stopped" in janitor("pool", "resume", "default")[1]
    with transaction(pools.settings.writer_url) as connection:
        assert not stops.is_stopped(connection, pools.settings.deployment, "default")


def test_an_idle_worker_that_drains_gets_nothing_more(pools: Pools, janitor: Janitor) -> None:
    worker = pools.ready()
    pools.queued()
    code, said = janitor("pool", "drain", str(worker)[:8], "--reason", "slow", "--json")
    (drained,) = said["drained"]
    assert (code, drained["worker_id"], drained["new"], drained["has_task"]) == (ExitCode.OK, str(worker), True, False)
    assert drained["within_seconds"] == 7 * 60
    found = record(pools, worker)
    assert (found.state, found.end_wanted, found.drain_reason) == (
        WorkerState.DRAINING,
        WorkerEnd.DRAINED,
        f"drained by {ME}: slow",
    )
    with transaction(pools.settings.writer_url) as connection:
        assert tasks.claim(connection, worker, lease=timedelta(minutes=1)) is None
    assert "drains or ends already" in janitor("pool", "drain", str(worker))[1]
    decided = janitor("pool", "decisions", "--json")[1]["decisions"]
    assert [(each["why"], len(each["actions"])) for each in decided] == [(f"drained by {ME}: slow", 1)]


def test_a_busy_worker_finishes_what_it_has(pools: Pools, janitor: Janitor) -> None:
    worker = pools.ready()
    pools.queued()
    claim = pools.claim(worker)
    _, text = janitor("pool", "drain", str(worker)[:8])
    assert "finishes what it has, within 7 minutes" in text
    found = record(pools, worker)
    assert (found.state, found.held) == (WorkerState.DRAINING, claim.held)


def test_a_worker_that_starts_is_wanted_no_more(pools: Pools, janitor: Janitor) -> None:
    worker = pools.requested()
    janitor("pool", "drain", str(worker)[:8])
    assert record(pools, worker).end_wanted is WorkerEnd.DRAINED


def test_all_of_one_pool_and_of_no_other(pools: Pools, janitor: Janitor) -> None:
    mine, other = [pools.ready(), pools.ready()], pools.ready("large")
    code, said = janitor("pool", "drain", "--all", "--pool", "default", "--json")
    assert code == ExitCode.OK
    assert {each["worker_id"] for each in said["drained"]} == {str(each) for each in mine}
    assert pools.state_of(other) is WorkerState.READY
    with transaction(pools.settings.writer_url) as connection:
        assert not stops.is_stopped(connection, pools.settings.deployment, "default")


def test_a_beginning_that_could_be_several_is_refused(pools: Pools, janitor: Janitor) -> None:
    twins = [UUID("0badcafe-0000-4000-8000-00000000000" + end) for end in "12"]
    for twin in twins:
        pools.execute(
            "insert into workers (worker_id, deployment, pool, provider) values (%(w)s, %(d)s, 'default', 'local')",
            w=twin,
            d=pools.settings.deployment,
        )
    code, text = janitor("pool", "drain", "0badcafe")
    assert code == ExitCode.USAGE
    assert all(f"{twin} (default, requested)" in text for twin in twins)
    assert janitor("pool", "drain", str(twins[0]))[0] == ExitCode.OK


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("stop",), "name default or large"),
        (("stop", "defualt"), "did you mean default?"),
        (("stop", "nosuchpool"), "there is default or large"),
        (("drain", "default"), "default is a pool"),
        (("drain", "ffffffff"), "no worker of "),
        (("drain", "ff"), "too short"),
        (("drain",), "give either a worker or --all"),
        (("drain", "ffffffff", "--all"), "give either a worker or --all"),
        (("drain", "ffffffff", "--pool", "default"), "--pool goes with --all"),
        (("drain", "--all"), "name default or large"),
        (("drian", "ffffffff"), "did you mean drain?"),
    ],
)
def test_what_names_nobody_says_what_it_could_be(words: tuple[str, ...], said: str, janitor: Janitor) -> None:
    code, text = janitor("pool", *words)
    assert code == ExitCode.USAGE
    assert said in text


def test_a_worker_is_no_pool(pools: Pools, janitor: Janitor) -> None:
    worker = pools.ready()
    code, text = janitor("pool", "stop", str(worker)[:8])
    assert code == ExitCode.USAGE
    assert "names a worker" in text
    assert str(worker) in text


def test_a_worker_that_ended_is_none(pools: Pools, janitor: Janitor) -> None:
    worker = pools.requested()
    pools.execute("update workers set state = 'failed', end_reason = 'operator' where worker_id = %(w)s", w=worker)
    code, text = janitor("pool", "drain", str(worker))
    assert code == ExitCode.USAGE
    assert "no live worker begins with" in text
