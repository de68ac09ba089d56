"""A small GitHub: repositories over git's smart HTTP, and the routes of pull requests. Real sockets, real git."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.git_origins import Origin

TOKEN = "token-of-the-test"  # no password
_BASIC = "Basic " + base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()


@dataclass
class Fault:
    """What is answered once in the place of an answer, or after one was carried out."""

    method: str
    path: str
    """A pattern of the whole path."""
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    document: Any = None
    drips: bool = False
    """The head comes in single letters, and never to an end."""
    carried_out: bool = False
    """It is done all the same, and the answer is lost."""
    times: int = 1


@dataclass
class PullServer:
    """acme/worker, and other repositories that are put into its folder."""

    root: Path
    url: str = ""
    pulls: list[dict[str, Any]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    """Method, path and authorization of each."""
    is_archived: bool = False
    takes_drafts: bool = True
    read_only: bool = False
    """Nothing may be pushed with this token."""
    before_opening: Callable[[], None] | None = None
    after_opening: Callable[[], None] | None = None
    """Called around the next pull request that is opened."""
    redirect_pushes: dict[str, str] | None = None
    """Headers of what a push is answered, with 301."""
    stopping: threading.Event = field(default_factory=threading.Event)

    def repository(self, name: str = "acme/worker") -> Origin:
        """A repository; bare."""
        return Origin(self.root / f"{name}.git")

    def create(self, source: Origin, name: str = "acme/worker") -> str:
        """Take a repository in; returns its address."""
        target = self.repository(name)
        target.path.parent.mkdir(parents=True, exist_ok=True)
        source.git("clone", "--quiet", "--bare", str(source.path), str(target.path))
        target.git("config", "http.receivepack", "true")
        return f"{self.url}/{name}.git"

    def branches(self, name: str = "acme/worker") -> dict[str, str]:
        """Commits by branch."""
        lines = self.repository(name).git("for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/heads")
        return dict(line.split() for line in lines.splitlines())

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        """Source: docs.github.com, REST API endpoints for pull requests."""
        found = re.fullmatch(r"/repos/acme/worker(?:/pulls(?:/(\d+))?)?", path)
        if found is None:
            return 404, {"message": "Not Found"}
        if method == "GET" and not path.endswith("/pulls"):
            return 200, {"default_branch": "main", "archived": self.is_archived}
        if method == "GET":
            wanted = [each for each in self.pulls if query.get("state") in ("all", each["state"])]
            if "head" in query:
                wanted = [
                    each for each in wanted if f"{each['head']['user']['login']}:{each['head']['ref']}" == query["head"]
                ]
            size, page = int(query["per_page"]), int(query["page"])
            return 200, wanted[(page - 1) * size : page * size]
        if method == "PATCH":
            pull = self.pulls[int(found[1]) - 1]
            pull |= body
            return 200, pull
        return self._open(body)

    def _open(self, body: Any) -> tuple[int, Any]:
        owner, _, branch = body["head"].partition(":")
        if body["draft"] and not self.takes_drafts:
            return 422, {"message": "Draft pull requests are not supported in this repository."}
        if any(each["head"]["ref"] == branch and each["state"] == "open" for each in self.pulls):
            return 422, {"message": "Validation Failed", "errors": [{"message": "A pull request already exists"}]}
        if branch not in self.branches(f"{owner}/worker"):
            return 422, {"message": "Validation Failed", "errors": [{"field": "head", "code": "invalid"}]}
        if self.before_opening is not None:
            self.before_opening()
        made = self.add(branch, owner=owner, **{**body, "head": None})
        if self.after_opening is not None:
            self.after_opening()
        return 201, made

    def add(self, branch: str, *, owner: str = "acme", state: str = "open", **more: Any) -> dict[str, Any]:
        """One more pull request."""
        number = len(self.pulls) + 1
        kept = {"title": "", "body": "", "merged_at": None, **more, "number": number, "state": state}
        kept |= {"html_url": f"{self.url}/acme/worker/pull/{number}", "head": {"ref": branch, "user": {"login": owner}}}
        self.pulls.append(kept)
        return kept

    def fault(self, method: str, path: str) -> Fault | None:
        """The next one for a request, taken."""
        for each in self.faults:
            if each.method == method and re.fullmatch(each.path, path) and each.times > 0:
                each.times -= 1
                return each
        return None


@contextmanager
def serving_pulls(root: Path) -> Iterator[PullServer]:
    """It on a free port of this machine."""
    service = PullServer(root=root)

    class Handler(BaseHTTPRequestHandler):
        def _take(self) -> None:
            parts = urlsplit(self.path)
            service.requests.append((self.command, self.path, self.headers.get("Authorization")))
            content = self._content()
            fault = service.fault(self.command, parts.path)
            if fault is not None and not fault.carried_out:
                self._fail(fault)
            elif ".git/" in parts.path:
                self._git(parts.path, parts.query, content)
            else:
                self._rest(parts.path, parts.query, content, fault)

        def _content(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "") == "chunked":
                pieces = []
                while size := int(self.rfile.readline().strip(), 16):
                    pieces.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(pieces)
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def _fail(self, fault: Fault) -> None:
            if not fault.drips:
                self._say(fault.status, fault.document or {"message": "secret-in-an-answer"}, fault.headers)
                return
            self.close_connection = True
            head = f"HTTP/1.1 {fault.status} Slow\r\nX-Long: " + "x" * 10_000
            for letter in head:
                if service.stopping.wait(0.05):
                    return
                try:
                    self.wfile.write(letter.encode())
                except OSError:
                    return

        def _rest(self, path: str, query: str, content: bytes, fault: Fault | None) -> None:
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self._say(401, {"message": "Bad credentials"}, {})
                return
            values = {key: found[0] for key, found in parse_qs(query).items()}
            status, document = service.answer(self.command, path, values, json.loads(content) if content else None)
            if fault is not None:
                self._fail(fault)
            else:
                self._say(status, document, {})

        def _git(self, path: str, query: str, content: bytes) -> None:
            pushes = "receive-pack" in f"{path}?{query}"
            if pushes and self.headers.get("Authorization") != _BASIC:
                self._say(401, {}, {"WWW-Authenticate": 'Basic realm="git"'})
                return
            if pushes and service.redirect_pushes is not None:
                self._say(301, {}, service.redirect_pushes)
                return
            if pushes and service.read_only:
                self._say(403, {}, {})
                return
            env = {
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": str(service.root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "REQUEST_METHOD": self.command,
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(content)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "REMOTE_USER": "tester",
                "REMOTE_ADDR": "127.0.0.1",
            }
            argv = ["git", "http-backend"]
            done = subprocess.run(argv, env=env, input=content, capture_output=True, check=True, timeout=60)
            head, _, body = done.stdout.partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
            status = int(headers.pop("Status", "200 OK").split()[0])
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def _say(self, status: int, document: Any, headers: dict[str, str]) -> None:
            content = json.dumps(document).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = _take  # the names that the standard library wants

        def log_message(self, *_: Any) -> None:
            """Nothing on the test's terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        service.url = f"http://127.0.0.1:{server.server_port}"
        yield service
    finally:
        service.stopping.set()
        server.shutdown()
        thread.join()
        server.server_close()
