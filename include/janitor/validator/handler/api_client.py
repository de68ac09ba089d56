"""Talks to a worker's API, which is untrusted too: every wait has a limit, every body a size."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from janitor.validator.handler.api_judge import MAX_ANSWER_BYTES

_PIECE_BYTES = 64 * 1024
_POLL_SECONDS = 0.1
_POLL_TIMEOUT_SECONDS = 5.0


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
        with contextlib.suppress(OSError, http.client.HTTPException):
            _request(url, "GET", "/openapi.json", None, _POLL_TIMEOUT_SECONDS)
            return True
        time.sleep(_POLL_SECONDS)
    return False


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
    try:
        return _request(url, "POST", "/runsync", body, limit.total_seconds())
    except TimeoutError as exc:
        raise AnswerTimeoutError(f"no answer in {limit.total_seconds():g} s") from exc
    except (OSError, http.client.HTTPException) as exc:
        raise ConnectionLostError(str(exc) or type(exc).__name__) from exc


def _request(url: str, method: str, path: str, body: bytes | None, seconds: float) -> Answer:
    started = time.monotonic()
    deadline = started + seconds
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=seconds)
    try:
        connection.request(method, path, body=body, headers={"Content-Type": "application/json"})
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
        return Answer(
            status=response.status,
            body=bytes(received[: MAX_ANSWER_BYTES + 1]),
            seconds=time.monotonic() - started,
        )
    finally:
        connection.close()
