"""Runs a program with a time limit and bounded output, and ends its process group in every case.

What leaves the process group is not ended here: the sandbox that the program sets up does that.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from janitor.agent.output import CappedOutput

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_LOOK_SECONDS = 0.02
_LAST_WORDS_SECONDS = 0.5
_PIECE_BYTES = 64 * 1024
_STREAM_BYTES = 128 * 1024

# Loaded once, before any fork: loading a library between fork and exec is not safe.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True, kw_only=True)
class ProcessResult:
    """How a program went."""

    exit_code: int | None
    """None if it had to be ended."""
    stdout: str
    stderr: str
    timed_out: bool
    seconds: float


def hide_memory() -> None:
    """Close this process's memory and environment in /proc to all but root."""
    if _libc is not None:
        _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def die_with_parent() -> None:
    """End this process when its parent ends; safe between fork and exec."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


async def run_process(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    limit: timedelta,
    max_output: int,
    given: bytes | None = None,
    confine: Callable[[], None] | None = None,
) -> ProcessResult:
    """Run a program to its end or to the limit.

    Args:
        argv: Program and arguments, looked up in `env`'s PATH.
        env: Its whole environment.
        limit: How long it may take.
        max_output: Bytes kept of each of its two outputs.
        given: Its standard input; None: nothing.
        confine: Called in the new process before the program; it must be safe between fork and exec.

    Raises:
        OSError: It can't be started.
    """
    began = time.monotonic()
    process = await _start(argv, env, takes_input=given is not None, confine=confine)
    out, err = CappedOutput(max_output), CappedOutput(max_output)
    pumps = [
        asyncio.ensure_future(_pump(process.stdout, out)),
        asyncio.ensure_future(_pump(process.stderr, err)),
        asyncio.ensure_future(_feed(process.stdin, given)),
    ]
    timed_out = False
    try:
        # Not process.wait(): on Python 3.10 and 3.11 it waits for the pipes too, which a background child keeps open.
        while process.returncode is None:
            if time.monotonic() - began > limit.total_seconds():
                timed_out = True
                break
            await asyncio.sleep(_LOOK_SECONDS)
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        _, unfinished = await asyncio.shield(asyncio.wait(pumps, timeout=_LAST_WORDS_SECONDS))
        for pump in unfinished:
            pump.cancel()
        process._transport.close()  # type: ignore[attr-defined]  # nothing public closes the pipes
    return ProcessResult(
        exit_code=None if timed_out else process.returncode,
        stdout=out.text(),
        stderr=err.text(),
        timed_out=timed_out,
        seconds=time.monotonic() - began,
    )


async def _start(
    argv: Sequence[str], env: Mapping[str, str], *, takes_input: bool, confine: Callable[[], None] | None
) -> asyncio.subprocess.Process:
    def begin() -> None:
        die_with_parent()
        if confine is not None:
            confine()

    return await asyncio.create_subprocess_exec(
        *argv,
        env=dict(env),
        cwd="/",
        stdin=asyncio.subprocess.PIPE if takes_input else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        preexec_fn=begin,  # calls functions of libc alone
        limit=_STREAM_BYTES,
    )


async def _pump(stream: asyncio.StreamReader | None, output: CappedOutput) -> None:
    assert stream is not None
    while piece := await stream.read(_PIECE_BYTES):
        output.add(piece)


async def _feed(stream: asyncio.StreamWriter | None, given: bytes | None) -> None:
    if stream is None or given is None:
        return
    with contextlib.suppress(ConnectionError):
        stream.write(given)
        await stream.drain()
    stream.close()
