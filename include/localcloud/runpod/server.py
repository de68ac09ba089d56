"""One stand-in for RunPod: a server on the loopback with a key of its own, from start to end."""

from __future__ import annotations

import hmac
import json
import logging
import os
import secrets
import shutil
import signal
import socket
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wsgi import get_input_stream

from localcloud.box.containment import best_containment
from localcloud.box.process import ProcessRuntime
from localcloud.requests.guard import drain, foreign
from localcloud.runpod.account import PRICES, Account, Rate
from localcloud.runpod.answers import Answer, DroppedError, ProblemError, StartResponse
from localcloud.runpod.api import Asked, alive, carry_out
from localcloud.runpod.faults import Fault, FaultBook, FaultError
from localcloud.runpod.pods import Pod, Surroundings
from localcloud.settings import LOOPBACK, box_environment

log = logging.getLogger(__name__)

HEALTH_PATH = "/_localcloud/health"
FAULTS_PATH = "/_localcloud/faults"
NAMES_PATH = "/_localcloud/faults/names"
PODS_PATH = "/_localcloud/pods"
LONGEST_BODY = 1 << 20
BACKLOG = 64
POLL_SECONDS = 0.2
END_TIMEOUT = timedelta(seconds=20)


@dataclass(frozen=True, kw_only=True)
class RunPodOptions:
    """Everything that a stand-in is started with."""

    home: Path
    port: int
    key_file: Path
    boot_delay: timedelta = timedelta(seconds=0.2)
    calls_a_minute: int = 6000


class Application:
    """Lets in whoever has a key, and answers."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        environ["wsgi.input"] = get_input_stream(environ)
        if refusal := foreign(environ):
            drain(environ)
            start_response("403 Forbidden", [("Content-Type", "text/plain"), ("Connection", "close")])
            return [f"refused: {refusal}\n".encode()]
        if environ["PATH_INFO"] == HEALTH_PATH:
            document = {"status": "ok", "pid": os.getpid(), "pods": alive(self._account)}
            return Answer(status=200, document=document).send(start_response, {})
        headers: dict[str, str] = {}
        try:
            own_pod = self._whose(environ)
            body = environ["wsgi.input"].read(LONGEST_BODY + 1)
            if len(body) > LONGEST_BODY:
                raise ProblemError(413, "the request body is too large")
            if environ["PATH_INFO"].startswith("/_localcloud/"):
                answer = self._own(environ, body, own_pod)
            else:
                headers = self._counted()
                asked = Asked(environ["PATH_INFO"], environ.get("QUERY_STRING", ""), body, own_pod)
                answer = carry_out(self._account, environ["REQUEST_METHOD"], asked)
        except ProblemError as exc:
            drain(environ)
            answer = exc.answer
        except DroppedError:
            _drop(environ)
        return answer.send(start_response, headers)

    def _whose(self, environ: dict[str, Any]) -> Pod | None:
        """The pod whose own key was shown; None for the account's. Raises ProblemError for anybody else."""
        kind, _, key = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        if kind.lower() == "bearer" and key.isascii():
            if hmac.compare_digest(key, self._account.key):
                return None
            if (pod := self._account.pod_of_key(key)) is not None:
                return pod
        detail = "missing bearer token" if not key else "invalid bearer token"
        raise ProblemError(401, detail)

    def _counted(self) -> dict[str, str]:
        """The headers that tell the rate. Raises ProblemError where this call was one too many."""
        left, wait = self._account.rate.take()
        headers = {
            "RateLimit": ", ".join(f'"{name}";r={count};t={resets}' for name, (count, resets) in left.items()),
            "RateLimit-Policy": self._account.rate.policy,
        }
        if wait is not None:
            raise ProblemError(429, "rate limit exceeded", headers={**headers, "Retry-After": str(wait)})
        return headers

    def _own(self, environ: dict[str, Any], body: bytes, own_pod: Pod | None) -> Answer:
        """What isn't RunPod's: faults, and what is true of the pods."""
        path, faults = environ["PATH_INFO"], self._account.faults
        if own_pod is not None:
            raise ProblemError(403, "access denied")
        try:
            if path == FAULTS_PATH:
                if environ["REQUEST_METHOD"] == "POST":
                    faults.replace(json.loads(body or b"[]"))
                return Answer(status=200, document=faults.list())
        except (FaultError, ValueError) as exc:
            raise ProblemError(400, str(exc)) from exc
        if path == NAMES_PATH:
            return Answer(status=200, document={fault.value: fault.summary for fault in Fault})
        if path == PODS_PATH:
            return Answer(status=200, document=[_told(pod) for pod in self._account.pods()])
        raise ProblemError(404, f"known: {HEALTH_PATH}, {FAULTS_PATH}, {NAMES_PATH}, {PODS_PATH}")


def _told(pod: Pod) -> dict[str, Any]:
    return {"id": pod.id, "name": pod.body["name"], "status": pod.status.value, "restarts": pod.restarts}


def _drop(environ: dict[str, Any]) -> None:
    client = environ.get("werkzeug.socket")
    if client is not None:
        client.shutdown(socket.SHUT_RDWR)
    raise ConnectionAbortedError("dropped by a fault")


class _QuietHandler(WSGIRequestHandler):  # type: ignore[misc]  # werkzeug is not followed
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


def load_or_create_key(path: Path) -> str:
    """The account's key: made once, in a file that only its owner can read. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="utf-8").strip()
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"rpa_{secrets.token_urlsafe(30)}\n")
    return path.read_text(encoding="utf-8").strip()


def serve(options: RunPodOptions) -> None:
    """Run in the foreground until SIGTERM or SIGINT. Raises OSError where it can't start."""
    options.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    for folder in ("boxes", "records"):
        shutil.rmtree(options.home / folder, ignore_errors=True)
    around = Surroundings(
        home=options.home,
        runtime=ProcessRuntime(best_containment()),
        environment=box_environment(None),
        boot_delay=options.boot_delay,
        prices=PRICES,
    )
    account = Account(load_or_create_key(options.key_file), around, FaultBook(), Rate(options.calls_a_minute))
    listening = socket.create_server((LOOPBACK, options.port), backlog=BACKLOG)
    server = make_server(
        LOOPBACK,
        options.port,
        Application(account),
        threaded=True,
        request_handler=_QuietHandler,
        fd=listening.fileno(),
    )
    server.daemon_threads = True

    def stop(*_: Any) -> None:
        threading.Thread(target=server.shutdown, daemon=True).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    log.info("RunPod's stand-in on http://%s:%s/v2, boxes: %s", LOOPBACK, options.port, around.runtime.name)
    server.serve_forever(poll_interval=POLL_SECONDS)
    account.end_all(END_TIMEOUT)
