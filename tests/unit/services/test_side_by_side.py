"""Calls at the same time: their order, their failures, and a process that ends without those that hang."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from janitor.domain.errors import CloudError
from janitor.services.side_by_side import answers_of

ROOT = Path(__file__).resolve().parents[3]
WAIT_SECONDS = 60


def test_answers_come_in_the_order_of_the_calls():
    first_may_answer = threading.Event()

    def first() -> int:
        assert first_may_answer.wait(WAIT_SECONDS)
        return 1

    def second() -> int:
        first_may_answer.set()
        return 2

    assert answers_of((first, second), "x") == [1, 2]
    assert answers_of((), "x") == []


def test_a_failure_waits_for_nobody():
    forever = threading.Event()

    def fails() -> bool:
        raise CloudError("refused")

    try:
        with pytest.raises(CloudError, match="refused"):
            answers_of((forever.wait, fails), "x")
    finally:
        forever.set()


def test_a_process_ends_without_a_call_that_hangs():
    program = (
        "import threading, signal\n"
        "from janitor.services.side_by_side import answers_of\n"
        "signal.signal(signal.SIGALRM, signal.default_int_handler)\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.2)\n"
        "try:\n"
        "    answers_of([threading.Event().wait], 'x')\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted')\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": str(ROOT / "include")},
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS,
        check=False,
    )
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "interrupted\n", "")
