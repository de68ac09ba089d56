"""Who may talk to the local cloud: real commands run behind it, so every request has to prove that it may.

Refused are foreign Host headers (DNS rebinding), anything with an Origin (a web page in a browser), and whatever isn't
signed with the local cloud's own key, or with that of the instances' role where the role allows it. Only the health
endpoint needs no signature, nor does the metadata service, whose addresses are secrets. What comes through has its
body checked against the signature, and carries the verified claim.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timezone
from typing import IO, Any

from werkzeug.wsgi import get_input_stream

from localcloud.aws_errors import StartResponse, respond_error
from localcloud.own_endpoints import HEALTH_PATH
from localcloud.requests.api_actions import action_of
from localcloud.requests.metadata import METADATA_PATH, InstanceRole
from localcloud.requests.sigv4 import (
    STREAMING_PREFIX,
    UNSIGNED_PAYLOAD,
    Claim,
    Key,
    Refusal,
    SignatureError,
    check_claim,
    claimed_payload_hash,
    read_claim,
    signing_key,
    verify,
)
from localcloud.requests.sigv4_chunks import SIGNED_STREAMING, UNSIGNED_STREAMING, verify_chunks
from localcloud.settings import LOOPBACK

WsgiApp = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]

CLAIM = "localcloud.claim"
"""Environ key of the verified claim."""
LOCAL_HOSTS = {LOOPBACK, "localhost"}
MEMORY_BYTES = 8 << 20
READ_BYTES = 1 << 20
DRAIN_LIMIT = 4 << 20
UNVERIFIED_BODY_LIMIT = 64 << 20
"""The most that is read before the signature is known to be right (APIs other than S3 sign the body's hash only)."""

ERROR_CODES = {
    "s3": {
        Refusal.MISSING: "AccessDenied",
        Refusal.MALFORMED: "AuthorizationHeaderMalformed",
        Refusal.UNKNOWN_KEY: "InvalidAccessKeyId",
        Refusal.MISMATCH: "SignatureDoesNotMatch",
        Refusal.SKEWED: "RequestTimeTooSkewed",
        Refusal.EXPIRED: "AccessDenied",
    },
    "ec2": {
        Refusal.MISSING: "MissingAuthenticationToken",
        Refusal.SKEWED: "RequestExpired",
        Refusal.EXPIRED: "RequestExpired",
    },
    "": {
        Refusal.MISSING: "MissingAuthenticationTokenException",
        Refusal.MALFORMED: "IncompleteSignatureException",
        Refusal.UNKNOWN_KEY: "UnrecognizedClientException",
        Refusal.MISMATCH: "InvalidSignatureException",
        Refusal.SKEWED: "InvalidSignatureException",
        Refusal.EXPIRED: "InvalidSignatureException",
    },
}
EC2_DEFAULT_CODE = "AuthFailure"


class Guard:
    """WSGI middleware in front of everything."""

    def __init__(self, app: WsgiApp, key: Key, role: InstanceRole, address: str = LOOPBACK) -> None:
        self._app = app
        self._hosts = LOCAL_HOSTS | {address}
        self._key = key
        self._role = role

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        # One stream that knows where the body ends, however often it is read.
        environ["wsgi.input"] = get_input_stream(environ)
        environ["wsgi.input_terminated"] = True
        if refusal := foreign(environ, self._hosts):
            drain(environ)
            start_response("403 Forbidden", [("Content-Type", "text/plain"), ("Connection", "close")])
            return [f"refused: {refusal}\n".encode()]
        if environ["PATH_INFO"] == HEALTH_PATH:
            return self._app(environ, start_response)
        if environ["PATH_INFO"].startswith(METADATA_PATH):
            return self._role(environ, start_response)
        try:
            claim = read_claim(environ)
            key = self._role.key if claim.access_key_id == self._role.key.access_key_id else self._key
            check_claim(claim, key, environ, datetime.now(timezone.utc))
            body = self._verified_body(claim, key, environ)
        except SignatureError as exc:
            drain(environ)
            service = exc.service or likely_service(environ)
            return respond_error(
                environ, start_response, service=service, code=error_code(service, exc), message=str(exc), status=403
            )
        environ[CLAIM] = claim
        environ["wsgi.input"] = body
        with body:
            if key is self._role.key and not self._is_allowed(claim, environ):
                message = "the role of instances may read secrets, and nothing else"
                return respond_error(
                    environ, start_response, service=claim.service, code="AccessDenied", message=message, status=403
                )
            return list(self._app(environ, start_response))

    def _is_allowed(self, claim: Claim, environ: dict[str, Any]) -> bool:
        token = environ.get("HTTP_X_AMZ_SECURITY_TOKEN", "")
        return self._role.may(claim.service, action_of(environ, claim.service), environ["PATH_INFO"], token)

    def _verified_body(self, claim: Claim, key: Key, environ: dict[str, Any]) -> IO[bytes]:
        """Read the body and check it. The signature comes first wherever it can be checked without the body."""
        declared = claimed_payload_hash(claim, environ)
        if declared is not None:
            verify(claim, key, environ, declared)
        body, digest = read_body(environ, None if declared is not None else UNVERIFIED_BODY_LIMIT)
        try:
            if declared is None:
                verify(claim, key, environ, digest)
            elif declared in SIGNED_STREAMING:
                trailer = declared.endswith("-TRAILER")
                verify_chunks(body, claim, signing_key(claim, key), trailer=trailer)
            elif declared.startswith(STREAMING_PREFIX):
                if declared != UNSIGNED_STREAMING:
                    raise SignatureError(Refusal.MISMATCH, f"{declared} is not supported", claim.service)
            elif declared not in (UNSIGNED_PAYLOAD, digest):
                raise SignatureError(
                    Refusal.MISMATCH, "The provided x-amz-content-sha256 is not the body's hash", claim.service
                )
            body.seek(0)
        except BaseException:
            body.close()
            raise
        return body


def foreign(environ: dict[str, Any], hosts: Collection[str] = LOCAL_HOSTS) -> str | None:
    """Why a request can't come from this machine's own tools, or None.

    Args:
        environ: The request's.
        hosts: What this local cloud is called.
    """
    host, _, port = environ.get("HTTP_HOST", "").partition(":")
    if host not in hosts or port != environ["SERVER_PORT"]:
        return "the Host header is not this local cloud's address"
    if environ.get("HTTP_ORIGIN"):
        return "requests from web pages are not answered"
    return None


def read_body(environ: dict[str, Any], limit: int | None) -> tuple[IO[bytes], str]:
    """The request's body in a file (in memory while it is small), and its SHA-256."""
    stream = environ["wsgi.input"]
    body: IO[bytes] = io.BytesIO()
    digest = hashlib.sha256()
    while data := stream.read(READ_BYTES):
        size = body.tell() + len(data)
        if limit is not None and size > limit:
            body.close()
            raise SignatureError(Refusal.MISMATCH, f"The body is larger than {limit} bytes")
        if size > MEMORY_BYTES and isinstance(body, io.BytesIO):
            small, body = body, tempfile.TemporaryFile()  # noqa: SIM115  (the caller closes it)
            body.write(small.getvalue())
        digest.update(data)
        body.write(data)
    body.seek(0)
    return body, digest.hexdigest()


def drain(environ: dict[str, Any]) -> None:
    """Read what a refused client still sends, up to a point: closing on unread data would cost it our answer."""
    stream, left = environ["wsgi.input"], DRAIN_LIMIT
    while left > 0 and (data := stream.read(min(left, READ_BYTES))):
        left -= len(data)


def likely_service(environ: dict[str, Any]) -> str:
    """Whose error to imitate when the request doesn't say: a target header means JSON, a form EC2, anything else S3."""
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        return {"AmazonSSM": "ssm", "Logs_20140328": "logs"}.get(target.partition(".")[0], "ssm")
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        return "ec2"
    return "s3"


def error_code(service: str, error: SignatureError) -> str:
    """The code that the service itself would give."""
    codes = ERROR_CODES.get(service, ERROR_CODES[""])
    return codes.get(error.refusal, EC2_DEFAULT_CODE)
