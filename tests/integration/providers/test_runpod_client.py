"""RunPod's client against servers that answer badly: it never tells its key, and never waits or reads without end."""

from __future__ import annotations

import pickle
import time
from datetime import timedelta
from http.server import BaseHTTPRequestHandler

import pytest
from pydantic import SecretStr

from janitor.cloud.runpod.client import RunPodClient, RunPodError
from tests.support.answering import LoopbackServer

KEY = "rpa_a-key-that-is-nobodys"


class Says(LoopbackServer):
    """Answers everything alike, and keeps what it was asked."""

    def __init__(self, status: int, body: bytes = b"", *, pause: float = 0, **headers: str) -> None:
        self.asked: list[tuple[str, str, str | None]] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                service.asked.append((self.command, self.path, self.headers.get("Authorization")))
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                for start in range(0, len(body), 1 << 16):
                    try:
                        self.wfile.write(body[start : start + (1 << 16)])
                    except OSError:
                        return  # who asked has heard enough
                    time.sleep(pause)

            do_POST = do_DELETE = do_GET

            def log_message(self, *_arguments: object) -> None:
                """Nobody reads it."""

        super().__init__(Handler)

    def client(self) -> RunPodClient:
        return RunPodClient(f"http://{self.address}/v2", SecretStr(KEY))


def test_a_key_is_told_to_the_api_and_to_nobody_else() -> None:
    problem = b'{"title": "Unauthorized", "status": 401, "detail": "the key %s is unknown", "errors": ["$: no"]}'
    with Says(401, problem % KEY.encode()) as server:
        with pytest.raises(RunPodError) as refused:
            server.client().get("/pods")
        assert server.asked == [("GET", "/v2/pods", f"Bearer {KEY}")]
    assert str(refused.value) == "GET /pods: RunPod answered 401: the key [key] is unknown; $: no"
    assert KEY not in repr(refused.value.__dict__)
    assert KEY not in repr(server.client())
    again = pickle.loads(pickle.dumps(refused.value))
    assert (str(again), again.status, again.is_open) == (str(refused.value), 401, False)


def test_no_redirect_is_followed() -> None:
    with Says(200, b"{}") as other, Says(307, Location=f"http://{other.address}/v2/pods") as server:
        for ask in (lambda: server.client().get("/pods"), lambda: server.client().create("/pods", {})):
            with pytest.raises(RunPodError) as refused:
                ask()
            # Whoever sends elsewhere may have made something.
            assert (refused.value.status, refused.value.is_open) == (307, True)
        assert other.asked == []


@pytest.mark.parametrize("body", [b"", b"<html>", b"{", b"[" * 100_000])
def test_a_create_whose_answer_cant_be_read_may_have_made_a_pod(body: bytes) -> None:
    with Says(201, body) as server, pytest.raises(RunPodError) as refused:
        server.client().create("/pods", {"name": "a"})
    assert refused.value.status is None
    assert refused.value.is_open


def test_nobody_who_answers_is_said_without_the_key() -> None:
    with Says(200) as server:
        address = server.address
    with pytest.raises(RunPodError, match="RunPod gave no answer: ConnectError") as refused:
        RunPodClient(f"http://{address}/v2", SecretStr(KEY)).get("/pods")
    assert refused.value.is_open
    assert KEY not in str(refused.value)


def test_what_is_too_long_is_not_read() -> None:
    with Says(200, b" " * (17 << 20)) as server, pytest.raises(RunPodError, match="more than 16777216 bytes"):
        server.client().get("/pods")
    with Says(500, b" " * (3 << 20)) as server, pytest.raises(RunPodError, match=r"RunPod answered 500$"):
        server.client().get("/pods")


def test_what_drips_is_not_waited_for() -> None:
    with Says(200, b" " * (3 << 20), pause=0.2) as server:
        began = time.monotonic()
        with pytest.raises(RunPodError, match="doesn't come to its end"):
            server.client()._ask("GET", "/pods", timeout=timedelta(seconds=1))
        assert time.monotonic() - began < 5


def test_a_window_that_is_used_up_is_waited_for_by_every_client_of_the_key() -> None:
    rate = '"minute";r=0;t=2, "hour";r=2800;t=1812, "day";r=49500;t=45012'
    with Says(200, b'{"pods": []}', RateLimit=rate) as server:
        server.client().get("/pods")
        with pytest.raises(RunPodError) as refused:
            server.client().get("/pods")
        assert refused.value.status == 429
        assert refused.value.retry_after is not None
        assert timedelta(0) < refused.value.retry_after <= timedelta(seconds=2)
        server.client().delete("/pods/a")
        assert [method for method, _, _ in server.asked] == ["GET", "DELETE"]
        # Another key has a rate of its own.
        RunPodClient(server.client().url, SecretStr("rpa_another")).get("/pods")
        time.sleep(refused.value.retry_after.total_seconds() + 0.1)
    with Says(200, b'{"pods": []}', RateLimit='"minute";r=1;t=2') as server:
        server.client().get("/pods")
        server.client().get("/pods")
        assert len(server.asked) == 2


@pytest.mark.parametrize("word", ["", "soon", "-1", "99999999", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_a_retry_after_that_is_no_number_of_seconds_is_nobodys(word: str) -> None:
    with Says(429, b"{}", Retry_After=word) as server:
        for _ in range(2):
            with pytest.raises(RunPodError) as refused:
                server.client().get("/pods")
            assert refused.value.retry_after is None
        assert len(server.asked) == 2
