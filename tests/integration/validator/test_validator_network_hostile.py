"""Hosts that a repository names and that mean no good: they cost bounded time, and reach nothing private."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from janitor.inspection.dockerfile.image_reference import parse_reference
from janitor.protocol.terms.statuses import CheckStatus
from janitor.validator.network.registry import ask_for_image
from janitor.validator.network.web import Web, WebError, WebTrouble
from janitor.validator.settings import Settings
from tests.corpus.case import WEB, Answer
from tests.corpus.web import web_server
from tests.integration.validator.conftest import handler

METADATA = "169.254.169.254"


def web(*private: str, seconds: float = 10, **environment: str) -> Web:
    settings = Settings.from_environment(
        {"HOME": "/nonexistent", "JANITOR_PRIVATE_HOSTS": ",".join(private), **environment}
    )
    return Web(settings, limit=timedelta(seconds=seconds))


def trouble(client: Web, url: str, **options: object) -> WebTrouble:
    with pytest.raises(WebError) as caught:
        client.ask(url, **options)  # type: ignore[arg-type]  # named by the caller
    return caught.value.trouble


@contextlib.contextmanager
def raw_server(first: bytes, then: bytes, pause: float) -> Iterator[str]:
    """Sends `first`, and then `then` again and again."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=feed, args=(connection,), daemon=True).start()

    def feed(connection: socket.socket) -> None:
        with contextlib.closing(connection), contextlib.suppress(OSError):
            connection.recv(65536)
            connection.sendall(first)
            while not stop.wait(pause):
                connection.sendall(then)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stop.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X-More: x\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x"),
        (b"", b"H"),
    ],
    ids=["headers", "body", "status line"],
)
def test_host_that_sends_a_byte_now_and_then_is_given_up(first, then):
    with raw_server(first, then, 0.1) as address:
        began = time.monotonic()
        assert trouble(web("127.0.0.1", seconds=1.5), f"http://{address}/x", method="GET") is WebTrouble.TIMEOUT
        assert time.monotonic() - began < 120


def test_body_without_end_is_cut():
    with raw_server(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536, 0) as address:
        answer = web("127.0.0.1").ask(f"http://{address}/x", method="GET", most=1_000_000)
        assert len(answer.body) == 1_000_000


def test_name_that_changes_after_the_look_leads_nowhere(monkeypatch):
    """DNS rebinding: public at the first look, the machine itself at every later one."""
    looks: list[str] = []
    real = socket.getaddrinfo

    def changing(host, port, *arguments, **options):
        if host != "rebind.example.org":
            return real(host, port, *arguments, **options)
        looks.append(host)
        address = "192.88.99.1" if len(looks) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", changing)
    with web_server({"/x": Answer(body="secret")}) as address:
        port = address.rpartition(":")[2]
        with pytest.raises(WebError):
            web(seconds=1).ask(f"http://rebind.example.org:{port}/x", method="GET")
    assert looks == ["rebind.example.org"]


@pytest.mark.parametrize(
    "host",
    [
        *("2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518", "[::a9fe:a9fe]", "[64:ff9b::a9fe:a9fe]"),
        *(
            "[2002:a9fe:a9fe::1]",
            "[::ffff:7f00:1]",
            "127.1",
            "0",
            "100.100.100.200",
            "[fe80::1%25eth0]",
            "user@127.0.0.1",
        ),
    ],
)
@pytest.mark.parametrize("proxied", [False, True], ids=["direct", "through a proxy"])
def test_private_address_in_another_form_is_refused(host, proxied):
    environment = {"http_proxy": "http://127.0.0.1:9"} if proxied else {}
    assert trouble(web(**environment), f"http://{host}/latest/") is WebTrouble.REFUSED


@pytest.mark.parametrize("host", ["metadata.google.internal", "localhost", "printer.local", "intranet"])
def test_name_that_only_a_proxy_inside_would_know_is_refused(host):
    assert trouble(web(http_proxy="http://127.0.0.1:9"), f"http://{host}/") is WebTrouble.REFUSED


def test_host_that_is_asked_in_spite_of_the_proxy_is_judged_too():
    client = web(http_proxy="http://127.0.0.1:9", no_proxy="localhost,.example.org")
    assert trouble(client, "http://localhost:1/") is WebTrouble.REFUSED


NONSENSE = [
    "http://[::1/",
    "http://host:99999/",
    "http://host:port/x",
    "http:// /",
    "https://",
    "https://\ud800@host/x",
]


@pytest.mark.parametrize("url", NONSENSE, ids=ascii)
def test_nonsense_is_refused_and_no_mistake_of_ours(url):
    assert trouble(web(), url) is WebTrouble.REFUSED


@pytest.mark.parametrize("location", ["http://[::1/", "http://host:99999/", "//[", "http://"])
def test_redirect_to_nonsense_is_no_mistake_of_ours(location):
    with web_server({"/a": Answer(status=302, headers={"Location": location})}) as address:
        assert trouble(web("127.0.0.1"), f"http://{address}/a") in (WebTrouble.REFUSED, WebTrouble.BROKEN)


