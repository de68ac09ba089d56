"""Holders killed at each edge: nothing is held and nothing is left after a sweep, and the living keep theirs."""

from __future__ import annotations

import signal
import subprocess
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from janitor.domain.errors import LeaseHeldError, NotFoundError
from janitor.domain.workspace.lease import Lease, LeaseState, Subject
from janitor.guest.processes.marked import end_marked, marked_processes
from janitor.services.workspaces.leasing import take
from janitor.services.workspaces.machine import LEASE_MARK
from janitor.services.workspaces.manager import WorkspaceManager
from janitor.services.workspaces.sweep import Swept, force_unlock, sweep
from janitor.stores import workspaces as store
from janitor.stores.database import transaction
from tests.support.git_origins import Origin, fingerprint
from tests.support.postgres import TestDatabase
from tests.support.workspace_holder import Place, killing_git, start_holder

_CHANGED = {"files": {"handler.py": "print('mended')\n"}}
EDGES: dict[str, dict[str, Any]] = {
    "init": {},
    "fetch": {},
    "rev-parse": {},
    "worktree": {},
    "work": {"die": True, **_CHANGED},
    "commit": {"commit": True, **_CHANGED},
    "update-index": _CHANGED,
    "diff": _CHANGED,
    "first folder": {"die_on": ["os.mkdir", "/trees", 1]},
    "patch": {"die_on": ["os.rename", ".patch.new", 1], **_CHANGED},
    "removal": {"die_on": ["shutil.rmtree", "/trees/", 1], **_CHANGED},
    "half removed": {"die_on": ["os.remove", "20", 3]},
    "last removal": {"die_on": ["shutil.rmtree", ".trees/worktrees/", 1], **_CHANGED},
}
"""Where each dies: at a subcommand of git that goes on as an orphan, in its work, or at a step of its own on the disk;
and what it does before."""


def open_leases(manager: WorkspaceManager) -> list[Lease]:
    with transaction(manager.database_url) as connection:
        return [lease for lease, _ in store.open_leases(connection, manager.deployment)]


def test_killed_at_each_edge_nothing_is_left_after_a_sweep(
    manager: WorkspaceManager, place: Place, origin: Origin, tmp_path: Path
) -> None:
    others = {edge: Origin(tmp_path / f"origin of {edge}") for edge in EDGES}
    for other in others.values():
        other.commit({"handler.py": "print('one')\n", **{f"files/{n}": "x" * 1000 for n in range(300)}})
    with manager.workspace("alive", origin.url, "main") as alive:
        (alive.path / "work").write_text("in progress")
        holders = {}
        for edge, more in EDGES.items():
            theirs = place
            if edge != "work" and "die_on" not in more:
                theirs = replace(place, search_path=killing_git(tmp_path / f"bin-{edge}", edge, waits=1.0))
            order = {"run_id": f"dies in {edge}", "url": others[edge].url, "ref": "main", **more}
            holders[edge] = start_holder(theirs, "work", **order)
        for edge, holder in holders.items():
            assert holder.wait(120) == -9, f"the holder of {edge} was not killed"
            assert holder.stdout is not None
            holder.stdout.close()
        assert len(open_leases(manager)) == len(EDGES) + 1

        lines = {str(line.lease and line.lease.subject.run_id): line for line in sweep(manager)}
        assert lines.pop("alive").what is Swept.LIVE
        assert {run: (line.what, line.reason) for run, line in lines.items() if line.what is not Swept.REMOVED} == {}
        assert [lease.subject.run_id for lease in open_leases(manager)] == ["alive"]
        assert [path.name for path in manager.runs.glob("*/trees/*")] == [alive.path.name]
        assert (alive.path / "work").read_text() == "in progress"
        for edge, other in others.items():
            mirror = manager.mirror(other.url)
            assert [name for name in fingerprint(mirror.path) if name.endswith(".lock")] == []
            assert list(mirror.hub.glob("worktrees/*")) == []
            # And the next one finds everything in order.
            with manager.workspace("next", other.url, "main") as workspace:
                assert (workspace.path / "handler.py").read_text() == "print('one')\n"
            kept = list(manager.run(f"dies in {edge}").path.glob("patches/*"))
            assert len(kept) == (1 if "files" in EDGES[edge] else 0), edge
            assert all(b"mended" in path.read_bytes() for path in kept)


def test_a_dead_holders_lease_is_taken_at_once_by_the_next(
    manager: WorkspaceManager, place: Place, origin: Origin
) -> None:
    holder = start_holder(place, "work", run_id="r", url=origin.url, ref="main", die=True)
    out, _ = holder.communicate(timeout=120)
    lease_id, path = out.split()
    with manager.workspace("r", origin.url, "main") as workspace:
        assert str(workspace.path) != path
        with transaction(manager.database_url) as connection:
            found = store.find(connection, manager.deployment, UUID(lease_id))
        assert found is not None
        assert found[0].state is LeaseState.FENCED
        assert "has ended" in str(found[0].ended_by)
        sweep(manager)
        assert not Path(path).exists()
        assert workspace.path.exists()


def test_a_holder_that_lives_is_never_unlocked(manager: WorkspaceManager, place: Place, origin: Origin) -> None:
    holder = start_holder(place, "work", run_id="r", url=origin.url, ref="main", stay=True)
    assert holder.stdout is not None
    lease_id, path = holder.stdout.readline().split()
    try:
        with pytest.raises(LeaseHeldError, match=rf"held by pid {holder.pid} on .*process {holder.pid} runs.* since"):
            force_unlock(manager, UUID(lease_id))
        [line] = sweep(manager)
        assert line.what is Swept.LIVE
        assert Path(path).exists()
    finally:
        holder.kill()
        holder.wait(60)
        holder.stdout.close()
    assert force_unlock(manager, UUID(lease_id)).what is Swept.REMOVED
    assert not Path(path).exists()
    with pytest.raises(NotFoundError):
        force_unlock(manager, uuid4())


