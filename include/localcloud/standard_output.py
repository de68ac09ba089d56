"""Standard streams that are closed, full or gone, and the exit code of a command that prints then."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from contextlib import suppress

EXIT_TROUBLE = 3
EXIT_PIPE_CLOSED = 141
"""The reader of the output went away (128 + SIGPIPE)."""
_STREAMS = (("stdin", os.O_RDONLY, "r"), ("stdout", os.O_WRONLY, "w"), ("stderr", os.O_WRONLY, "w"))


def open_closed_streams() -> None:
    """Put the null device where a standard stream was closed (`>&-`), for which Python has None."""
    for name, flags, mode in _STREAMS:
        if getattr(sys, name) is None:
            # The lowest free number is the stream's own, so that no socket takes its place and gets its words.
            nowhere = os.open(os.devnull, flags)
            os.set_inheritable(nowhere, True)
            setattr(sys, name, os.fdopen(nowhere, mode, encoding="utf-8", closefd=False))


def tell(text: str) -> None:
    """Print to standard error; what nobody can hear is lost and changes nothing."""
    with suppress(OSError):
        print(text, file=sys.stderr)  # noqa: T201  # what the program tells


def code_after_output(command: Callable[[], int]) -> int:
    """Run a command whose only way to fail with an OSError is that it can't print.

    Returns:
        Its exit code; 141 where nobody reads its output any more, 3 where that can't be written.
    """
    try:
        code = command()
        sys.stdout.flush()
    except OSError as error:
        if isinstance(error, BrokenPipeError) or error.errno == errno.EIO:  # a pipe, a terminal
            code = EXIT_PIPE_CLOSED
        else:
            tell(f"the output could not be written: {error.strerror}")
            code = EXIT_TROUBLE
    _discard_where_closed()
    return code


def _discard_where_closed() -> None:
    """Keep Python's own flush at exit from failing again, which it tells and turns into its status 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
