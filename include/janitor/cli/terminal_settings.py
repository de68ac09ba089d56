"""What the user's terminal can show: beside janitor.settings the one place that reads the environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO

COMPLETE_VARIABLE = "_JANITOR_COMPLETE"
"""Set by the shell that asks for completions. Source: Click, "Shell Completion"."""


@dataclass(frozen=True, kw_only=True)
class TerminalSettings:
    """Abilities of an output stream."""

    interactive: bool
    """A person watches: lines may be redrawn."""
    colour: bool

    @classmethod
    def of(cls, stream: TextIO | None = None, environ: Mapping[str, str] | None = None) -> TerminalSettings:
        """Abilities of a stream (default: standard output)."""
        stream = sys.stdout if stream is None else stream
        environ = os.environ if environ is None else environ
        # Python has None for a stream that was closed before the start.
        interactive = stream is not None and stream.isatty() and environ.get("TERM") != "dumb"
        # Any non-empty value counts. Source: no-color.org
        return cls(interactive=interactive, colour=interactive and not environ.get("NO_COLOR"))


def can_ask() -> bool:
    """Whether a person can be asked: one who sees standard error and types into standard input."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def is_completing(environ: Mapping[str, str] | None = None) -> bool:
    """Whether a shell asks for completions, not a person for an answer."""
    return COMPLETE_VARIABLE in (os.environ if environ is None else environ)


def users_shell(environ: Mapping[str, str] | None = None) -> str:
    """Name of the shell that the user logs in with; empty where that isn't known."""
    environ = os.environ if environ is None else environ
    return os.path.basename(environ.get("SHELL", ""))
