"""A bound for the whole of a send, whatever the protocol does: a timeout of a socket is one for each read alone.

The send runs in a thread of its own. When its time is over the connections that it has told of are cut, which ends it;
what can't be cut, such as a name server's answer, is left to itself, and whoever called goes on.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from janitor.services.news.senders.connections import Connections
from janitor.services.news.senders.sending import Outgoing, PartlySentError, Sender, SendError

T = TypeVar("T")

SEND_WITHIN = timedelta(seconds=20)
"""The longest that a send takes, from its first step to its last."""
_WINDING_UP = timedelta(seconds=1)
"""How long a send that was cut is waited for."""


def send_bounded(send: Sender, outgoing: Outgoing, *, within: timedelta = SEND_WITHIN) -> str | None:
    """Send a message, or say that it took too long.

    Raises:
        SendError: It didn't arrive, or nobody knows within the time.
    """
    return bounded(lambda: send(outgoing), within=within)


def bounded(ask: Callable[[], T], *, within: timedelta) -> T:
    """Ask, or say that it took too long.

    Raises:
        SendError: There is no answer, or nobody knows within the time.
    """
    connections, answers, failures = Connections(), list[T](), list[BaseException]()

    def call() -> None:
        connections.enter()
        try:
            answers.append(ask())
        except BaseException as exc:
            failures.append(exc)
        finally:
            connections.let_go()

    # A daemon: one that never comes back doesn't keep the process alive.
    thread = threading.Thread(target=contextvars.copy_context().run, args=(call,), daemon=True, name="janitor-send")
    thread.start()
    thread.join(within.total_seconds())
    in_time = not thread.is_alive()
    if not in_time:
        connections.cut()
        thread.join(_WINDING_UP.total_seconds())
    if answers:
        return answers[0]
    if failures and (in_time or isinstance(failures[0], PartlySentError)):
        raise failures[0]
    raise SendError(f"it took longer than {within.total_seconds():g} s and was cut off")
