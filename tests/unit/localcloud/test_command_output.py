"""`python -m localcloud faults` where its output is closed, full or read by nobody any more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PRINTING = ("faults names", "--help", "faults --help")


def localcloud(arguments: str, redirections: str = "", **streams: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "-c", f'exec "$0" -m localcloud {arguments} {redirections}', sys.executable],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "include")},
        stdin=subprocess.DEVNULL,
        stdout=streams.get("stdout", subprocess.PIPE),
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("arguments", PRINTING)
def test_a_reader_that_is_gone_is_no_traceback(arguments: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        answer = localcloud(arguments, stdout=writer)
    finally:
        os.close(writer)
    assert (answer.returncode, answer.stderr) == (141, "")


@pytest.mark.parametrize("arguments", PRINTING)
def test_a_terminal_that_is_gone_is_no_traceback(arguments: str) -> None:
    master, slave = os.openpty()
    os.close(master)
    try:
        answer = localcloud(arguments, stdout=slave)
    finally:
        os.close(slave)
    assert (answer.returncode, answer.stderr) == (141, "")


@pytest.mark.parametrize("arguments", PRINTING)
def test_a_full_device_is_said(arguments: str) -> None:
    answer = localcloud(arguments, ">/dev/full")
    assert (answer.returncode, answer.stderr) == (3, "the output could not be written: No space left on device\n")
    assert localcloud(arguments, ">/dev/full 2>&-").returncode == 3


@pytest.mark.parametrize("arguments", PRINTING)
def test_a_closed_output_is_one_that_nobody_wants(arguments: str) -> None:
    answer = localcloud(arguments, ">&-")
    assert (answer.returncode, answer.stderr) == (0, "")


@pytest.mark.parametrize("arguments", ["faults list", "faults", "bogus"])
@pytest.mark.parametrize("redirections", ["", ">&-", "2>&-", "2>/dev/full"])
def test_bad_usage_stays_bad_usage(arguments: str, redirections: str) -> None:
    answer = localcloud(arguments, redirections)
    assert (answer.returncode, answer.stdout) == (2, "")
