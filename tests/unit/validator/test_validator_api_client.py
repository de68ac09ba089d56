"""The client of a worker's API against servers that mean no good: every wait ends, every mistake is the server's."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from janitor.validator.checks.handler.api_client import (
    AnswerTimeoutError,
    ConnectionLostError,
    is_sdk_api,
    run_sync,
    wait_until_ready,
)

SHORT = timedelta(seconds=0.6)
LONG = timedelta(seconds=20)


@contextlib.contextmanager
def server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that does this with every connection, until the block ends."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        taken: list[socket.socket] = []

        def one(connection: socket.socket) -> None:
            with contextlib.suppress(OSError):
                connection.recv(65536)
                answer(connection)
                connection.close()

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    taken.append(connection)
                    threading.Thread(target=one, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            for connection in taken:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
                connection.close()
            thread.join(5)


def sends(*pieces: bytes, every: float = 0.0) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(every)

    return answer


def response(body: bytes, status: str = "200 OK") -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status.encode(), len(body), body)


DRIPS = {
    "header": [b"HTTP/1.1 200 OK\r\nX: ", *([b"a"] * 1_000)],
    "continues": [b"HTTP/1.1 100 Continue\r\n\r\n"] * 1_000,
    "body": [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", *([b"a"] * 1_000)],
    "closing body": [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", *([b"a"] * 1_000)],
    "silence": [b""],
}


@pytest.mark.parametrize("kind", DRIPS)
def test_worker_that_drips_is_out_of_time(kind):
    hold = threading.Event()

    def answer(connection: socket.socket) -> None:
        sends(*DRIPS[kind], every=0.02)(connection)
        hold.wait(20)

    with server(answer) as url:
        started = time.monotonic()
        with pytest.raises(AnswerTimeoutError):
            run_sync(url, {}, limit=SHORT)
        assert time.monotonic() - started < 15
        hold.set()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000,
    ],
)
def test_broken_answer_is_the_workers(answer):
    with server(sends(answer)) as url, pytest.raises(ConnectionLostError):
        run_sync(url, {}, limit=LONG)


def test_whole_answer_is_taken_as_it_is():
    with server(sends(response(b'{"status": "COMPLETED"}'))) as url:
        answer = run_sync(url, {"a": 1}, limit=LONG)
    assert (answer.status, answer.body) == (200, b'{"status": "COMPLETED"}')


def test_readiness_waits_for_any_answer_and_for_a_living_worker():
    with server(sends(response(b"", "404 Not Found"))) as url:
        assert wait_until_ready(url, limit=LONG, alive=lambda: True)
    with server(sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n")) as url:
        assert not wait_until_ready(url, limit=SHORT, alive=lambda: True)
    assert not wait_until_ready("http://127.0.0.1:9", limit=LONG, alive=lambda: False)


@pytest.mark.parametrize(
    ("body", "status", "is_sdk"),
    [
        (json.dumps({"paths": {"/runsync": {}}}).encode(), "200 OK", True),
        (json.dumps({"paths": {"/v1/completions": {}}}).encode(), "200 OK", False),
        (json.dumps({"paths": {"/runsync": {}}}).encode(), "404 Not Found", False),
        (b"[]", "200 OK", False),
        (b"<html>", "200 OK", False),
        (b"[" * 100_000, "200 OK", False),
    ],
)
def test_api_tells_what_it_is(body, status, is_sdk):
    with server(sends(response(body, status))) as url:
        assert is_sdk_api(url) is is_sdk
