"""Running a program of the stack to its end, with a log that the error shows."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from janitor.domain.errors import StackError
from janitor.domain.watch.waits import waiting

_TAIL_LINES = 15


def run_logged(
    command: Sequence[str], *, name: str, log: Path, environment: Mapping[str, str], folder: Path, timeout: timedelta
) -> None:
    """Run a command.

    Args:
        command: The program and its arguments.
        name: What people call it.
        log: Takes its output; an earlier one is overwritten.
        environment: All of its environment.
        folder: Its working directory.
        timeout: After that it is killed.

    Raises:
        StackError: It failed or took too long; the message has its last lines.
    """
    with waiting(f"waiting for {name}", timeout), log.open("wb") as output:
        try:
            code = subprocess.run(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                cwd=folder,
                timeout=timeout.total_seconds(),
                check=False,
            ).returncode
        except subprocess.TimeoutExpired as exc:
            raise StackError(f"{name} took longer than {timeout.total_seconds():.0f} s; see {log}") from exc
    if code != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])
        raise StackError(f"{name} ended with exit code {code}; its last lines ({log}):\n{tail}")
