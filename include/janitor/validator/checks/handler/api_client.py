"""Talks to a worker's API, which is untrusted too: every wait has a limit, every body a size."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from janitor.diagnosis.handler.api_judge import MAX_ANSWER_BYTES

_PIECE_BYTES = 64 * 1024
_POLL_SECONDS = 0.1
_POLL_TIMEOUT_SECONDS = 5.0
# A worker can answer what http.client takes for a mistake of its caller.
_BROKEN = (OSError, http.client.HTTPException, ValueError)


class AnswerTimeoutError(Exception):
    """The worker did not answer in time."""


class ConnectionLostError(Exception):
    """The worker closed the connection, or was not there."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An HTTP response."""

    status: int
    body: bytes
    """At most a byte more than the platform allows."""
    seconds: float


def wait_until_ready(url: str, *, limit: timedelta, alive: Callable[[], bool]) -> bool:
    """Wait until the API answers anything.

    Args:
        url: Its base URL.
        limit: Time to get ready, apart from every test's own.
        alive: Whether the worker still runs.

    Returns:
        False if it ended or if the limit passed.
    """
    deadline = time.monotonic() + limit.total_seconds()
    while time.monotonic() < deadline and alive():
        with contextlib.suppress(*_BROKEN):
            _request(url, "GET", "/openapi.json", None, _POLL_TIMEOUT_SECONDS)
            return True
        time.sleep(_POLL_SECONDS)
    return False


def is_sdk_api(url: str) -> bool:
    """Whether the API describes itself as the SDK's does.

    Args:
        url: Its base URL.
    """
    try:
        answer = _request(url, "GET", "/openapi.json", None, _POLL_TIMEOUT_SECONDS)
        document = json.loads(answer.body)
    except (*_BROKEN, RecursionError):
        return False
    paths = document.get("paths") if isinstance(document, dict) else None
    return answer.status == 200 and isinstance(paths, dict) and "/runsync" in paths


def run_sync(url: str, payload: Any, *, limit: timedelta) -> Answer:
    """POST /runsync with `{"input": payload}`.

    Args:
        url: The API's base URL.
        payload: The job's input.
        limit: Time for the whole answer.

    Raises:
        AnswerTimeoutError: The limit passed.
        ConnectionLostError: The worker closed the connection.
    """
    body = json.dumps({"input": payload}).encode()
    started = time.monotonic()
    try:
        return _request(url, "POST", "/runsync", body, limit.total_seconds())
    except _BROKEN as exc:
        if isinstance(exc, TimeoutError) or time.monotonic() - started >= limit.total_seconds():
            raise AnswerTimeoutError(f"no answer in {limit.total_seconds():g} s") from exc
        raise ConnectionLostError(str(exc) or type(exc).__name__) from exc


def _request(url: str, method: str, path: str, body: bytes | None, seconds: float) -> Answer:
    started = time.monotonic()
    deadline = started + seconds
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=seconds)
    with contextlib.closing(connection):
        connection.connect()
        sock: socket.socket = connection.sock
        with _ended_at(deadline, sock):
            connection.request(method, path, body=body, headers={"Content-Type": "application/json"})
            status, received = _received(connection, deadline)
    return Answer(status=status, body=received, seconds=time.monotonic() - started)


def _received(connection: http.client.HTTPConnection, deadline: float) -> tuple[int, bytes]:
    response = connection.getresponse()
    received = bytearray()
    while len(received) <= MAX_ANSWER_BYTES:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        # A socket's timeout is that of one read; a worker that drips would never reach it.
        if connection.sock is not None:
            connection.sock.settimeout(remaining)
        piece = response.read1(_PIECE_BYTES)
        if not piece:
            break
        received += piece
    if time.monotonic() >= deadline:
        raise TimeoutError  # what there is of it was broken off
    return response.status, bytes(received[: MAX_ANSWER_BYTES + 1])


@contextlib.contextmanager
def _ended_at(deadline: float, sock: socket.socket) -> Iterator[None]:
    """Break the connection at this instant: a header that drips never reaches the limit of a single read."""

    def break_off() -> None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(deadline - time.monotonic(), 0), break_off)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        # No other thread may run when the next process is started.
        timer.join()
