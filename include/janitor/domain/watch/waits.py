"""What this process waits for at the moment: written by whoever waits, read by whoever tells people.

Pure memory, shared by the threads of a process. A wait is entered where the call is made, so that every command, and
every one that is still to be written, can say what it waits for without doing anything itself.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True, kw_only=True)
class Wait:
    """One thing that is waited for."""

    what: str
    """For people: `waiting for Postgres at 127.0.0.1:5432`."""
    limit: timedelta | None = None
    """From the beginning of the wait until it is given up at the latest; None where other words say so."""
    shown: bool = False
    """Whether something on the terminal shows it already, such as a spinner."""
    began: float = field(default_factory=time.monotonic)
    """Of the monotonic clock: a clock that is set doesn't change how long something took."""


_numbers = itertools.count()
_lock = threading.Lock()
_waits: dict[int, Wait] = {}


def begin_wait(what: str, limit: timedelta | None = None, *, shown: bool = False) -> int:
    """Enter a wait; returns what `end_wait` takes."""
    number = next(_numbers)
    with _lock:
        _waits[number] = Wait(what=what, limit=limit, shown=shown)
    return number


def end_wait(number: int) -> None:
    """Leave a wait. Leaving one twice is fine."""
    with _lock:
        _waits.pop(number, None)


@contextmanager
def waiting(what: str, limit: timedelta | None = None, *, shown: bool = False) -> Iterator[None]:
    """A wait for as long as the block lasts."""
    number = begin_wait(what, limit, shown=shown)
    try:
        yield
    finally:
        end_wait(number)


def current_waits() -> tuple[Wait, ...]:
    """What is waited for now, in the order in which it began."""
    with _lock:
        return tuple(_waits.values())