def test_path_is_quoted_as_other_clients_do():
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            seen.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        base = f"http://127.0.0.1:{server.server_address[1]}"
        assert web("127.0.0.1").ask(f"{base}/模型 1.bin?a=ü%20").status == 200
    finally:
        server.shutdown()
        server.server_close()
    assert seen == ["/%E6%A8%A1%E5%9E%8B%201.bin?a=%C3%BC%20"]


def test_credentials_in_an_address_are_used_and_not_shown():
    wanted = f"Basic {base64.b64encode(b'reader:pass word').decode()}"
    with web_server({"/x": Answer(body="yes", only_with=wanted)}) as address:
        answer = web("127.0.0.1").ask(f"http://reader:pass%20word@{address}/x", method="GET")
    assert (answer.status, answer.body) == (200, b"yes")
    assert "pass" not in answer.url


# -- registries

MANIFEST = "/v2/a/manifests/1"
INDEX = '{"manifests": [{"platform": {"os": "linux", "architecture": "amd64"}}]}'


def image(answers: dict[str, Answer]):
    with web_server(answers) as address:
        return ask_for_image(web("127.0.0.1"), parse_reference(f"{address}/a:1"))


def test_registry_that_takes_no_head_is_asked_with_get():
    answer = image({MANIFEST: Answer(body=INDEX, headers={"Docker-Content-Digest": "sha256:1"}, not_to="HEAD")})
    assert (answer.status, answer.digest, answer.platforms) == (200, "sha256:1", ("linux/amd64",))


@pytest.mark.parametrize("status", [429, 503])
def test_trouble_of_the_place_that_gives_tokens_is_told_as_such(status):
    challenge = {"WWW-Authenticate": f'Basic realm="x", Bearer realm="http://{WEB}/token?account=me",service="s"'}
    answer = image({MANIFEST: Answer(status=401, headers=challenge), "/token": Answer(status=status)})
    assert answer.status == status


@pytest.mark.parametrize("token", ["", "two words", "line\nX-Injected: 1", "ü", 7])
def test_token_that_is_none_leaves_the_refusal(token):
    challenge = {"WWW-Authenticate": f'Bearer realm="http://{WEB}/token"'}
    body = json.dumps({"token": token})
    assert image({MANIFEST: Answer(status=401, headers=challenge), "/token": Answer(body=body)}).status == 401


def test_realm_at_the_metadata_address_is_refused():
    challenge = {"WWW-Authenticate": f'Bearer realm="http://{METADATA}/latest/"'}
    with pytest.raises(WebError) as caught:
        image({MANIFEST: Answer(status=401, headers=challenge)})
    assert caught.value.trouble is WebTrouble.REFUSED


@pytest.mark.parametrize(
    ("body", "platforms"),
    [
        ('{"manifests": [{"platform": {"architecture": "amd64"}}]}', ("linux/amd64",)),
        ('{"manifests": [{"digest": "sha256:1"}, {"platform": {"os": "linux", "architecture": "arm64"}}]}', ()),
        (
            '{"manifests": [{"platform": {"os": "linux", "architecture": "arm64"}},'
            ' {"platform": {"os": "unknown", "architecture": "unknown"}}]}',
            ("linux/arm64", "unknown/unknown"),
        ),
    ],
    ids=["no system", "a member that says nothing", "attestation"],
)
def test_platforms_are_told_only_where_an_index_says_them(body, platforms):
    assert image({MANIFEST: Answer(body=body)}).platforms == platforms


# -- through the whole validator


def test_model_address_that_redirects_nowhere_shows_nothing(validate, make_worker):
    with web_server({"/m.safetensors": Answer(status=302)}) as address:
        source = handler("return 1", before=f'URL = "http://{address}/m.safetensors"')
        result = validate(make_worker(source, sdk=False), environment={"JANITOR_PRIVATE_HOSTS": "127.0.0.1"})
    check = result.check("model_urls")
    assert (check.status, check.reason_code) == (CheckStatus.ERROR, "server_trouble"), result.output


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("--extra-index-url {web}/index", "host_refused"),
        ("--find-links {web}/links", "host_refused"),
        ("--index-url http://169.254.169.254/latest", "host_refused"),
        ("--index-url http://192.88.99.1/simple", "host_refused"),
        ("thing @ {web}/thing-1-py3-none-any.whl", "needs_build"),
    ],
)
def test_requirements_lead_the_resolution_to_no_private_host(validate, make_worker, line, code):
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            asked.append(self.path)
            self.send_response(404)
            self.end_headers()

        do_GET = do_HEAD = _any

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_address[1]}"
        files = {"requirements.txt": f"{line.format(web=address)}\nthing\n"}
        result = validate(make_worker(handler("return 1"), files), gpu_required=True)
    finally:
        server.shutdown()
        server.server_close()
    check = result.check("deps_resolve")
    assert (check.status, check.reason_code) == (CheckStatus.SKIP, code), result.output
    assert asked == []
