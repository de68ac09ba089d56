"""Turns the deadline and SIGTERM into exceptions in the main thread, each at most once.

Invariant: whatever the validator is doing, a blocking read, a wait for a process or a loop over a huge repository, it
stops there when its time is up, and the code that hands in the report isn't interrupted by the same cause again.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from types import FrameType

from janitor.guest.processes.supervisor import Interrupted

_AT_ONCE_SECONDS = 0.001


class DeadlineReached(Interrupted):
    """The spec's deadline has come."""


class Terminated(Interrupted):
    """Somebody asked the validator to end (SIGTERM or SIGINT)."""


class DeliveryTimeOver(BaseException):
    """The time to deliver the report is over."""


class Interrupts:
    """Arms the alarm clock and the signal handlers of the process.

    Args:
        deadline: The instant at which `DeadlineReached` is raised.
    """

    def __init__(self, deadline: datetime) -> None:
        self._deadline = deadline
        self._spent: set[type[Interrupted]] = set()

    def remaining(self) -> timedelta:
        """Time left until the deadline; zero when it has passed."""
        return max(self._deadline - datetime.now(timezone.utc), timedelta(0))

    @contextmanager
    def armed(self) -> Iterator[None]:
        """Within this block, the deadline and termination raise."""
        previous = {
            sign: signal.signal(sign, handler)
            for sign, handler in (
                (signal.SIGALRM, self._on_alarm),
                (signal.SIGTERM, self._on_terminate),
                (signal.SIGINT, self._on_terminate),
            )
        }
        signal.setitimer(signal.ITIMER_REAL, max(self.remaining().total_seconds(), _AT_ONCE_SECONDS))
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            for sign in (signal.SIGTERM, signal.SIGINT):
                # A second SIGTERM must not cost the report; the delivery has a time limit of its own. SIG_IGN would be
                # inherited by programs that are started from here on.
                signal.signal(sign, _do_nothing)
            signal.signal(signal.SIGALRM, previous[signal.SIGALRM])

    def _on_alarm(self, _number: int, _frame: FrameType | None) -> None:
        self._raise_once(DeadlineReached)

    def _on_terminate(self, _number: int, _frame: FrameType | None) -> None:
        self._raise_once(Terminated)

    def _raise_once(self, kind: type[Interrupted]) -> None:
        if kind not in self._spent:
            self._spent.add(kind)
            raise kind


def _do_nothing(_number: int, _frame: FrameType | None) -> None:
    """A signal handler for signals that come too late."""


@contextmanager
def delivery_limit(limit: timedelta) -> Iterator[None]:
    """Raise `DeliveryTimeOver` in the main thread if the block takes longer than `limit`."""

    def give_up(_number: int, _frame: FrameType | None) -> None:
        raise DeliveryTimeOver

    previous = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, max(limit.total_seconds(), _AT_ONCE_SECONDS))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
