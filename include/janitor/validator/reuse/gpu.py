"""The GPUs of a worker between two tasks: nobody computes on them, and no memory is in use that wasn't before."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta

from janitor.guest.processes.supervisor import Outcome, ProcessStartError, run
from janitor.validator.settings import Settings

_LIMIT = timedelta(seconds=30)
_TOLERATED_MIB = 64
"""A driver's own ups and downs; any CUDA context takes more."""
_PATIENCE_SECONDS = 10.0
"""For memory of a process that was killed a moment ago."""
_PAUSE_SECONDS = 0.5


def gpu_memory_mib(settings: Settings) -> int | None:
    """What is in use on all GPUs; None where there are none, or nvidia-smi doesn't say."""
    outcome = _ask(settings, "--query-gpu=memory.used", "--format=csv,noheader,nounits")
    if outcome is None or outcome.exit_code != 0:
        return None
    numbers = [line.strip() for line in outcome.output.text.splitlines() if line.strip()]
    if not numbers or not all(number.isdecimal() for number in numbers):
        return None
    return sum(int(number) for number in numbers)


def still_on_gpu(settings: Settings, before_mib: int | None) -> list[str]:
    """What a task has left on the GPUs after some patience; nothing where there were none before.

    Args:
        settings: Of the machine.
        before_mib: What was in use before the first task.
    """
    if before_mib is None:
        return []
    ends_at = time.monotonic() + _PATIENCE_SECONDS
    while left := _left(settings, before_mib):
        if time.monotonic() > ends_at:
            return left
        time.sleep(_PAUSE_SECONDS)
    return []


def _left(settings: Settings, before_mib: int) -> list[str]:
    used = gpu_memory_mib(settings)
    apps = _ask(settings, "--query-compute-apps=pid", "--format=csv,noheader")
    if used is None or apps is None or apps.exit_code != 0:
        return ["the GPU: nvidia-smi says nothing of it any more"]
    left = []
    if computing := _numbers(apps.output.text.split()):
        left.append(f"the GPU: {computing} processes compute on it")
    if used > before_mib + _TOLERATED_MIB:
        left.append(f"the GPU: {used} MiB are in use, {before_mib} MiB were before the first task")
    return left


def _numbers(words: Sequence[str]) -> int:
    return sum(word.isdecimal() for word in words)


def _ask(settings: Settings, *arguments: str) -> Outcome | None:
    try:
        return run(
            ["nvidia-smi", *arguments],
            cwd=settings.temporary,
            env={"PATH": settings.path},
            limit=_LIMIT,
            confined=False,
        )
    except ProcessStartError:
        return None
