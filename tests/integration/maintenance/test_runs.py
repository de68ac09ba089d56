"""Runs side by side: no shard has two of them, and however one ends, nothing is held and nothing is left."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from janitor.domain.errors import NotFoundError
from janitor.domain.repair.shard import Shard
from janitor.domain.repair.states import ShardStatus
from janitor.domain.workspace.lease import LeaseKind
from janitor.services.maintenance.stopping import stop_run
from janitor.services.maintenance.supervising import SupervisedRun, Supervision, Watcher
from janitor.services.maintenance.sweeping import end_abandoned, sweep_all
from janitor.services.maintenance.workshop import Edge
from janitor.services.maintenance.worktrees import worktrees
from janitor.services.workspaces.manager import WorkspaceManager
from janitor.settings import Settings
from janitor.stores import shards as store
from janitor.stores import workspaces as lease_store
from janitor.stores.database import transaction
from tests.support.maintenance import Broken, broken_run, discovered_and_claimed, start_run_process

Start = Callable[..., "subprocess.Popen[bytes]"]


class Seen(Watcher):
    """Keeps what is said; may interrupt whoever watches."""

    def __init__(self, interrupt_at: str = "") -> None:
        self.lines: list[tuple[str, str]] = []
        self.interrupt_at = interrupt_at

    def said(self, run: SupervisedRun, line: str) -> None:
        self.lines.append((run.run_id, line))
        if self.interrupt_at and line.endswith(self.interrupt_at):
            self.interrupt_at = ""
            raise KeyboardInterrupt


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Start:
    """Starts a run of this test's deployment."""
    return lambda run_id, **more: start_run_process(environment, tmp_path / "shop" / run_id, run_id, **more)


def watched(start: Start, *run_ids: str, workers: int = 3, interrupt_at: str = "", **more: object) -> Supervision:
    runs = [SupervisedRun(run_id=run_id) for run_id in run_ids]
    seen = Seen(interrupt_at)
    return Supervision(runs=runs, workers=workers, start=lambda run_id: start(run_id, **more), watcher=seen)


def shards_of(settings: Settings, *run_ids: str) -> list[Shard]:
    with transaction(settings.reader_url) as connection:
        return [shard for run_id in run_ids for shard in store.of_run(connection, settings.deployment, run_id)]


def assert_nothing_is_held(settings: Settings) -> None:
    with transaction(settings.reader_url) as connection:
        assert lease_store.open_leases(connection, settings.deployment) == []
        assert store.live(connection, settings.deployment) == []
    assert list(settings.runs_root.glob("*/trees/*")) == []


def test_three_runs_share_the_shards_and_nothing_else(settings: Settings, start: Start, tmp_path: Path) -> None:
    own = [Broken(name=f"worker-{n}", reason=f"KeyError: '{chr(97 + n)}'") for n in range(5)]
    shared = [Broken(name=f"shared-{n}", reason="the same everywhere") for n in range(3)]
    broken_run(settings, tmp_path / "origins", *own, *shared, Broken(name="lost", error=True))
    supervision = watched(start, "a", "b", "c")
    supervision.watch()

    assert {run.run_id: run.exit_code for run in supervision.runs} == {"a": 0, "b": 0, "c": 0}
    shards = shards_of(settings, "a", "b", "c")
    assert sorted(shard.repository for shard in shards) == sorted(f"acme/{each.name}" for each in (*own, *shared))
    assert {shard.outcome for shard in shards} == {"published: exit codes [0, 1]"}
    assert_nothing_is_held(settings)
    # Of a shared cause one went first, whichever run had it.
    canary, *others = sorted(
        (shard for shard in shards if "shared" in shard.repository), key=lambda shard: str(shard.started_at)
    )
    assert canary.completed_at is not None
    assert all(other.started_at is not None and other.started_at >= canary.completed_at for other in others)
    # What each keeps is in its own folder.
    for run_id in ("a", "b", "c"):
        mine = {shard.shard_id for shard in shards if shard.run_id == run_id}
        kept = {path.parent.parent.name for path in settings.runs_root.glob(f"{run_id}/artefacts/*/*/repair.patch")}
        assert len(kept) == len(mine)
        assert all(name.startswith(f"{run_id}%2F") for name in kept)


def test_an_interrupt_ends_all_of_them_and_gives_everything_back(
    settings: Settings, start: Start, tmp_path: Path
) -> None:
    broken_run(settings, tmp_path / "origins", Broken(name="worker-a"), Broken(name="worker-b", reason="another"))
    supervision = watched(start, "a", "b", interrupt_at="checked_out", stay_at=Edge.CHECKED_OUT)
    with pytest.raises(KeyboardInterrupt):
        supervision.watch()
    assert all(run.process is not None and run.exit_code is not None for run in supervision.runs)
    assert_nothing_is_held(settings)
    ended = shards_of(settings, "a", "b")
    assert ended
    assert {shard.status for shard in ended} == {ShardStatus.FAILED}
    assert all("its run was ended" in str(shard.error_message) for shard in ended)


