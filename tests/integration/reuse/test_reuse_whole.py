"""A machine that is the worker's alone, in small: namespaces of its own, with folders for temporary files of its own.

There everything is the worker's, as on an instance of AWS, whose agent is above each command.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from janitor.domain.pool.reuse import Fitness, judge_after_task
from janitor.guest.processes.child_user import OUTER_ID
from janitor.protocol.reuse.manifest import Area
from janitor.protocol.reuse.order import Before, ReuseOrder
from janitor.protocol.reuse.result import EXIT_CLEAN, EXIT_LEFT, ReuseResult

_APART = ("unshare", "--pid", "--mount", "--net", "--fork", "--kill-child", "--mount-proc")
_AGENT = "ssm-agent-worker"
"""A shell under the name of what is above each command. Source: amazon-ssm-agent."""
_HERE = "/mnt"
"""Where the test's folder is on the machine: the machine's own temporary folders are empty."""
_MACHINE = f"""\
mount --bind "$1" {_HERE} && for folder in /tmp /var/tmp /dev/shm; do mount -t tmpfs none $folder || exit 9; done
"$2" {_HERE}/machine.py
"""
_PROGRAM = f"""\
import json, os, subprocess, sys
def carried_out(word, order):
    with open("{_HERE}/order.json", "w") as file:
        json.dump(order, file)
    command = [sys.executable, "-I", "{_HERE}/validator.pyz", word, "--order", "{_HERE}/order.json"]
    env = {{"PATH": os.defpath, "HOME": "{_HERE}", "TMPDIR": "/tmp", "DOCKER_HOST": "unix:///nowhere"}}
    done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, start_new_session=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    with open("{_HERE}/answer.json") as file:
        return {{"code": done.returncode, "said": done.stdout.decode(), "answer": json.load(file), "order": order}}
with open("{_HERE}/orders.json") as file:
    first, second = json.load(file)
daemon = subprocess.Popen(["sleep", "600"], start_new_session=True)
ready = carried_out("tripwire", first)
for process in ready["answer"]["manifest"]["processes"]:
    second["before"]["processes"].append({{"pid": process["pid"], "started": process["started"]}})
subprocess.run(["sh", "-c", "setsid sleep 599 & setsid sleep 598 &"])
open("/tmp/of-the-task", "w").close()
os.chown("/tmp/of-the-task", {OUTER_ID}, {OUTER_ID})
open("/tmp/of-the-machine", "w").close()
after = carried_out("scrub", second)
again = carried_out("scrub", second)
told = {{"ready": ready, "after": after, "again": again}}
print(json.dumps({{**told, "tmp": os.listdir("/tmp"), "lives": daemon.poll() is None}}))
"""


def _can_be_apart() -> bool:
    if sys.platform != "linux" or shutil.which("unshare") is None:
        return False
    words = (*_APART, "mount", "-t", "tmpfs", "none", _HERE)
    return subprocess.run(words, capture_output=True, timeout=20, check=False).returncode == 0


def _order(ordinal: int, before: Before | None) -> dict[str, Any]:
    order = ReuseOrder(
        worker_id="3f2a0b1c-0000-4000-8000-000000000001",
        ordinal=ordinal,
        nonce=f"{ordinal:032x}",
        limit=timedelta(seconds=120),
        before=before,
        result_path=f"{_HERE}/answer.json",
    )
    return order.to_dict()


@pytest.fixture
def machine(tmp_path: Path, artefact: Path) -> Sequence[str]:
    """What starts one; its first process has the agent's name."""
    if not _can_be_apart():
        pytest.skip("this system lets nobody have a PID namespace and mounts of their own")
    orders = [_order(0, None), _order(1, Before(processes=(), engine=None, gpu_memory_mib=None))]
    (tmp_path / "orders.json").write_text(json.dumps(orders))
    (tmp_path / "machine.py").write_text(_PROGRAM)
    shutil.copy(artefact, tmp_path / "validator.pyz")
    shutil.copy(os.path.realpath("/bin/sh"), tmp_path / _AGENT)
    python = os.path.realpath(sys.executable)
    return (*_APART, str(tmp_path / _AGENT), "-c", _MACHINE, _AGENT, str(tmp_path), python)


def test_what_was_not_there_before_goes_and_the_rest_stays(machine: Sequence[str]) -> None:
    done = subprocess.run(machine, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    ready, after, again = (ReuseResult.from_dict(told[name]["answer"]) for name in ("ready", "after", "again"))
    assert (told["ready"]["code"], ready.manifest.is_whole, ready.manifest.reaper) == (EXIT_CLEAN, True, 1)
    assert ready.manifest.is_complete
    assert {each.area for each in ready.manifest.areas if each.entries} >= {Area.FILES, Area.PROGRAMS, Area.SET_UID}
    assert after.scrub is not None
    assert told["after"]["code"] == EXIT_LEFT, told["after"]["said"]
    assert sum(each.startswith("process ") for each in after.scrub.survivors) >= 1
    assert "file /tmp/of-the-task" in after.scrub.survivors
    assert (told["tmp"], told["lives"]) == (["of-the-machine"], True)
    order = ReuseOrder.from_dict(told["after"]["order"])
    assert judge_after_task(ready.manifest, order, after).fitness is Fitness.RECYCLE
    assert again.scrub is not None
    assert (told["again"]["code"], again.scrub.survivors, again.scrub.left) == (EXIT_CLEAN, (), ())
    assert judge_after_task(ready.manifest, order, again).fitness is Fitness.KEEP
