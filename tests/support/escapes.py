"""A script whose processes try every usual way out of the machine that runs it."""

from __future__ import annotations

from tests.support.cloud import eventually, processes_with

KINDS = 4
SCRIPT = """
sh -c 'while :; do sleep 1; : {mark} child; done' >/dev/null 2>&1 &
setsid sh -c 'while :; do sleep 1; : {mark} setsid; done' >/dev/null 2>&1 &
nohup sh -c 'trap "" TERM HUP INT; while :; do sleep 1; : {mark} stubborn; done' >/dev/null 2>&1 &
python3 - <<'END'
import os
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.setsid()
        for fd in (0, 1, 2):
            os.close(fd)
        os.execv("/bin/sh", ["sh", "-c", "while :; do sleep 1; : {mark} daemon; done"])
    os._exit(0)
os.wait()
END
echo escaped
"""


def script(mark: str) -> str:
    """The script; its processes carry the mark in their command lines."""
    return SCRIPT.replace("{mark}", mark)


def running(mark: str) -> list[int]:
    """The processes of a script that still run."""
    return processes_with(f": {mark}")


def wait_started(mark: str) -> None:
    """Wait until every kind of process runs."""
    eventually("every kind of process", lambda: len(running(mark)) == KINDS, seconds=10)


def wait_ended(mark: str) -> None:
    """Wait until none is left."""
    eventually("no process left", lambda: not running(mark), seconds=10)
