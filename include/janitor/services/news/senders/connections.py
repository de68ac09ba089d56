"""The connections that a send has open, so that whoever waits for it can cut them."""

from __future__ import annotations

import contextlib
import contextvars
import os
import socket
import threading


class Connections:
    """Of one send. Each is a second handle, so that it is cut whatever a library has made of its own."""

    def __init__(self) -> None:
        self._handles: list[socket.socket] = []
        self._is_cut = False
        self._lock = threading.Lock()

    def enter(self) -> None:
        """Let `cut_in_time` in this thread's context mean these."""
        _of_this_send.set(self)

    def add(self, connection: socket.socket) -> None:
        """Take one more."""
        with self._lock:
            # Not `dup()`, which a connection with TLS refuses.
            self._handles.append(socket.socket(fileno=os.dup(connection.fileno())))
            if self._is_cut:
                _shut(self._handles[-1])

    def cut(self) -> None:
        """End them all, and each that is still to come."""
        with self._lock:
            self._is_cut = True
            for each in self._handles:
                _shut(each)

    def let_go(self) -> None:
        """Close the handles; the libraries close theirs."""
        with self._lock:
            while self._handles:
                self._handles.pop().close()


_of_this_send: contextvars.ContextVar[Connections | None] = contextvars.ContextVar("connections", default=None)


def cut_in_time(connection: socket.socket) -> None:
    """Let a connection be cut when the send that opened it has had its time; nothing outside of one."""
    connections = _of_this_send.get()
    if connections is not None:
        connections.add(connection)


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
