"""No wait without a word: when a command has said nothing for a while, a line says what it waits for.

One thread beside every command, started where all of them start; what is waited for comes from `domain.waits`. The
lines go to standard error, with and without a terminal, so that standard output stays the answer alone. Each says what,
since when, and when it is given up; the same wait is told ever more seldom.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from janitor.domain.watch.waits import Wait, current_waits

PROMISE = timedelta(seconds=5)
"""The longest that a command is silent at first."""
FIRST_WORD = timedelta(seconds=3)
"""Leaves room below the promise for a slow machine to start Python."""
LATER_WORDS = (timedelta(seconds=20), timedelta(seconds=60), timedelta(seconds=120))
"""Silence between two words about the same wait; the last one goes on."""
_WORTH_NAMING = timedelta(seconds=1)
"""A call that takes less isn't what the silence comes from."""
_TICK_SECONDS = 0.25


@dataclass
class Teller:
    """Tells what is waited for.

    Invariant: `spoke` is called at every line that the command prints, whoever prints it.
    """

    doing: str
    """What to say where nothing in particular is waited for: `janitor validate is at work`."""
    say: Callable[[str], None]
    now: Callable[[], datetime] = lambda: datetime.now(timezone.utc)
    clock: Callable[[], float] = time.monotonic
    began: float = field(init=False)
    last_word: float = field(init=False)
    told: Counter[str] = field(default_factory=Counter, init=False)
    """How often each wait was told; waits that take turns are told more seldom all the same."""

    def __post_init__(self) -> None:
        self.began = self.last_word = self.clock()

    def spoke(self) -> None:
        """Something was printed."""
        self.last_word = self.clock()

    def look(self) -> None:
        """Say a word if one is due."""
        wait = self._worth_telling(current_waits())
        if wait.shown:
            return
        silent = self.clock() - self.last_word
        times = self.told[wait.what]
        due = LATER_WORDS[min(times, len(LATER_WORDS)) - 1] if times else FIRST_WORD
        if silent < due.total_seconds():
            return
        self.told[wait.what] += 1
        self.say(self.words(wait))
        self.spoke()

    def words(self, wait: Wait) -> str:
        """`⏳ waiting for EC2, since 14:30:00 UTC (4 s); given up at 14:33:10 UTC at the latest`."""
        lasted = timedelta(seconds=self.clock() - wait.began)
        now = self.now()
        text = f"⏳ {wait.what}, since {now - lasted:%H:%M:%S} UTC ({lasted.total_seconds():.0f} s)"
        return (
            text
            if wait.limit is None
            else f"{text}; given up at {now - lasted + wait.limit:%H:%M:%S} UTC at the latest"
        )

    def _worth_telling(self, waits: tuple[Wait, ...]) -> Wait:
        """The innermost wait that lasts; else the outermost; else the command as a whole."""
        lasting = [wait for wait in waits if self.clock() - wait.began >= _WORTH_NAMING.total_seconds()]
        if lasting:
            return lasting[-1]
        return waits[0] if waits else Wait(what=self.doing, began=self.began)


_current: list[Teller] = []


def spoke() -> None:
    """Something was printed: the silence begins anew."""
    for teller in _current:
        teller.spoke()


@contextmanager
def no_silence(doing: str, say: Callable[[str], None]) -> Iterator[None]:
    """Tell what is waited for as long as the block lasts."""
    teller, ended = Teller(doing, say), threading.Event()

    def watch() -> None:
        while not ended.wait(_TICK_SECONDS):
            try:
                teller.look()
            except Exception:
                return  # nobody listens any more, which is the main thread's to find out

    thread = threading.Thread(target=watch, name="teller", daemon=True)
    _current.append(teller)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(1)
        _current.remove(teller)
