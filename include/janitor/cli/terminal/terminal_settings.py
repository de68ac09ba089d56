"""What the user's terminal can show: beside janitor.settings the one place that reads the environment."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

COMPLETE_VARIABLE = "_JANITOR_COMPLETE"
"""Set by the shell that asks for completions. Source: Click, "Shell Completion"."""


@dataclass(frozen=True, kw_only=True)
class TerminalSettings:
    """Abilities of an output stream."""

    interactive: bool
    """A person watches: lines may be redrawn."""
    colour: bool
    links: bool = False
    """It shows a text that leads somewhere (OSC 8)."""

    @classmethod
    def of(cls, stream: TextIO | None = None, environ: Mapping[str, str] | None = None) -> TerminalSettings:
        """Abilities of a stream (default: standard output)."""
        stream = sys.stdout if stream is None else stream
        environ = os.environ if environ is None else environ
        # Python has None for a stream that was closed before the start.
        interactive = stream is not None and stream.isatty() and environ.get("TERM") != "dumb"
        # Any non-empty value counts. Source: no-color.org
        return cls(
            interactive=interactive,
            colour=interactive and not environ.get("NO_COLOR"),
            links=interactive and _has_links(environ),
        )


def terminal_columns() -> int:
    """Width of the terminal now: a window may be drawn larger while a command runs."""
    return shutil.get_terminal_size().columns


def has_screen(environ: Mapping[str, str] | None = None) -> bool:
    """Whether a person sits before a terminal that can be drawn on: a CI system's isn't one, whatever it says."""
    environ = os.environ if environ is None else environ
    both = all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))
    return both and environ.get("TERM", "dumb") != "dumb" and not environ.get("CI")


def step_summary(environ: Mapping[str, str] | None = None) -> Path | None:
    """The file that GitHub shows on a run's page; None: this isn't a step of one. Source: GitHub's documentation,
    "Workflow commands", adding a job summary."""
    environ = os.environ if environ is None else environ
    file = environ.get("GITHUB_STEP_SUMMARY")
    return Path(file) if file else None


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


_WITH_LINKS = frozenset({"iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper", "Tabby", "rio"})
_LINK_VARIABLES = ("WT_SESSION", "KITTY_WINDOW_ID", "KONSOLE_VERSION", "DOMTERM")
_LINK_TERMS = ("xterm-kitty", "alacritty", "foot", "xterm-ghostty")
_VTE_WITH_LINKS, _TMUX_WITH_LINKS = 5_000, (3, 4)


def _has_links(environ: Mapping[str, str]) -> bool:
    """Whether the terminal is known to show links; one that isn't may print their addresses as rubbish."""
    program = environ.get("TERM_PROGRAM", "")
    if program == "tmux" or environ.get("TMUX"):
        major, _, minor = environ.get("TERM_PROGRAM_VERSION", "").partition(".")
        version = (_number(major), _number(minor[:1]))
        return program == "tmux" and version >= _TMUX_WITH_LINKS
    return (
        program in _WITH_LINKS
        or any(environ.get(name) for name in _LINK_VARIABLES)
        or environ.get("TERM", "").startswith(_LINK_TERMS)
        or _number(environ.get("VTE_VERSION", "")) >= _VTE_WITH_LINKS
    )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0
