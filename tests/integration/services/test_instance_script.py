"""The script that SSM runs on the instance: it fetches the validator from storage that has its moods."""

from __future__ import annotations

import hashlib
import io
import subprocess
import threading
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from janitor.domain.outcome import EXIT_UNFETCHED
from janitor.services.instance_script import instance_script


@cache
def artefact() -> bytes:
    """A program that answers with its spec."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("__main__.py", "import sys\nprint('spec:', sys.stdin.read())\nsys.exit(7)\n")
    return content.getvalue()


@contextmanager
def storage(*statuses: int, put: Sequence[int] = (200,), seen: list[str] | None = None) -> Iterator[str]:
    """A server that answers with these statuses, one after the other, the last one for ever; `put`: to a sign of life.

    Args:
        seen: Takes what was asked and answered.
    """
    left, signs = list(statuses), list(put)
    seen = [] if seen is None else seen

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            status = signs.pop(0) if len(signs) > 1 else signs[0]
            seen.append(f"PUT {self.path.partition('?')[0]} {status}")
            if status == 0:
                self.close_connection = True  # no answer at all
                return
            self.send_response(status)
            self.end_headers()

        def do_GET(self) -> None:
            status = left.pop(0) if len(left) > 1 else left[0]
            seen.append(f"GET {self.path.partition('?')[0]} {status}")
            self.send_response(status)
            self.end_headers()
            self.wfile.write(artefact() if status == 200 else b"SlowDown")

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/artefact?X-Amz-Signature=secret"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def run(url: str, sha256: str | None = None) -> subprocess.CompletedProcess[str]:
    script = instance_script(
        artefact_url=url,
        artefact_sha256=sha256 or hashlib.sha256(artefact()).hexdigest(),
        spec_json='{"prompt": "say {{ this }}"}',
        sign_url=url.replace("/artefact", "/sign"),
    )
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=60, check=False)


def test_storage_that_throttles_is_asked_again() -> None:
    with storage(503, 429, 200) as url:
        done = run(url)
    assert (done.returncode, done.stdout) == (7, 'spec: {"prompt": "say {{ this }}"}\n')
    assert done.stderr.count("could not be fetched") == 2
    assert "secret" not in done.stderr


def test_storage_that_refuses_ends_it_with_a_code_of_its_own() -> None:
    with storage(403) as url:
        done = run(url)
    assert done.returncode == EXIT_UNFETCHED
    assert "HTTP 403" in done.stderr
    assert "secret" not in done.stderr


def test_another_validator_than_the_ordered_one_is_not_run() -> None:
    with storage(200) as url:
        done = run(url, sha256="0" * 64)
    assert done.returncode == EXIT_UNFETCHED
    assert "not the one that was ordered" in done.stderr


def test_life_is_shown_before_anything_else_and_once() -> None:
    seen: list[str] = []
    with storage(503, 200, seen=seen) as url:
        assert run(url).returncode == 7
    assert seen == ["PUT /sign 200", "GET /artefact 503", "GET /artefact 200"]


def test_a_sign_that_can_not_be_put_is_tried_again_and_stops_nothing() -> None:
    for status in (403, 500, 0):
        seen: list[str] = []
        with storage(503, 200, put=[status], seen=seen) as url:
            done = run(url)
        assert (done.returncode, done.stdout) == (7, 'spec: {"prompt": "say {{ this }}"}\n')
        assert seen.count(f"PUT /sign {status}") == 2
        assert "secret" not in done.stderr
