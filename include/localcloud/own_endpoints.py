"""What the local cloud offers besides AWS's APIs, under `/_localcloud/`: health, faults and spot interruptions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from localcloud.aws_errors import StartResponse
from localcloud.faults.in_force import FaultBook, FaultError
from localcloud.faults.names import summaries
from localcloud.faults.rules import DEFAULT_WARNING

OWN_PATH = "/_localcloud/"
HEALTH_PATH = "/_localcloud/health"
FAULTS_PATH = "/_localcloud/faults"
NAMES_PATH = "/_localcloud/faults/names"
INTERRUPT_PATH = "/_localcloud/interrupt"
JSON_HEADERS = [("Content-Type", "application/json")]

Interrupt = Callable[[str, timedelta], None]


class InterruptError(Exception):
    """An instance can't be interrupted."""


class OwnEndpoints:
    """The endpoints, over the faults in force and the fleet."""

    def __init__(self, faults: FaultBook, interrupt: Interrupt) -> None:
        self._faults = faults
        self._interrupt = interrupt

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        answers = {
            FAULTS_PATH: self._rules,
            NAMES_PATH: lambda *_: summaries(),
            INTERRUPT_PATH: self._interruption,
        }
        answer = answers.get(environ["PATH_INFO"])
        if answer is None:
            known = ", ".join((HEALTH_PATH, *answers))
            return respond_json(start_response, "404 Not Found", {"error": f"known: {known}"})
        try:
            data = answer(environ["REQUEST_METHOD"], environ["wsgi.input"].read())
        except (ValueError, FaultError, TypeError, InterruptError) as exc:
            return respond_json(start_response, "400 Bad Request", {"error": str(exc)})
        return respond_json(start_response, "200 OK", data)

    def _rules(self, method: str, body: bytes) -> Any:
        if method == "POST":
            self._faults.replace(json.loads(body or b"[]"))
        return self._faults.list()

    def _interruption(self, method: str, body: bytes) -> Any:
        order = json.loads(body or b"{}") if method == "POST" else None
        if not isinstance(order, dict) or not isinstance(order.get("instance_id"), str):
            raise InterruptError('POST {"instance_id": "i-…", "warning_seconds": 120}')
        seconds = order.get("warning_seconds", DEFAULT_WARNING.total_seconds())
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or seconds < 0:
            raise InterruptError(f"warning_seconds is a number that isn't negative, not {seconds!r}")
        self._interrupt(order["instance_id"], timedelta(seconds=seconds))
        return {"instance_id": order["instance_id"], "warning_seconds": seconds}


def respond_json(start_response: StartResponse, status: str, data: Any) -> Iterable[bytes]:
    """Answer with JSON."""
    body = json.dumps(data).encode()
    start_response(status, [*JSON_HEADERS, ("Content-Length", str(len(body)))])
    return [body]
