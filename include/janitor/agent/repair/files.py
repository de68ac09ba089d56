"""Files of the sandbox, read and written whole: through its commands, as its user, byte for byte.

A link is never read through and never written through: what it leads to is no file of the repository.
"""

from __future__ import annotations

import base64
import binascii
import shlex
from datetime import timedelta

from janitor.agent.executors.base import Executor, FileRefusedError

LARGEST_BYTES = 400_000
_PIECE = 18_000
"""Bytes of a read; in base64 they stay below what a command may print."""
_WRITE_PIECE = 60_000
"""Bytes of a write; a word of a command line has 128 KiB at most. Source: execve(2)."""
_LIMIT = timedelta(seconds=20)
_GONE, _NO_FILE = 8, 9


async def read_whole(executor: Executor, path: str) -> bytes | None:
    """A file's bytes; None where there is none.

    Raises:
        FileRefusedError: It is a link or no file, too large, or can't be read.
        ExecutorError: The sandbox no longer works.
    """
    name = _operand(path)
    look = (
        f"test -L {name} && exit {_NO_FILE}; test -e {name} || exit {_GONE}; test -f {name} || exit {_NO_FILE};"
        f" wc -c < {name}"
    )
    looked = await executor.run(look, _LIMIT)
    if looked.exit_code == _GONE:
        return None
    if looked.exit_code == _NO_FILE:
        raise FileRefusedError(f"{path} is a link, or no file")
    size = looked.stdout.strip()
    if looked.exit_code != 0 or not size.isdecimal():
        raise FileRefusedError(f"{path} can't be read")
    if int(size) > LARGEST_BYTES:
        raise FileRefusedError(f"{path} has {size} bytes; at most {LARGEST_BYTES} are taken")
    content = bytearray()
    while len(content) < int(size):
        piece = await executor.run(f"tail -c +{len(content) + 1} {name} | head -c {_PIECE} | base64", _LIMIT)
        try:
            read = base64.b64decode("".join(piece.stdout.split()), validate=True)
        except (binascii.Error, ValueError) as exc:
            raise FileRefusedError(f"{path} can't be read") from exc
        if not read or piece.exit_code != 0:
            raise FileRefusedError(f"{path} can't be read")
        content += read
    return bytes(content)


async def write_whole(executor: Executor, path: str, content: bytes) -> None:
    """Write a file, with the folders that it needs.

    Raises:
        FileRefusedError: It is a link or no file, too large, or can't be written.
        ExecutorError: The sandbox no longer works.
    """
    if len(content) > LARGEST_BYTES:
        raise FileRefusedError(f"{len(content)} bytes are too many; at most {LARGEST_BYTES} are taken")
    name = _operand(path)
    pieces = [content[at : at + _WRITE_PIECE] for at in range(0, len(content), _WRITE_PIECE)] or [b""]
    for number, piece in enumerate(pieces):
        before = (
            f"test -L {name} && exit {_NO_FILE}; test -e {name} && ! test -f {name} && exit {_NO_FILE};"
            f' mkdir -p -- "$(dirname -- {name})" && '
        )
        way = ">>" if number else ">"
        text = base64.b64encode(piece).decode()
        done = await executor.run(f"{before if not number else ''}printf %s '{text}' | base64 -d {way} {name}", _LIMIT)
        if done.exit_code == _NO_FILE:
            raise FileRefusedError(f"{path} is a link, or no file")
        if done.exit_code != 0:
            raise FileRefusedError(f"{path} can't be written: {done.stderr.strip()[-200:]}")


def within(path: str) -> str:
    """The path from the repository's root, in its one spelling.

    Raises:
        FileRefusedError: It leads out of the workspace.
    """
    parts = [part for part in path.removeprefix("/workspace/").split("/") if part not in ("", ".")]
    if path.startswith("/") and not path.startswith("/workspace/"):
        raise FileRefusedError("give paths relative to the workspace")
    if not parts or ".." in parts or "\0" in path or "\n" in path:
        raise FileRefusedError(f"{path!r} is no path of a file in the workspace")
    return "/".join(parts)


def _operand(path: str) -> str:
    return shlex.quote(f"./{within(path)}")
