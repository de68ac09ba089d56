"""Small servers that behave as the channels do: Slack, GitHub's issues, a mail server. Real sockets."""

from __future__ import annotations

import json
import re
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "token-of-the-test"  # no password


@dataclass
class WebService:
    """What an HTTP service was asked, and what it answers next in the place of its own answer."""

    requests: list[dict[str, Any]] = field(default_factory=list)
    faults: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """Status and headers of answers to come, before anything is done."""
    broken_after: list[int] = field(default_factory=list)
    """Statuses that are answered after the request was carried out, as when a proxy fails."""
    url: str = ""

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        """What this service does."""
        raise NotImplementedError


@dataclass
class Slack(WebService):
    """chat.postMessage and an incoming webhook."""

    posted: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        """Source: api.slack.com, chat.postMessage: HTTP 200 whatever is wrong, with `ok`."""
        if path.startswith("/services/"):
            self.posted.append(body)
            return 200, "ok"
        if self.requests[-1]["headers"].get("Authorization") != f"Bearer {TOKEN}":
            return 200, {"ok": False, "error": "invalid_auth"}
        if body["channel"] != "C024BE91L":
            return 200, {"ok": False, "error": "channel_not_found"}
        ts = f"1700000000.{len(self.posted):06d}"
        self.posted.append({**body, "ts": ts})
        return 200, {"ok": True, "ts": ts}


@dataclass
class GitHub(WebService):
    """Issues and comments of acme/news."""

    issues: dict[int, dict[str, Any]] = field(default_factory=dict)
    comments: dict[int, list[str]] = field(default_factory=dict)

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        """Source: docs.github.com, REST API endpoints for issues."""
        if self.requests[-1]["headers"].get("Authorization") != f"Bearer {TOKEN}":
            return 401, {"message": "Bad credentials"}
        found = re.fullmatch(r"/repos/acme/news/issues(?:/(\d+)(/comments)?)?", path)
        if found is None:
            return 404, {"message": "Not Found"}
        number = int(found[1] or 0)
        if found[2] is not None:
            if method == "GET":
                return 200, _page([{"body": text} for text in self.comments[number]], query)
            self.comments[number].append(body["body"])
            return 201, {"id": len(self.comments[number])}
        if method == "GET":
            wanted = [one for one in self.issues.values() if query["labels"] in one["labels"]]
            return 200, _page(sorted(wanted, key=lambda one: -one["number"]), query)
        if method == "POST":
            number = len(self.issues) + 1
            self.issues[number] = {**body, "number": number, "state": "open"}
            self.comments[number] = []
            return 201, self.issues[number]
        self.issues[number] |= body
        return 200, self.issues[number]


def _page(rows: list[Any], query: dict[str, str]) -> list[Any]:
    size, page = int(query["per_page"]), int(query["page"])
    return rows[(page - 1) * size : page * size]


@contextmanager
def serving(service: WebService) -> Iterator[str]:
    """The service on a free port of this machine; its address."""

    class Handler(BaseHTTPRequestHandler):
        def _take(self) -> None:
            parts = urlsplit(self.path)
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.loads(content) if content else None
            service.requests.append({"method": self.command, "path": self.path, "headers": dict(self.headers.items())})
            if service.faults:
                status, headers = service.faults.pop(0)
                self._say(status, {"message": "secret-in-an-answer"}, headers)
                return
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            status, document = service.answer(self.command, parts.path, query, body)
            if service.broken_after:
                status, document = service.broken_after.pop(0), None
            self._say(status, document, {})

        def _say(self, status: int, document: Any, headers: dict[str, str]) -> None:
            content = (document if isinstance(document, str) else json.dumps(document)).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = _take  # the names that the standard library wants

        def log_message(self, *_: Any) -> None:
            """Nothing on the test's terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        service.url = f"http://127.0.0.1:{server.server_port}"
        yield service.url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class MailServer:
    """What a mail server took, and whether it refuses."""

    mails: list[Message] = field(default_factory=list)
    refusal: bytes | None = None
    """Answered to the next mails in the place of taking them."""
    refused: dict[bytes, bytes] = field(default_factory=dict)
    """Answers to recipients that aren't taken."""
    recipients: list[list[bytes]] = field(default_factory=list)
    """Who each of the mails was for, by the envelope."""
    goodbye: bytes | None = b"221 bye\r\n"
    """Answered to QUIT; None: the connection is dropped at the end of a mail."""
    port: int = 0


@contextmanager
def serving_mail() -> Iterator[MailServer]:
    """SMTP on a free port of this machine. Source: RFC 5321."""
    kept = MailServer()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 test ESMTP\r\n")
            to: list[bytes] = []
            while line := self.rfile.readline():
                word = line.strip().upper()
                if word == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    self._take_mail(to)
                    to = []
                    if kept.goodbye is None:
                        return
                elif word.startswith(b"RCPT TO:<"):
                    recipient = word[9:].partition(b">")[0].lower()
                    if recipient not in kept.refused:
                        to.append(recipient)
                    self.wfile.write(kept.refused.get(recipient, b"250 fine\r\n"))
                elif word == b"QUIT":
                    self.wfile.write(kept.goodbye or b"")
                    return
                else:
                    self.wfile.write(b"250 fine\r\n")

        def _take_mail(self, to: list[bytes]) -> None:
            content = b""
            while (line := self.rfile.readline()) not in (b".\r\n", b""):
                content += line[1:] if line.startswith(b".") else line
            if kept.refusal is not None:
                self.wfile.write(kept.refusal)
                return
            kept.recipients.append(to)
            kept.mails.append(message_from_bytes(content, policy=default))
            self.wfile.write(b"250 taken\r\n")

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        kept.port = server.server_address[1]
        yield kept
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
