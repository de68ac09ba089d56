"""What happens to a request that the guard let through: own endpoints, faults, moto, and errors in AWS's words."""

from __future__ import annotations

import itertools
import json
import logging
import re
import time
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from localcloud.aws_errors import StartResponse, respond_error
from localcloud.faults import FaultBook, FaultError
from localcloud.guard import CLAIM, HEALTH_PATH, OWN_PATH
from localcloud.s3_disk import flush_changes
from localcloud.sigv4 import Claim

log = logging.getLogger(__name__)

FAULTS_PATH = "/_localcloud/faults"
FORM_PREFIX_BYTES = 65536
ACTION = re.compile(rb"(?:^|&)Action=(\w+)")
JSON_HEADERS = [("Content-Type", "application/json")]
FORBIDDEN_PATHS = ("/moto-api", "/latest/")
"""moto's own control API (it could reset everything) and its metadata imitation."""


class VerifiedDispatcher(DomainDispatcherApplication):  # type: ignore[misc]  # moto is untyped
    """moto's dispatcher, bound to the service that was signed for, also where the signature is in the URL."""

    def infer_service_region_host(self, environ: dict[str, Any], path: str) -> str | None:
        claim: Claim = environ[CLAIM]
        if claim.presigned:
            return f"{claim.service}.{claim.region}.amazonaws.com"
        host: str | None = super().infer_service_region_host(environ, path)
        return host


class Application:
    """The WSGI application behind the guard."""

    def __init__(self, faults: FaultBook, health: Callable[[], dict[str, Any]]) -> None:
        self._faults = faults
        self._health = health
        self._moto = VerifiedDispatcher(create_backend_app)
        self._calls = itertools.count()
        self._answered = 0

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == HEALTH_PATH:
            return _json(start_response, "200 OK", {**self._health(), "calls": self._answered})
        if path.startswith(OWN_PATH):
            return self._own(environ, start_response)
        claim: Claim = environ[CLAIM]
        self._answered = next(self._calls) + 1
        action = action_of(environ)
        if path.startswith(FORBIDDEN_PATHS):
            return respond_error(
                environ, start_response, service=claim.service, code="AccessDenied", message=path, status=403
            )
        rule = self._faults.take_api(action)
        if rule and rule.latency_seconds > 0:
            time.sleep(rule.latency_seconds)
        if rule and rule.code:
            log.info("fault: %s answered with %s", action, rule.code)
            return respond_error(
                environ, start_response, service=claim.service, code=rule.code, message=rule.message, status=rule.status
            )
        return self._ask_moto(environ, start_response, action)

    def _ask_moto(self, environ: dict[str, Any], start_response: StartResponse, action: str) -> Iterable[bytes]:
        service = environ[CLAIM].service
        if service == "s3" and environ["REQUEST_METHOD"] == "PUT" and is_form(environ):
            # urllib and curl call any body a form unless told otherwise, and moto would lose what it parses as one.
            environ["CONTENT_TYPE"] = "binary/octet-stream"
        started: list[Any] = []
        try:
            try:
                body = list(self._moto(environ, lambda *arguments: started.append(arguments)))
            finally:
                flush_changes()  # what the answer confirms is on disk before it is sent
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

    def _own(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != FAULTS_PATH:
            return _json(start_response, "404 Not Found", {"error": f"known: {HEALTH_PATH}, {FAULTS_PATH}"})
        if environ["REQUEST_METHOD"] == "POST":
            try:
                self._faults.replace(json.loads(environ["wsgi.input"].read() or b"[]"))
            except (ValueError, FaultError, TypeError) as exc:
                return _json(start_response, "400 Bad Request", {"error": str(exc)})
        return _json(start_response, "200 OK", self._faults.list())


def is_form(environ: dict[str, Any]) -> bool:
    """Whether the request says that its body is a form."""
    return str(environ.get("CONTENT_TYPE", "")).startswith("application/x-www-form-urlencoded")


def action_of(environ: dict[str, Any]) -> str:
    """The API action of a request: from the target header, the form, or, for S3, from method and path."""
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return str(target).rpartition(".")[2]
    if is_form(environ) and environ[CLAIM].service != "s3":
        stream = environ["wsgi.input"]
        match = ACTION.search(stream.read(FORM_PREFIX_BYTES))
        stream.seek(0)
        return match[1].decode() if match else ""
    return s3_action(environ) if environ[CLAIM].service == "s3" else ""


def s3_action(environ: dict[str, Any]) -> str:
    """The common actions of S3."""
    _, _, key = environ["PATH_INFO"].lstrip("/").partition("/")
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    method = environ["REQUEST_METHOD"]
    if key:
        if "uploadId" in query or "uploads" in query:
            return {"PUT": "UploadPart", "POST": "CompleteMultipartUpload"}.get(method, "ListParts")
        return {"GET": "GetObject", "PUT": "PutObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}.get(method, "")
    if method == "GET":
        return "ListObjectsV2" if "list-type" in query else "ListObjects"
    return {"PUT": "CreateBucket", "HEAD": "HeadBucket", "DELETE": "DeleteBucket"}.get(method, "")


def _json(start_response: StartResponse, status: str, data: Any) -> Iterable[bytes]:
    body = json.dumps(data).encode()
    start_response(status, [*JSON_HEADERS, ("Content-Length", str(len(body)))])
    return [body]