def test_a_stopped_holder_whose_time_is_over_keeps_its_own_tree_and_gets_no_other(
    manager: WorkspaceManager, place: Place, origin: Origin
) -> None:
    holder = start_holder(replace(place, ttl_seconds=6), "work", run_id="r", url=origin.url, ref="main", stay=True)
    assert holder.stdout is not None
    _, path = holder.stdout.readline().split()
    try:
        holder.send_signal(signal.SIGSTOP)
        [line] = sweep(manager)
        assert line.what is Swept.LIVE, "stopped, and its time isn't over"
        deadline = time.monotonic() + 60
        while line.what is Swept.LIVE and time.monotonic() < deadline:
            time.sleep(0.2)
            [line] = sweep(manager)
        assert line.what is Swept.QUARANTINED
        with manager.workspace("r", origin.url, "main") as workspace:
            (Path(path) / "still-here").unlink(missing_ok=True)
            holder.send_signal(signal.SIGCONT)
            deadline = time.monotonic() + 60
            while not (Path(path) / "still-here").exists() and time.monotonic() < deadline:
                time.sleep(0.05)
            assert (Path(path) / "still-here").exists(), "it writes on, and where it always did"
            assert not (workspace.path / "still-here").exists()
    finally:
        holder.kill()
        holder.wait(60)
        holder.stdout.close()
    [line] = sweep(manager)
    assert line.what is Swept.REMOVED
    assert not Path(path).exists()
    assert open_leases(manager) == []


def test_what_a_dead_holder_left_running_is_ended_before_its_tree_goes(
    manager: WorkspaceManager, place: Place, origin: Origin
) -> None:
    holder = start_holder(place, "work", run_id="r", url=origin.url, ref="main", die=True)
    out, _ = holder.communicate(timeout=120)
    path = out.split()[1]
    [lease] = open_leases(manager)
    env = {LEASE_MARK: lease.name, "PATH": place.search_path}
    orphan = subprocess.Popen(["sleep", "600"], env=env, cwd="/")
    assert marked_processes(LEASE_MARK, lease.name) == [orphan.pid]
    assert [line.what for line in sweep(manager, dry_run=True)] == [Swept.LIVE]
    assert orphan.poll() is None, "a look changes nothing"
    assert [line.what for line in sweep(manager)] == [Swept.REMOVED]
    assert orphan.wait(30) == -9
    assert not Path(path).exists()
    assert end_marked(LEASE_MARK, lease.name, within=timedelta(seconds=1)) == []


def _pretend(database: TestDatabase, lease: Lease, **columns: object) -> None:
    """Write down another holder than this process."""
    with psycopg.connect(database.owner_url) as connection:
        for name, value in columns.items():
            connection.execute(
                f"update janitor.workspace_leases set {name} = %s where lease_id = %s", (value, lease.lease_id)
            )


def _held(manager: WorkspaceManager, instance_id: str | None = None) -> Lease:
    subject = Subject(deployment=manager.deployment, run_id=uuid4().hex, workspace_key="https://example.com/a")
    holder = replace(manager.holder, instance_id=instance_id)
    held = take(manager.database_url, subject, holder, folder=str(manager.run(subject.run_id).trees))
    held.stop_renewing()
    return held.lease


def test_a_number_that_another_process_has_now_proves_its_death(
    manager: WorkspaceManager, database: TestDatabase
) -> None:
    lease = _held(manager)
    _pretend(database, lease, pid_started=1)
    line = force_unlock(manager, lease.lease_id)
    assert line.what is Swept.REMOVED
    assert "its number is another process's" in line.reason


@pytest.mark.parametrize(
    "columns",
    [{"boot_id": "another", "holder_host": "another"}, {"pid_namespace": 7}, {"boot_id": ""}, {"pid_started": 0}],
    ids=["other host", "other container", "unknown boot", "unknown start"],
)
def test_what_cant_be_known_is_not_dead(
    manager: WorkspaceManager, database: TestDatabase, columns: dict[str, object]
) -> None:
    lease = _held(manager)
    _pretend(database, lease, pid=2**22 - 1, **columns)
    with pytest.raises(LeaseHeldError):
        force_unlock(manager, lease.lease_id)
    assert [line.what for line in sweep(manager)] == [Swept.LIVE]


def test_another_host_is_refused_until_its_machine_is_terminated(
    manager: WorkspaceManager, database: TestDatabase
) -> None:
    instance_id = f"i-{uuid4().hex[:17]}"
    lease = _held(manager, instance_id)
    _pretend(database, lease, boot_id="another", holder_host="another", machine_id="another")
    with pytest.raises(LeaseHeldError, match="can't be seen from"):
        force_unlock(manager, lease.lease_id)
    with psycopg.connect(database.owner_url) as connection:
        connection.execute(
            "insert into janitor.instances (deployment, generation, client_token, tags, instance_id, instance_type,"
            " market, deadline_at, expires_at, state, origin, launched_at, ended_at, termination_reason)"
            " values (%s, 1, %s, '{}', %s, 't3', 'spot', now(), now(), 'terminated', 'adopted', now(), now(),"
            " 'orphan')",
            (manager.deployment, instance_id, instance_id),
        )
    line = force_unlock(manager, lease.lease_id)
    assert line.what is Swept.REMOVED
    assert "is terminated" in line.reason
    assert open_leases(manager) == []
