"""What happens to a request that the guard let through: own endpoints, faults, moto, and errors in AWS's words."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from localcloud.aws_errors import StartResponse, respond_error
from localcloud.ec2.launch_ask import read_launch
from localcloud.faults.in_force import FaultBook
from localcloud.faults.rules import Rule
from localcloud.own_endpoints import HEALTH_PATH, OWN_PATH, OwnEndpoints, respond_json
from localcloud.requests.api_actions import action_of, is_form
from localcloud.requests.guard import CLAIM
from localcloud.requests.metadata import TEMPORARY
from localcloud.requests.sigv4 import Claim
from localcloud.s3.disk import flush_changes
from localcloud.secrets_file import SecretRefusedError, SecretsFile, request_of

log = logging.getLogger(__name__)

FORBIDDEN_PATHS = ("/moto-api", "/latest/")
"""moto's own control API (it could reset everything) and its metadata imitation."""

Hook = Callable[[str, str], None]
"""Called with a service's signing name and an action."""


class ConnectionDroppedError(ConnectionAbortedError):
    """The connection is closed without an answer, on purpose."""


class VerifiedDispatcher(DomainDispatcherApplication):  # type: ignore[misc]  # moto is untyped
    """moto's dispatcher, bound to the service that was signed for, also where the signature is in the URL."""

    def infer_service_region_host(self, environ: dict[str, Any], path: str) -> str | None:
        claim: Claim = environ[CLAIM]
        if claim.presigned:
            return f"{claim.service}.{claim.region}.amazonaws.com"
        host: str | None = super().infer_service_region_host(environ, path)
        return host


class Application:
    """The WSGI application behind the guard.

    Args:
        faults: the faults in force.
        health: what the health endpoint tells, besides the numbers of calls.
        own: the endpoints that are no API of AWS.
        before, after: called around each call that reaches moto; `after` before the answer is sent.
        secrets: what GetSecretValue answers; None leaves it to moto.
    """

    def __init__(
        self,
        faults: FaultBook,
        health: Callable[[], dict[str, Any]],
        own: OwnEndpoints,
        *,
        before: Hook,
        after: Hook,
        secrets: SecretsFile | None = None,
    ) -> None:
        self._faults = faults
        self._health = health
        self._own = own
        self._before = before
        self._after = after
        self._secrets = secrets
        self._moto = VerifiedDispatcher(create_backend_app)
        self._calls: Counter[str] = Counter()
        self._calls_lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == HEALTH_PATH:
            return respond_json(start_response, "200 OK", {**self._health(), **self._counts()})
        if path.startswith(OWN_PATH):
            return self._own(environ, start_response)
        claim: Claim = environ[CLAIM]
        action = action_of(environ, claim.service)
        with self._calls_lock:
            self._calls[f"{claim.service}:{action}"] += 1
        if path.startswith(FORBIDDEN_PATHS):
            return respond_error(
                environ, start_response, service=claim.service, code="AccessDenied", message=path, status=403
            )
        rule = self._faults.take_api(action, claim.service, lambda: read_launch(environ, claim.region), path=path)
        if rule is None:
            return self._ask_moto(environ, start_response, action)
        return self._with_fault(rule, environ, start_response, action)

    def _counts(self) -> dict[str, Any]:
        with self._calls_lock:
            return {"calls": self._calls.total(), "calls_by_action": dict(self._calls)}

    def _with_fault(
        self, rule: Rule, environ: dict[str, Any], start_response: StartResponse, action: str
    ) -> Iterable[bytes]:
        service = environ[CLAIM].service
        code = rule.code_for(service)
        effect = code or ("a dropped connection" if rule.drop else "latency")
        log.info("fault: %s %s %s with %s", service, action, "carried out, then met" if rule.after else "met", effect)
        time.sleep(rule.latency_seconds)
        answered: list[Any] = []
        body: Iterable[bytes] = []
        if rule.after or not (code or rule.drop):
            body = self._ask_moto(environ, lambda *arguments: answered.append(arguments), action)
        time.sleep(rule.latency_after_seconds)
        if rule.drop:
            drop_connection(environ)
        if code:
            return respond_error(
                environ,
                start_response,
                service=service,
                code=code,
                message=rule.text,
                status=rule.status_for(service),
            )
        start_response(*answered[-1])
        return body

    def _ask_moto(self, environ: dict[str, Any], start_response: StartResponse, action: str) -> Iterable[bytes]:
        service = environ[CLAIM].service
        if self._secrets is not None and (service, action) == ("secretsmanager", "GetSecretValue"):
            return self._secret(self._secrets, environ, start_response)
        if service == "s3" and environ["REQUEST_METHOD"] == "PUT" and is_form(environ):
            # urllib and curl call any body a form unless told otherwise, and moto would lose what it parses as one.
            environ["CONTENT_TYPE"] = "binary/octet-stream"
        started: list[Any] = []
        try:
            self._before(service, action)
            try:
                body = list(self._moto(environ, lambda *arguments: started.append(arguments)))
            finally:  # what the answer confirms is on disk before it is sent
                flush_changes()
                self._after(service, action)
            start_response(*started[-1])
            return body
        except NotImplementedError as exc:
            message = f"the local cloud has no {service} {action}: {exc}"
            code, status = "NotImplemented", 501
        except Exception as exc:
            log.exception("%s %s failed", service, action or environ["PATH_INFO"])
            message = f"the local cloud failed on {service} {action}: {exc!r}; see its log"
            code, status = "InternalError", 500
        return respond_error(environ, start_response, service=service, code=code, message=message, status=status)

    def _secret(self, secrets: SecretsFile, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        claim: Claim = environ[CLAIM]
        try:
            request = request_of(environ["wsgi.input"].read())
            answer = secrets.get(request, claim.region, of_instance=claim.access_key_id.startswith(TEMPORARY))
        except SecretRefusedError as exc:
            return respond_error(
                environ,
                start_response,
                service=claim.service,
                code=exc.code,
                message=str(exc),
                status=exc.status,
            )
        return respond_json(start_response, "200 OK", answer)


def drop_connection(environ: dict[str, Any]) -> None:
    """Close the client's connection without an answer. Always raises ConnectionDroppedError."""
    client = environ.get("werkzeug.socket")
    if client is not None:
        with contextlib.suppress(OSError):  # the client may have gone first
            client.shutdown(socket.SHUT_RDWR)
    raise ConnectionDroppedError("dropped by a fault")