def test_a_killed_run_is_told_of_and_not_started_again_and_the_others_go_on(
    settings: Settings, start: Start, tmp_path: Path
) -> None:
    broken_run(settings, tmp_path / "origins", Broken(name="worker-a"), Broken(name="worker-b", reason="another"))
    killed = start("killed", stay_at=Edge.CHECKED_OUT)
    assert killed.stdout is not None
    while not killed.stdout.readline().endswith(b"checked_out\n"):
        pass
    supervision = watched(start, "other")
    supervision.watch()
    os.kill(killed.pid, signal.SIGKILL)
    assert killed.wait(30) == -9
    killed.stdout.close()
    [done] = shards_of(settings, "other")
    assert done.outcome == "published: exit codes [0, 1]"
    [left] = shards_of(settings, "killed")
    assert left.status is ShardStatus.RUNNING
    manager = WorkspaceManager.of(settings)
    assert [shard.shard_id for shard in sweep_all(manager, dry_run=True).ended] == []
    assert [shard.shard_id for shard in sweep_all(manager).ended] == [left.shard_id]
    assert_nothing_is_held(settings)
    # The same run again: it has tried this one, which is said, and works on nothing twice.
    again = watched(start, "killed")
    again.watch()
    assert shards_of(settings, "killed")[0].attempt == 1


def test_a_run_that_takes_too_long_is_ended_and_the_others_go_on(
    settings: Settings, start: Start, tmp_path: Path
) -> None:
    broken_run(settings, tmp_path / "origins", Broken(name="worker-a"))
    runs, seen = [SupervisedRun(run_id="hangs")], Seen()
    stay = {"stay_at": Edge.CHECKED_OUT}
    supervision = Supervision(
        runs=runs, workers=1, start=lambda run_id: start(run_id, **stay), watcher=seen, limit=timedelta(seconds=20)
    )
    supervision.watch()
    assert (runs[0].is_overdue, runs[0].exit_code) == (True, 0)
    assert any("is ended" in line for _, line in seen.lines)
    assert_nothing_is_held(settings)
    assert [shard.status for shard in shards_of(settings, "hangs")] == [ShardStatus.FAILED]


@pytest.mark.parametrize("stubborn", [False, True], ids=["ends when asked", "has to be killed"])
def test_a_run_is_stopped_from_outside(settings: Settings, start: Start, tmp_path: Path, stubborn: bool) -> None:
    broken_run(settings, tmp_path / "origins", Broken(name="worker-a"))
    run = start("night", stay_at=Edge.CHECKED_OUT, stubborn=stubborn)
    assert run.stdout is not None
    while not run.stdout.readline().endswith(b"checked_out\n"):
        pass
    manager = WorkspaceManager.of(settings)
    [tree] = worktrees(manager)
    assert (tree.is_here, tree.is_dirty, tree.lease.subject.run_id) == (True, False, "night")
    assert (tree.judgement.reason, tree.lease.subject.kind) == (f"process {run.pid} runs", LeaseKind.WORKSPACE)
    assert (tree.size_bytes or 0) > 0
    (Path(str(tree.lease.path)) / "new").write_text("work")
    assert worktrees(manager)[0].is_dirty is True
    assert end_abandoned(manager) == [], "it lives"
    with pytest.raises(NotFoundError, match="those at work: night"):
        stop_run(manager, "nigth")

    stopped = stop_run(manager, "night", limit=timedelta(seconds=3 if stubborn else 60))

    assert (stopped.pid, stopped.killed) == (run.pid, stubborn)
    run.wait(30)
    run.stdout.close()
    assert_nothing_is_held(settings)
    assert [shard.status for shard in shards_of(settings, "night")] == [ShardStatus.FAILED]
    [patch] = settings.runs_root.glob("night/patches/*.patch")
    assert b"work" in patch.read_bytes()


def test_what_a_dag_run_claimed_is_left_until_airflow_says_that_it_is_over(settings: Settings, tmp_path: Path) -> None:
    broken_run(settings, tmp_path / "origins", Broken(name="worker-a"))
    _, [shard] = discovered_and_claimed(settings, "dag-run", airflow_run_id="dag-run")
    manager = WorkspaceManager.of(settings)
    asked: list[str] = []

    def over(airflow_run_id: str) -> bool:
        asked.append(airflow_run_id)
        return len(asked) > 1

    assert sweep_all(manager).ended == []
    assert sweep_all(manager, is_over=over).ended == []
    assert [each.shard_id for each in sweep_all(manager, is_over=over).ended] == [shard.shard_id]
    assert "run dag-run is over" in str(shards_of(settings, "dag-run")[0].error_message)
