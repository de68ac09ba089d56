"""Ending the processes of a stack, whatever they do to escape."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from janitor.stack.state.layout import STACK_ID_VARIABLE, Layout
from janitor.stack.supervisor.processes import end_processes, stack_processes

GRACE = timedelta(seconds=0.5)
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
)


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    made = Layout(tmp_path / "state")
    made.create()
    yield made
    end_processes(made, grace=timedelta())


def environment(layout: Layout) -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", STACK_ID_VARIABLE: layout.stack_id}


def test_a_daemon_of_its_own_session_is_found_by_its_mark(layout: Layout) -> None:
    subprocess.run(["sh", "-c", "setsid sleep 77 >/dev/null 2>&1 &"], env=environment(layout), check=True)
    (daemon,) = stack_processes(layout)
    assert daemon.cmdline() == ["sleep", "77"]
    (ended,) = end_processes(layout, grace=GRACE)
    assert (ended.pid, ended.title, ended.killed) == (daemon.pid, "sleep 77", False)
    assert not stack_processes(layout)


def test_what_ignores_sigterm_is_killed(layout: Layout) -> None:
    command = [sys.executable, "-c", STUBBORN]
    with subprocess.Popen(command, env=environment(layout), stdout=subprocess.PIPE) as stubborn:
        assert stubborn.stdout is not None
        assert stubborn.stdout.readline() == b"ready\n"
        (ended,) = end_processes(layout, grace=GRACE)
        assert ended.killed
        assert stubborn.wait(120) == -9


def test_an_instance_without_the_mark_is_found_by_its_folder(layout: Layout) -> None:
    home = layout.cloud / "boxes" / "i-1"
    home.mkdir(parents=True)
    with subprocess.Popen(["sleep", "78"], cwd=home, env={"PATH": "/usr/bin:/bin"}, start_new_session=True) as box:
        assert [p.pid for p in end_processes(layout, grace=GRACE)] == [box.pid]


def test_other_processes_are_spared(layout: Layout, tmp_path: Path) -> None:
    other = Layout(tmp_path / "other")
    with (
        subprocess.Popen(["sleep", "79"], env=environment(other)) as neighbour,
        subprocess.Popen(["sleep", "80"], cwd=layout.logs) as visitor,
    ):
        assert end_processes(layout, grace=GRACE) == []
        assert neighbour.poll() is None
        assert visitor.poll() is None
        neighbour.kill()
        visitor.kill()
