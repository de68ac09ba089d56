"""Standard streams that are closed, full or gone: the command does its work all the same, and its exit code is true."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from janitor.cli.exit_codes import ExitCode
from tests.corpus.workers import BASE
from tests.integration.validator.conftest import new_repository

ROOT = Path(__file__).resolve().parents[3]
FULL = "the output could not be written: no space left on device"
ON_STDERR = ("2>&-", "2>/dev/full")


@pytest.fixture(scope="module")
def worker(tmp_path_factory) -> Path:
    return new_repository(tmp_path_factory.mktemp("streams") / "worker", dict(BASE))


def environment(tmp_path: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"}}
    return inherited | {"PYTHONPATH": str(ROOT / "include"), "JANITOR_STATE_DIR": str(tmp_path / "state")}


def janitor(tmp_path: Path, arguments: str, redirections: str) -> subprocess.CompletedProcess[str]:
    """The command as a shell starts it, with what the shell does to its streams."""
    return subprocess.run(
        ["/bin/sh", "-c", f"exec {shlex.quote(sys.executable)} -m janitor.cli.main {arguments} {redirections}"],
        cwd=tmp_path,
        env=environment(tmp_path),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("redirections", ON_STDERR)
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("validate {worker}", ExitCode.OK),
        ("--version", ExitCode.OK),
        ("--help", ExitCode.OK),
        ("status", ExitCode.INFRASTRUCTURE),
        ("bogus", ExitCode.USAGE),
        ("", ExitCode.USAGE),
        ("--env nowhere check-config", ExitCode.USAGE),
        ("check-config --debug gone.yaml", ExitCode.USAGE),
    ],
)
def test_standard_error_never_changes_the_exit_code(arguments, code, redirections, worker, tmp_path):
    answer = janitor(tmp_path, arguments.format(worker=worker), redirections)
    assert answer.returncode == code, answer


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("validate {worker}", ExitCode.OK),
        ("--version", ExitCode.OK),
        ("--help", ExitCode.OK),
        ("status --json", ExitCode.INFRASTRUCTURE),
        ("bogus", ExitCode.USAGE),
    ],
)
@pytest.mark.parametrize("redirections", [">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_closed_output_is_one_that_nobody_wants(arguments, code, redirections, worker, tmp_path):
    answer = janitor(tmp_path, arguments.format(worker=worker), redirections)
    assert answer.returncode == code, answer
    assert "Traceback" not in answer.stderr
    assert "unexpected" not in answer.stderr


def test_what_a_command_writes_beside_its_output_is_written(worker, tmp_path):
    answer = janitor(tmp_path, f"validate {worker} --junit f.xml", ">&-")
    assert (answer.returncode, answer.stdout) == (ExitCode.OK, "")
    assert ElementTree.parse(tmp_path / "f.xml").getroot().tag == "testsuites"


@pytest.mark.parametrize("arguments", ["validate {worker}", "validate {worker} --json", "--version", "--help"])
def test_a_full_device_is_said_in_plain_words(arguments, worker, tmp_path):
    answer = janitor(tmp_path, arguments.format(worker=worker), ">/dev/full")
    assert answer.returncode == ExitCode.INFRASTRUCTURE
    assert answer.stderr.splitlines()[-1] == f"error: {FULL}"
    for word in ("defect", "unexpected", "Traceback"):
        assert word not in answer.stderr


def test_a_full_device_for_both(worker, tmp_path):
    answer = janitor(tmp_path, f"validate {worker}", ">/dev/full 2>/dev/full")
    assert answer.returncode == ExitCode.INFRASTRUCTURE


@pytest.mark.parametrize("arguments", ["check-config --schema", "--help", "--version"])
def test_a_reader_that_is_gone(arguments, tmp_path):
    """Whoever prints: a command of ours, or click."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        answer = subprocess.run(
            [sys.executable, "-m", "janitor.cli.main", *arguments.split()],
            env=environment(tmp_path),
            stdout=writer,
            stderr=writer,
            timeout=60,
            check=False,
        )
    finally:
        os.close(writer)
    assert answer.returncode == ExitCode.PIPE_CLOSED


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("check-config --schema", ExitCode.PIPE_CLOSED),
        ("--help", ExitCode.PIPE_CLOSED),
        ("bogus", ExitCode.USAGE),
    ],
)
def test_a_terminal_that_is_gone(arguments, code, tmp_path):
    """Every write fails with EIO; no signal comes, as this is no terminal that controls the process."""
    master, slave = os.openpty()
    os.close(master)
    try:
        answer = subprocess.run(
            [sys.executable, "-m", "janitor.cli.main", *arguments.split()],
            env=environment(tmp_path),
            stdin=subprocess.DEVNULL,
            stdout=slave,
            stderr=slave,
            timeout=60,
            check=False,
        )
    finally:
        os.close(slave)
    assert answer.returncode == code


def test_a_terminal_that_goes_while_a_spinner_turns(tmp_path):
    """rich draws it, and has an end of its own for an output that fails."""
    program = (
        "import sys\n"
        "from janitor.cli import main as entry\n"
        "from janitor.cli.terminal.console import Console\n"
        "def work(**_):\n"
        "    with Console().working('At work') as step:\n"
        "        sys.stdin.readline()\n"
        "        step('done')\n"
        "entry.cli.main = work\n"
        "sys.exit(entry.main(['up']))\n"
    )
    master, slave = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        env=environment(tmp_path) | {"TERM": "xterm"},
        stdin=subprocess.PIPE,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    assert os.read(master, 1)
    os.close(master)
    process.communicate(b"go on\n", timeout=60)
    assert process.returncode == ExitCode.PIPE_CLOSED
