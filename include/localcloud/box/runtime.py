"""What the local cloud asks of anything that can run a box.

A runtime starts boxes. A box runs commands, reports what happens in it as events, and ends completely: `Gone` is
reported only when nothing that ran in the box is left. One thread reads a box's events; the other methods may be
called from any thread, also after the box is gone (they do nothing then).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Protocol

USER_DATA_ID = "user-data"
"""The command id under which a box runs its user data."""


class Ending(str, Enum):
    """How a command's process came to its end."""

    EXITED = "exited"
    TIMED_OUT = "timed-out"
    KILLED = "killed"


@dataclass(frozen=True)
class Ready:
    """The box has booted and takes commands."""


@dataclass(frozen=True)
class OutputGrew:
    """A command has printed something."""

    command_id: str


@dataclass(frozen=True)
class CommandEnded:
    """A command's process has ended; its stored output is complete."""

    command_id: str
    exit_code: int
    ending: Ending


@dataclass(frozen=True)
class PoweredOff:
    """The box was shut down from inside; `Gone` follows."""


@dataclass(frozen=True)
class Halted:
    """The box was halted from inside: nothing runs in it any more, and it stays until it is ended."""


@dataclass(frozen=True)
class Gone:
    """Nothing of the box is left. Always the last event."""


BoxEvent = Ready | OutputGrew | CommandEnded | PoweredOff | Halted | Gone


@dataclass(frozen=True, kw_only=True)
class BoxCommand:
    """One process to start in a box, with /dev/null as its input."""

    command_id: str
    argv: Sequence[str]
    directory: Path
    outputs: Sequence[Path]
    """Files for stdout and stderr; a single one takes both."""
    output_limit_bytes: int
    """What is stored of each output; a line says so where it was cut."""
    limit: timedelta | None = None
    """After this long its process group is killed."""
    hang: bool = False
    """Start something that never finishes instead."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Of its environment, beside what the whole box has."""


@dataclass(frozen=True, kw_only=True)
class BoxSpec:
    """What a box is made of."""

    instance_id: str
    root: Path
    environment: Mapping[str, str]
    records: Path | None = None
    """Where its init writes what its commands print."""


class Box(Protocol):
    """A machine that was started."""

    def next_event(self, timeout: timedelta | None) -> BoxEvent | None:
        """The next event, or None when there was none within `timeout`."""

    def run(self, command: BoxCommand) -> None:
        """Start a command."""

    def kill(self, command_id: str) -> None:
        """Kill a command's process group."""

    def end(self, grace: timedelta) -> None:
        """End the box: SIGTERM to everything in it, after `grace` SIGKILL."""


class BoxRuntime(Protocol):
    """A way to run boxes."""

    name: str

    def start(self, spec: BoxSpec) -> Box:
        """Start a box. Raises OSError when that is impossible."""
