"""What the commands show of a deployment's pools, as text and as JSON."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from janitor.cli.exit_codes import ExitCode
from janitor.cli.screens.rows import POOL, rows_of
from janitor.domain.snapshot.alerts import AlertCode, alerts_of
from janitor.services.snapshot.take import take_snapshot
from janitor.stores.database import transaction
from janitor.stores.pool import decisions
from janitor.views.snapshot import snapshot_dict
from janitor.views.text.snapshot import snapshot_text
from tests.integration.pool_control.conftest import Janitor
from tests.integration.pool_control.pools import Pools
from tests.integration.snapshot.test_snapshot import check_document


def decided(pools: Pools, why: str, *, pool: str = "default", actions: tuple[dict[str, object], ...] = ()) -> None:
    with transaction(pools.settings.writer_url) as connection:
        decisions.keep(connection, pools.settings.deployment, pool, inputs={"queued": 2}, actions=actions, why=why)


def test_a_pool_at_work(pools: Pools, janitor: Janitor) -> None:
    busy, idle = pools.ready(), pools.ready()
    pools.queued()
    claim = pools.claim(busy)
    waiting = pools.queued(domain=None)
    decided(pools, "1 waits, 1 ready, 1 busy: 2 wanted")

    code, seen = janitor("pool", "status", "--json")
    assert code == ExitCode.OK
    default, large = seen["pools"]
    assert (default["name"], large["name"]) == ("default", "large")
    assert default["by_state"] == {"busy": 1, "ready": 1}
    assert (default["waiting"], default["held"]) == (1, 1)
    assert default["why"] == "1 waits, 1 ready, 1 busy: 2 wanted"
    assert default["config"]["max_workers"] == 2
    workers = {each["worker_id"]: each for each in default["workers"]}
    assert workers[str(busy)]["task"]["task_id"] == str(claim.held.task_id)
    assert workers[str(busy)]["task"]["repository"] == "acme/worker-a"
    assert workers[str(busy)]["idle_since"] is None
    assert workers[str(idle)]["task"] is None
    assert datetime.fromisoformat(workers[str(idle)]["idle_since"]) <= datetime.now(timezone.utc)
    assert (large["workers"], large["waiting"], large["decided_at"]) == ([], 0, None)
    assert seen["alerts"] == []

    code, text = janitor("pool", "status")
    assert code == ExitCode.OK
    assert "pool default: 1 ready, 1 busy; 1 waiting (the oldest for " in text
    assert "0 to 2 workers" in text
    assert "acme/worker-a for " in text
    assert "idle for " in text
    assert "alone on a worker" in text
    assert str(waiting)[:8] in text


def test_what_is_wrong_is_said_and_the_exit_code_is_1(pools: Pools, janitor: Janitor) -> None:
    worker = pools.ready()
    decided(pools, "nothing to do")
    pools.execute("update workers set last_alive_at = now() - interval '4 minutes' where worker_id = %(w)s", w=worker)
    code, seen = janitor("pool", "status", "--pool", "default", "--json")
    assert code == ExitCode.NOT_SUCCESSFUL
    (alert,) = seen["alerts"]
    assert (alert["what"], alert["is_critical"], alert["subject"]) == ("stale", False, str(worker))
    code, text = janitor("pool", "status")
    assert code == ExitCode.NOT_SUCCESSFUL
    assert "has shown no life for 4 min" in text
    assert f"janitor pool terminate {str(worker)[:8]} --now" in text


def test_a_pool_that_nobody_looks_after_is_critical(pools: Pools, janitor: Janitor) -> None:
    worker = pools.ready()
    pools.execute("update workers set requested_at = now() - interval '9 minutes' where worker_id = %(w)s", w=worker)
    code, text = janitor("pool", "status")
    assert code == ExitCode.INFRASTRUCTURE
    assert "no pass is made: none was ever made" in text


def test_what_a_person_ordered_is_no_pass(pools: Pools, janitor: Janitor) -> None:
    worker = pools.ready()
    pools.execute("update workers set requested_at = now() - interval '9 minutes' where worker_id = %(w)s", w=worker)
    janitor("pool", "drain", str(worker)[:8])
    assert janitor("pool", "status")[0] == ExitCode.INFRASTRUCTURE


def test_the_queue(pools: Pools, janitor: Janitor) -> None:
    busy = pools.ready()
    first = pools.queued()
    pools.claim(busy)
    rest = [pools.queued(), pools.queued(domain="organization:umbrella"), pools.queued()]
    code, seen = janitor("pool", "queue", "--json")
    assert code == ExitCode.OK
    (pool,) = seen["pools"]
    assert [each["task_id"] for each in pool["tasks"]] == [str(each) for each in (first, *rest)]
    assert [(each["trust_domain"], each["count"]) for each in pool["waiting"]] == [
        ("organization:acme", 2),
        ("organization:umbrella", 1),
    ]
    _, text = janitor("pool", "queue")
    assert "pool default: 3 waiting, 1 held" in text
    assert "2 of organization:acme, the oldest for " in text
    assert f"on worker {str(busy)[:8]}" in text
    assert janitor("pool", "queue", "--pool", "large", "--json")[1]["pools"][0]["tasks"] == []


def test_the_workers_with_those_that_ended(pools: Pools, janitor: Janitor) -> None:
    live, over = pools.ready(), pools.ready("large")
    pools.execute("update workers set state = 'terminating', end_reason = 'idle' where worker_id = %(w)s", w=over)
    pools.execute("update workers set state = 'terminated' where worker_id = %(w)s", w=over)
    code, seen = janitor("pool", "list", "--json")
    assert (code, [each["worker_id"] for each in seen["workers"]]) == (ExitCode.OK, [str(live)])
    _, seen = janitor("pool", "list", "--ended", "5", "--json")
    assert [(each["worker_id"], each["end_reason"]) for each in seen["workers"]] == [
        (str(live), None),
        (str(over), "idle"),
    ]
    _, text = janitor("pool", "list", "--ended", "5")
    assert text.splitlines()[-1] == "1 worker is live."
    assert "terminated" in text


def test_decisions_say_why(pools: Pools, janitor: Janitor) -> None:
    decided(pools, "nothing waits")
    decided(pools, "2 wait: 1 wanted", actions=({"kind": "spawn", "count": 1, "why": "2 would wait 900 s"},))
    decided(pools, "another pool", pool="large")
    _, seen = janitor("pool", "decisions", "--pool", "default", "--json")
    assert [each["why"] for each in seen["decisions"]] == ["2 wait: 1 wanted", "nothing waits"]
    assert seen["decisions"][0]["inputs"] == {"queued": 2}
    _, seen = janitor("pool", "decisions", "--acted", "--json")
    assert [each["why"] for each in seen["decisions"]] == ["2 wait: 1 wanted"]
    _, text = janitor("pool", "decisions", "--last", "2")
    assert "  spawn 1: 2 would wait 900 s" in text
    assert "pool large: another pool" in text
    assert "nothing waits" not in text


def test_a_snapshot_shows_the_pools_and_its_document_keeps_to_the_schema(pools: Pools, janitor: Janitor) -> None:
    busy = pools.ready()
    pools.queued()
    pools.claim(busy)
    pools.queued()
    janitor("pool", "stop", "default")
    snapshot = take_snapshot(pools.settings, ask_airflow=False)
    (pool,) = snapshot.pools
    assert [each.worker_id for each in pool.workers] == [busy]
    assert [alert.code for alert in alerts_of(snapshot)] == [AlertCode.POOL_STOPPED]
    document = snapshot_dict(snapshot, alerts_of(snapshot))
    check_document(document)
    assert document["pools"][0]["waiting"] == 1
    text = snapshot_text(snapshot, alerts_of(snapshot))
    assert "pool default: 1 busy; 1 waiting" in text


def test_the_screen_has_a_pane_of_them(pools: Pools) -> None:
    busy = pools.ready()
    pools.queued()
    claim = pools.claim(busy)
    waiting = pools.queued(domain=None)
    decided(pools, "1 waits: 1 wanted")
    decided(pools, "nothing waits", pool="large")
    snapshot = take_snapshot(pools.settings, ask_airflow=False)
    worker, task, quiet = rows_of(POOL, snapshot, alerts_of(snapshot))
    assert worker.cells[:3] == (f"worker {str(busy)[:8]}", "default", "busy")
    assert worker.cells[3].startswith("acme/worker-a for ")
    assert worker.log_of is not None
    assert worker.log_of[0] == "acme/worker-a"
    told = "\n".join(worker.details)
    assert f"fence {claim.held.fence}" in told
    assert "Last decision, " in told
    assert f"  janitor pool terminate {str(busy)[:8]}" in told
    assert (task.key, task.cells[2:4]) == (f"task:{waiting}", ("queued", "alone on a worker"))
    assert (quiet.cells[0], quiet.cells[1], quiet.cells[3]) == ("no workers", "large", "nothing waits")
    assert all(len(row.cells) == len(POOL.columns) for row in (worker, task, quiet))


@pytest.mark.parametrize("command", ["status", "list", "queue", "decisions"])
def test_a_look_needs_no_more_than_to_read(
    command: str, pools: Pools, janitor: Janitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    pools.queued()
    monkeypatch.setenv("JANITOR_DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")
    code, _ = janitor("pool", command, "--json")
    assert code == ExitCode.OK
