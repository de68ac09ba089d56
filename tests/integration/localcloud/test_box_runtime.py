"""The process runtime, with each way of holding a box's processes together that works on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from localcloud.box.containment import Containment
from localcloud.box.layout import BoxFiles, write_program
from localcloud.box.process import ProcessRuntime
from localcloud.box.runtime import (
    Box,
    BoxCommand,
    BoxEvent,
    BoxSpec,
    CommandEnded,
    Ending,
    Gone,
    Halted,
    OutputGrew,
    PoweredOff,
    Ready,
)
from tests.support import escapes
from tests.support.cloud import eventually, processes_with, unique

pytestmark = pytest.mark.local_only

WAIT = timedelta(seconds=15)
COMPLETE = [Containment.PID_NAMESPACE, Containment.USER_NAMESPACE, Containment.SUBREAPER]


class Tenant:
    """A box under test."""

    def __init__(self, containment: Containment, folder: Path) -> None:
        if not containment.available:
            pytest.skip(f"{containment.value} does not work on this machine")
        self.files = BoxFiles(root=folder / "box", records=folder / "records")
        self.files.create()
        environment = {
            "PATH": f"{self.files.programs}:{os.environ['PATH']}",
            "HOME": str(self.files.home),
            "TMPDIR": str(self.files.temporary),
        }
        spec = BoxSpec(instance_id="i-1", root=self.files.root, environment=environment)
        self.box: Box = ProcessRuntime(containment).start(spec)
        assert isinstance(self.next(), Ready)

    def next(self) -> BoxEvent:
        event = self.box.next_event(WAIT)
        assert event is not None, f"no event within {WAIT}"
        return event

    def until(self, kind: type) -> BoxEvent:
        while not isinstance(event := self.next(), kind):
            assert not isinstance(event, Gone), f"the box ended before {kind.__name__}"
        return event

    def output(self, command_id: str) -> str:
        return self.files.command_output(command_id)[0].read_text()

    def start(self, script: str, command_id: str = "c1", limit: timedelta | None = None) -> str:
        folder = self.files.scripts / command_id
        folder.mkdir()
        write_program(folder / "_script.sh", script)
        outputs = self.files.command_output(command_id)
        outputs[0].parent.mkdir(parents=True)
        self.box.run(
            BoxCommand(
                command_id=command_id,
                argv=["/bin/sh", "-c", str(folder / "_script.sh")],
                directory=self.files.home,
                outputs=outputs,
                output_limit_bytes=1000,
                limit=limit,
            )
        )
        return command_id

    def escaped(self) -> str:
        """Let processes try to get out; returns their mark."""
        mark = unique("mark")
        self.start(escapes.script(mark), mark)
        assert self.until(CommandEnded) == CommandEnded(mark, 0, Ending.EXITED)
        escapes.wait_started(mark)
        return mark

    def ended(self) -> None:
        self.box.end(timedelta(0))
        self.until(Gone)


@pytest.fixture(params=COMPLETE, ids=lambda containment: containment.value)
def tenant(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tenant]:
    running = Tenant(request.param, tmp_path)
    yield running
    running.box.end(timedelta(0))
    while not isinstance(running.next(), Gone):
        pass


def test_gone_means_that_nothing_is_left(tenant: Tenant) -> None:
    mark = tenant.escaped()
    tenant.box.end(timedelta(seconds=0.3))
    tenant.until(Gone)
    assert escapes.running(mark) == []


def test_power_off_from_inside(tenant: Tenant) -> None:
    mark = tenant.escaped()
    tenant.start("exec setsid env -i PATH=$PATH shutdown -h now", "off")
    tenant.until(PoweredOff)
    tenant.until(Gone)
    assert escapes.running(mark) == []


def test_halt_from_inside_leaves_an_empty_box(tenant: Tenant) -> None:
    mark = tenant.escaped()
    tenant.start("halt; sleep 60", "halt")
    tenant.until(Halted)
    escapes.wait_ended(mark)
    tenant.start("echo never", "late")
    assert tenant.box.next_event(timedelta(seconds=0.3)) is None
    tenant.ended()


def test_killed_init_takes_everything_with_it(tenant: Tenant) -> None:
    mark = tenant.escaped()
    for pid in processes_with("guest_init.py"):
        if str(tenant.files.root) in Path(f"/proc/{pid}/cmdline").read_text():
            os.kill(pid, signal.SIGKILL)
    tenant.until(Gone)
    escapes.wait_ended(mark)


def test_signals_inside_do_not_end_the_box(tenant: Tenant) -> None:
    # The script's parent is the agent's shell, whose parent is the box's init.
    tenant.start("init=$(ps -o ppid= -p $PPID); kill -TERM $init && kill -HUP $init && echo still here", "signals")
    assert tenant.until(CommandEnded) == CommandEnded("signals", 0, Ending.EXITED)
    assert tenant.output("signals") == "still here\n"


def test_limit_and_kill_end_the_process_group(tenant: Tenant) -> None:
    begun = time.monotonic()
    tenant.start("sleep 60; echo never", "limited", limit=timedelta(seconds=0.3))
    assert tenant.until(CommandEnded) == CommandEnded("limited", 137, Ending.TIMED_OUT)
    tenant.start("sleep 60; echo never", "cancelled")
    tenant.box.kill("cancelled")
    assert tenant.until(CommandEnded) == CommandEnded("cancelled", 137, Ending.KILLED)
    assert time.monotonic() - begun < WAIT.total_seconds()
    assert tenant.output("limited") == ""


def test_output_is_noticed_and_cut(tenant: Tenant) -> None:
    os.mkfifo(tenant.files.home / "pipe")
    tenant.start("echo early; read line <$HOME/pipe", "early")
    assert tenant.until(OutputGrew) == OutputGrew("early")
    assert tenant.output("early") == "early\n"
    tenant.start("echo go >$HOME/pipe; yes | head -c 5000", "long")
    for _ in range(2):
        tenant.until(CommandEnded)
    assert tenant.output("long") == "y\n" * 500 + "\n[localcloud: output cut after 1000 bytes]\n"


def test_other_boxes_are_left_alone(tenant: Tenant, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    neighbour = Tenant(request.node.callspec.params["tenant"], tmp_path / "neighbour")
    mark = tenant.escaped()
    neighbour.ended()
    assert len(escapes.running(mark)) == escapes.KINDS


@pytest.mark.skipif(not Path("/sbin/shutdown").exists(), reason="this machine has no /sbin/shutdown")
@pytest.mark.parametrize("tenant", COMPLETE[:2], indirect=True, ids=lambda containment: containment.value)
def test_shutdown_by_its_path_is_the_boxs_own(tenant: Tenant) -> None:
    """Compared, not called: were it the real one, calling it would end the machine that the tests run on."""
    tenant.start("cmp $(readlink -f /sbin/shutdown) $(command -v shutdown) && echo same", "cmp")
    tenant.until(CommandEnded)
    assert tenant.output("cmp") == "same\n"
    assert not Path("/sbin/shutdown").read_bytes().startswith(b"#!/bin/sh\n# shutdown, poweroff")


OWNER = """
import sys, time
from pathlib import Path
from localcloud.box.containment import Containment
from tests.integration.localcloud.test_box_runtime import Tenant
tenant = Tenant(Containment(sys.argv[1]), Path(sys.argv[2]))
print(tenant.escaped(), flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("containment", COMPLETE, ids=lambda containment: containment.value)
def test_box_dies_with_its_owner(containment: Containment, tmp_path: Path) -> None:
    if not containment.available:
        pytest.skip(f"{containment.value} does not work on this machine")
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, containment.value, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        assert owner.stdout is not None
        mark = owner.stdout.readline().strip()
        assert len(escapes.running(mark)) == escapes.KINDS
    finally:
        owner.kill()
        owner.communicate(timeout=120)
    escapes.wait_ended(mark)
    eventually("no init left", lambda: not processes_with(str(tmp_path)), seconds=10)


def test_process_groups_are_enough_for_ordinary_children(tmp_path: Path) -> None:
    """The fallback without Linux's means: children, and sessions that they started while their parent lives."""
    tenant = Tenant(Containment.PROCESS_GROUP, tmp_path)
    mark = unique("mark")
    tenant.start(f"setsid sh -c 'while :; do sleep 1; : {mark}; done' & wait")
    eventually("started", lambda: escapes.running(mark))
    tenant.ended()
    escapes.wait_ended(mark)
