"""A web server on the loopback interface that answers as a case says."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.corpus.case import WEB, Answer


@contextlib.contextmanager
def web_server(answers: Mapping[str, Answer]) -> Iterator[str]:
    """Serve; gives host and port."""

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            answer = answers.get(self.path.partition("?")[0], Answer(status=404, body="no such thing"))
            status, body = answer.status, answer.body.replace(WEB, address).encode()
            if answer.only_with is not None and self.headers.get("Authorization") != answer.only_with:
                status, body = 401, b"log in"
            if answer.not_to == self.command:
                status, body = 405, b""
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **answer.headers}.items():
                self.send_header(name, value.replace(WEB, address))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_POST = _any

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    address = f"127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield address
    finally:
        server.shutdown()
        server.server_close()
