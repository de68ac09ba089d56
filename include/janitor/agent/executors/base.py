"""What a sandbox can do for the agent's tools."""

from __future__ import annotations

import shlex
from datetime import timedelta
from typing import Protocol

from janitor.agent.processes import ProcessResult

MAX_OUTPUT = 32_000
"""Bytes that a command's outputs may have each, beginning and end."""
WORKSPACE = "/workspace"
FILE_LIMIT = timedelta(seconds=20)
"""For reading a file or a folder."""


class ExecutorError(Exception):
    """The sandbox is not there or no longer works; the message says why. No repository is to blame."""


class FileRefusedError(Exception):
    """A file or folder could not be read; the message is for the model."""


class Executor(Protocol):
    """Runs commands on a copy of the repository, without credentials, network or a way out."""

    @property
    def description(self) -> str:
        """Where commands run, in words."""

    async def start(self, archive: bytes) -> None:
        """Make the sandbox and prove that it holds.

        Args:
            archive: The repository's copy as a tar archive, every name below `workspace/`.

        Raises:
            ExecutorError: It can't be made, or it doesn't hold.
        """

    async def run(self, command: str, limit: timedelta) -> ProcessResult:
        """Run a shell command in the workspace, and end whatever it leaves.

        Raises:
            ExecutorError: The sandbox no longer works.
        """

    async def stop(self) -> None:
        """Remove the sandbox."""


async def read_through(executor: Executor, path: str, *, offset: int, count: int) -> str:
    """Part of a file, read as the sandbox's user: whatever a link leads to, that user may read it.

    Args:
        executor: The sandbox.
        path: Relative to the workspace.
        offset: First byte.
        count: Bytes.

    Raises:
        FileRefusedError: It is no readable regular file.
        ExecutorError: The sandbox no longer works.
    """
    name = _operand(path)
    command = (
        f"test -f {name} || {{ echo 'not a readable regular file' >&2; exit 9; }};"
        f" exec tail -c +{offset + 1} {name} | head -c {count}"
    )
    return await _checked(executor, command)


async def list_through(executor: Executor, path: str, *, most: int) -> list[str]:
    """Names in a folder; folders end with a slash.

    Raises:
        FileRefusedError: It is no readable folder.
        ExecutorError: The sandbox no longer works.
    """
    name = _operand(path)
    command = (
        f"test -d {name} || {{ echo 'not a readable folder' >&2; exit 9; }}; exec ls -1Ap {name} | head -n {most + 1}"
    )
    return (await _checked(executor, command)).splitlines()


async def _checked(executor: Executor, command: str) -> str:
    result = await executor.run(command, FILE_LIMIT)
    if result.timed_out:
        raise FileRefusedError("reading took too long")
    if result.exit_code or (result.stderr and not result.stdout):
        raise FileRefusedError(result.stderr.strip()[:300] or f"reading ended with {result.exit_code}")
    return result.stdout


def _operand(path: str) -> str:
    """The path as one word of a shell command that no program takes for an option."""
    if "\0" in path:
        raise FileRefusedError("a path holds no NUL character")
    return shlex.quote(path if path.startswith("/") else f"./{path}")
