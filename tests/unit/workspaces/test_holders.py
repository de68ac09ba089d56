"""Who may be called dead: only whom something proves it of."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace

import pytest

from janitor.domain.workspace.holder import INITIAL_PID_NAMESPACE, Holder, Liveness, Machine, Sighting, judge
from janitor.guest.processes.marked import end_marked, marked_processes
from janitor.guest.processes.proc_stat import read_stat
from janitor.services.workspaces.machine import this_process

MACHINE = Machine(host="a", machine_id="m", boot_id="b1", pid_namespace=INITIAL_PID_NAMESPACE)
HOLDER = Holder(machine=MACHINE, pid=7, started=100)
RESTARTED = replace(MACHINE, boot_id="b2")
CONTAINER = replace(MACHINE, pid_namespace=5)


@pytest.mark.parametrize(
    ("holder", "seen", "expected"),
    [
        (HOLDER, Sighting(here=MACHINE, started=100), Liveness.ALIVE),
        (HOLDER, Sighting(here=MACHINE, started=None), Liveness.DEAD),
        (HOLDER, Sighting(here=MACHINE, started=101), Liveness.DEAD),
        (HOLDER, Sighting(here=MACHINE, started=None, left_behind=1), Liveness.ALIVE),
        (HOLDER, Sighting(here=RESTARTED, started=100), Liveness.DEAD),
        (HOLDER, Sighting(here=replace(RESTARTED, host="b"), started=None), Liveness.UNKNOWN),
        (HOLDER, Sighting(here=replace(RESTARTED, machine_id="n"), started=None), Liveness.UNKNOWN),
        # A container that is started anew can be on another machine, with the same name and the same image.
        (
            replace(HOLDER, machine=CONTAINER),
            Sighting(here=replace(RESTARTED, pid_namespace=5), started=None),
            Liveness.UNKNOWN,
        ),
        (HOLDER, Sighting(here=CONTAINER, started=None), Liveness.UNKNOWN),
        (replace(HOLDER, started=0), Sighting(here=MACHINE, started=None), Liveness.UNKNOWN),
        (
            replace(HOLDER, machine=replace(MACHINE, boot_id="")),
            Sighting(here=replace(MACHINE, boot_id=""), started=None),
            Liveness.UNKNOWN,
        ),
        (
            HOLDER,
            Sighting(here=replace(MACHINE, boot_id="x", host="y"), started=None, instance_terminated=True),
            Liveness.DEAD,
        ),
    ],
)
def test_only_what_is_proved_counts(holder: Holder, seen: Sighting, expected: Liveness) -> None:
    judgement = judge(holder, seen)
    assert judgement.liveness is expected
    assert judgement.reason
    assert judgement.is_dead is (expected is Liveness.DEAD)


def test_this_process_is_told_from_every_other() -> None:
    holder = this_process()
    assert holder.pid == os.getpid()
    child = subprocess.Popen(["sleep", "60"])
    try:
        seen = read_stat(child.pid)
        assert seen is not None
        assert seen.parent == os.getpid()
        assert seen.started >= holder.started > 0
        assert not seen.is_dead
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        ended = read_stat(child.pid)
        assert ended is not None
        assert ended.is_dead
    finally:
        child.kill()
        child.wait()
    assert read_stat(child.pid) is None


def test_processes_are_found_by_their_mark_and_by_no_part_of_it() -> None:
    from datetime import timedelta

    env = {"PATH": os.environ["PATH"], "JANITOR_TEST_MARK": "one.1"}
    child = subprocess.Popen(["sleep", "60"], env=env)
    try:
        assert marked_processes("JANITOR_TEST_MARK", "one.1") == [child.pid]
        assert marked_processes("JANITOR_TEST_MARK", "one.11") == []
        assert marked_processes("JANITOR_TEST_MARK", "one") == []
        assert end_marked("JANITOR_TEST_MARK", "one.1", within=timedelta(seconds=30)) == []
    finally:
        child.kill()
        assert child.wait() == -9
