"""Standard streams that are closed, full or gone: what becomes of a command then is decided here, whoever prints.

A stream that was closed before the start (`>&-`) is one that nobody wants. Where the answer can't be written, that is
an error of its own, and none that click or rich would turn into an exit code of theirs. What is said beside the answer
is lost where nobody can hear it, and changes nothing.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Literal, TextIO, cast

import click

if TYPE_CHECKING:
    from pathlib import Path


class OutputClosedError(Exception):
    """Whoever read the output went away. No OSError, which click would turn into an exit code of its own."""


class OutputError(Exception):
    """What was asked for could not be written, and nobody is to blame for it: a full disk. The message says what."""


_WRONG_PLACE = {
    *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM, errno.EROFS),
    *(errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL, errno.ENXIO, errno.ENODEV),
}
_STREAMS = (("stdin", os.O_RDONLY, "r"), ("stdout", os.O_WRONLY, "w"), ("stderr", os.O_WRONLY, "w"))


def open_closed_streams() -> None:
    """Put the null device where a standard stream was closed, for which Python has None."""
    for name, flags, mode in _STREAMS:
        if getattr(sys, name) is None:
            # The lowest free number is the stream's own, so that no file takes its place and gets its words.
            nowhere = os.open(os.devnull, flags)
            os.set_inheritable(nowhere, True)
            setattr(sys, name, os.fdopen(nowhere, mode, encoding="utf-8", closefd=False))


@contextmanager
def guarded_streams() -> Iterator[None]:
    """Let failures to write be those of this module, for as long as the block lasts."""
    out, err = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = cast(TextIO, _Answer(out)), cast(TextIO, _Beside(err))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = out, err
        _discard_where_closed(out, err)


def was_answered() -> bool:
    """Whether anything was written to standard output within `guarded_streams`."""
    return isinstance(sys.stdout, _Answer) and sys.stdout.written


def not_written(what: str, error: OSError, advice: str = "") -> Exception:
    """What to raise where a file that the user named, or where they said, can't be written.

    Args:
        what: With its verb: `x.xml can't be written`.
        error: Why.
        advice: What to do about a place that is wrong.

    Returns:
        Bad usage where the place itself is wrong; trouble where another moment could be better, as with a full disk;
        a closed output where it is a pipe.
    """
    if error.errno in _WRONG_PLACE:
        return click.UsageError("; ".join(filter(None, (f"{what}: {error.strerror}", advice))))
    if isinstance(error, ConnectionError):
        return OutputClosedError()
    return OutputError(f"{what}: {_plain_reason(error)}")


def write_file(path: Path, text: str, *, mode: Literal["w", "a"] = "w") -> None:
    """Write an answer to a file that the user named, over what is there or behind it.

    Raises: what `not_written` says.
    """
    try:
        with path.open(mode, encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise not_written(f"{path} can't be written", error) from error


def _plain_reason(error: OSError) -> str:
    """`no space left on device`, to stand within a sentence."""
    text = error.strerror or str(error)
    return f"{text[:1].lower()}{text[1:]}"


class _Answer:
    """Standard output."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.written = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        self.written = True
        try:
            return self._stream.write(text)
        except OSError as error:
            raise self._as_ours(error) from error

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            raise self._as_ours(error) from error

    def _as_ours(self, error: OSError) -> Exception:
        if isinstance(error, ConnectionError) or (error.errno == errno.EIO and _is_terminal(self._stream)):
            return OutputClosedError()
        return OutputError(f"the output could not be written: {_plain_reason(error)}")


class _Beside(_Answer):
    """Standard error."""

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


def _is_terminal(stream: TextIO) -> bool:
    """Also of one that is gone, which says itself that it is none."""
    return stat.S_ISCHR(os.fstat(stream.fileno()).st_mode)


def _discard_where_closed(*streams: TextIO) -> None:
    """Keep Python's own flush at exit from failing on the closed pipes again, which it turns into its status 120."""
    for stream in streams:
        try:
            stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
