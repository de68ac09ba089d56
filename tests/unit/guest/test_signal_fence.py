"""A confined process that has the validator's user signals its own, and nobody above it."""

from __future__ import annotations

import os
import signal
import sys
import textwrap
import time
from datetime import timedelta
from pathlib import Path

import pytest

from janitor.guest.processes.supervisor import run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="filters of system calls are Linux'")
_LIMIT = timedelta(seconds=20)


def said(tmp_path: Path, program: str, *, confined: bool = True) -> str:
    """What a Python program prints."""
    text = "import ctypes, os, resource, signal, subprocess, sys, time\n" + textwrap.dedent(program)
    argv = [sys.executable, "-I", "-S", "-c", text]
    return run(argv, cwd=tmp_path, env={"PATH": os.environ["PATH"]}, limit=_LIMIT, confined=confined).output.text


@pytest.mark.parametrize(
    "attempt",
    [
        "os.kill(os.getppid(), signal.SIGUSR1)",
        "os.kill(os.getppid(), signal.SIGSTOP)",
        "os.killpg(os.getpgid(os.getppid()), signal.SIGUSR1)",
        "os.kill(-1, signal.SIGUSR1)",
        "signal.pidfd_send_signal(os.pidfd_open(os.getppid()), signal.SIGUSR1)",
        "resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (10**6, 10**6))",
    ],
)
def test_whoever_started_it_is_out_of_reach(tmp_path: Path, attempt: str) -> None:
    got: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _frame: got.append(number))
    try:
        text = said(tmp_path, f"try:\n    {attempt}\nexcept PermissionError as error:\n    print('refused', error)")
        time.sleep(0.05)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert text.startswith("refused"), text
    assert got == []


def test_all_that_it_descends_from_is_out_of_reach(tmp_path: Path) -> None:
    with open(f"/proc/{os.getppid()}/stat", "rb") as file:
        grandparent = int(file.read().rpartition(b")")[2].split()[1])
    above = [pid for pid in (os.getppid(), grandparent) if pid > 0]
    program = f"""
        for pid in {above}:
            try:
                os.kill(pid, signal.SIGURG)
            except PermissionError:
                print("refused", pid)
    """
    assert said(tmp_path, program).split() == [word for pid in above for word in ("refused", str(pid))]


def test_a_shell_that_it_starts_is_no_way_round(tmp_path: Path) -> None:
    program = f"print(subprocess.run(['sh', '-c', 'kill -USR1 {os.getpid()} 2>&1'], capture_output=True).returncode)"
    assert said(tmp_path, program).strip() == "1"


def test_its_own_processes_are_its_own(tmp_path: Path) -> None:
    program = """
        os.kill(os.getppid(), 0)
        child = subprocess.Popen(["sleep", "60"], start_new_session=True)
        os.killpg(child.pid, signal.SIGTERM)
        print(child.wait())
        child = subprocess.Popen(["sleep", "60"])
        child.kill()
        print(child.wait())
        got = []
        signal.signal(signal.SIGUSR1, lambda *_: got.append("own"))
        os.kill(os.getpid(), signal.SIGUSR1)
        signal.raise_signal(signal.SIGUSR1)
        print(*got)
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    """
    assert said(tmp_path, program).split() == ["-15", "-9", "own", "own", "64"]


def test_a_program_of_the_validators_own_is_not_fenced(tmp_path: Path) -> None:
    got: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _frame: got.append(number))
    try:
        said(tmp_path, "os.kill(os.getppid(), signal.SIGUSR1)", confined=False)
        time.sleep(0.05)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert got == [signal.SIGUSR1]
