"""A case's own server: what it answers is said, one request after another."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Service:
    """What it answers next."""

    host: str
    left: list[int] = field(default_factory=list)
    """The last one stays."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answers(self, statuses: Sequence[int]) -> None:
        """From now on."""
        with self.lock:
            self.left = list(statuses)

    def take(self) -> int:
        """The next answer."""
        with self.lock:
            return self.left.pop(0) if len(self.left) > 1 else self.left[0]


@contextmanager
def service() -> Iterator[Service]:
    """A server that answers 200, until it is told otherwise."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(found.take())
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Service(host=f"127.0.0.1:{server.server_address[1]}", left=[200])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
