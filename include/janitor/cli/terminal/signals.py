"""SIGTERM and SIGHUP end a command as Ctrl-C does: in order, and with a word about what goes on without it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGTERM, signal.SIGHUP)
"""A cancelled CI job, a closed terminal."""


class EndedBySignal(KeyboardInterrupt):
    """The process was asked to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def ending_signals_raise() -> Iterator[None]:
    """Turn the signals into `EndedBySignal` in the main thread, for as long as the block lasts.

    One that was ignored before, as nohup does, stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in ENDING}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, _raise)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def ending_signals_set(event: threading.Event) -> Iterator[None]:
    """Have the first Ctrl-C or ending signal set an event, for what ends by itself then; a second one raises."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, *ENDING)}

    def ask(number: int, frame: FrameType | None) -> None:
        earlier = before[signal.Signals(number)] if event.is_set() else None
        event.set()
        if callable(earlier):
            earlier(number, frame)

    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, ask)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ending_signal_of(error: BaseException | None) -> int | None:
    """The signal behind an error, whatever it was wrapped into; None where it was none of ours."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, EndedBySignal):
            return error.number
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return None


def _raise(number: int, _: FrameType | None) -> None:
    raise EndedBySignal(number)
