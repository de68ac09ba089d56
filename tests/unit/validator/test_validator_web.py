"""Requests to hosts that a repository names: bounded, and never to what is private."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from janitor.inspection.dockerfile.image_reference import parse_reference
from janitor.validator.network.registry import ask_for_image
from janitor.validator.network.web import Web, WebError, WebTrouble
from janitor.validator.settings import Settings
from tests.corpus.case import Answer
from tests.corpus.web import web_server


def web(*private: str, seconds: float = 10, **environment: str) -> Web:
    settings = Settings.from_environment(
        {"HOME": "/nonexistent", "JANITOR_PRIVATE_HOSTS": ",".join(private), **environment}
    )
    return Web(settings, limit=timedelta(seconds=seconds))


def trouble(client: Web, url: str, **options: object) -> WebTrouble:
    with pytest.raises(WebError) as caught:
        client.ask(url, **options)  # type: ignore[arg-type]  # named by the caller
    return caught.value.trouble


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[fd00:ec2::254]/latest/",
        "http://[::ffff:169.254.169.254]/",
        "http://127.0.0.1:1/",
        "http://localhost:1/",
        "http://10.0.0.1/",
        "http://[::1]/",
        "http://0.0.0.0/",
        "file:///etc/passwd",
        "ftp://example.org/x",
        "http:///x",
    ],
)
def test_private_and_strange_addresses_are_refused(url):
    assert trouble(web(), url) is WebTrouble.REFUSED


def test_link_local_is_refused_even_if_named():
    assert trouble(web("169.254.169.254"), "http://169.254.169.254/") is WebTrouble.REFUSED


def test_redirects_are_followed_and_checked():
    answers = {
        "/a": Answer(status=302, headers={"Location": "/b"}),
        "/b": Answer(body="yes"),
        "/out": Answer(status=302, headers={"Location": "http://169.254.169.254/"}),
        "/loop": Answer(status=302, headers={"Location": "/loop"}),
        "/file": Answer(status=302, headers={"Location": "file:///etc/passwd"}),
    }
    with web_server(answers) as address:
        client = web("127.0.0.1")
        assert client.ask(f"http://{address}/a", method="GET").body == b"yes"
        assert trouble(client, f"http://{address}/out") is WebTrouble.REFUSED
        assert trouble(client, f"http://{address}/file") is WebTrouble.REFUSED
        assert trouble(client, f"http://{address}/loop") is WebTrouble.BROKEN


def test_credentials_stay_with_their_host():
    seen: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            seen.append(self.headers.get("Authorization"))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    other = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=other.serve_forever, daemon=True).start()
    try:
        target = f"http://127.0.0.1:{other.server_address[1]}/x"
        with web_server({"/a": Answer(status=307, headers={"Location": target})}) as address:
            client = web("127.0.0.1")
            client.ask(f"http://{address}/a", headers={"Authorization": "Bearer secret"})
            client.ask(target, headers={"Authorization": "Bearer secret"})
    finally:
        other.shutdown()
        other.server_close()
    assert seen == [None, "Bearer secret"]


def test_body_and_time_are_bounded():
    with web_server({"/big": Answer(body="x" * 100_000)}) as address:
        assert len(web("127.0.0.1").ask(f"http://{address}/big", method="GET", most=1_000).body) == 1_000
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        client = web("127.0.0.1", seconds=0.5)
        assert trouble(client, url) is WebTrouble.TIMEOUT
        assert trouble(client, url) is WebTrouble.TIMEOUT


def test_no_network_is_told_from_the_rest():
    assert trouble(web(), "https://registry.invalid/") is WebTrouble.NO_NETWORK
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as closed:
        port = closed.getsockname()[1]
    assert trouble(web("127.0.0.1"), f"http://127.0.0.1:{port}/") is WebTrouble.NO_NETWORK
    proxy = f"http://127.0.0.1:{port}"
    assert trouble(web(https_proxy=proxy), "https://registry.example.org/") is WebTrouble.NO_NETWORK


def test_tls_is_verified(tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"https://localhost:{server.server_address[1]}/"
        assert trouble(web("localhost"), url) is WebTrouble.TLS
        assert web("localhost", SSL_CERT_FILE=str(certificate)).ask(url).status == 200
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("text", "registry", "repository", "version"),
    [
        ("python:3.11-slim", "registry-1.docker.io", "library/python", "3.11-slim"),
        ("nvidia/cuda:12.4.1-base", "registry-1.docker.io", "nvidia/cuda", "12.4.1-base"),
        ("docker.io/library/python", "registry-1.docker.io", "library/python", "latest"),
        ("nvcr.io/nvidia/pytorch:24.05-py3", "nvcr.io", "nvidia/pytorch", "24.05-py3"),
        ("localhost:5000/a/b", "localhost:5000", "a/b", "latest"),
        ("ghcr.io/a/b:1@sha256:abc", "ghcr.io", "a/b", "sha256:abc"),
    ],
)
def test_image_reference(text, registry, repository, version):
    found = parse_reference(text)
    assert (found.registry, found.repository, found.version) == (registry, repository, version)


def test_registry_without_sense_says_nothing_of_platforms():
    path = "/v2/a/manifests/1"
    for body in ("", "[]", "not JSON", '{"manifests": 1}', '{"manifests": [1, {"platform": 2}]}', '{"config": []}'):
        with web_server({path: Answer(body=body)}) as address:
            answer = ask_for_image(web("127.0.0.1"), parse_reference(f"{address}/a:1"))
            assert (answer.status, answer.platforms) == (200, ())
