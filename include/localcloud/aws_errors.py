"""Errors in the wire protocol of the service that was asked, for answers that moto doesn't give itself.

Source: botocore's parsers, which read exactly these shapes.
"""

from __future__ import annotations

import json
import struct
import uuid
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any
from xml.sax.saxutils import escape

from werkzeug.http import HTTP_STATUS_CODES

StartResponse = Callable[..., Any]


class Protocol(Enum):
    """The wire protocols of AWS, as far as errors differ."""

    EC2 = "ec2"
    QUERY = "query"
    S3 = "rest-xml"
    JSON = "json"
    CBOR = "smithy-rpc-v2-cbor"


CONTENT_TYPES = {
    Protocol.EC2: "text/xml;charset=UTF-8",
    Protocol.QUERY: "text/xml",
    Protocol.S3: "application/xml",
    Protocol.JSON: "application/x-amz-json-1.1",
    Protocol.CBOR: "application/cbor",
}


def protocol_of(environ: dict[str, Any], service: str) -> Protocol:
    """The protocol of a request: its service says it, or else its form."""
    content_type = environ.get("CONTENT_TYPE", "")
    if service == "ec2":
        return Protocol.EC2
    if service == "s3":
        return Protocol.S3
    if "cbor" in content_type or "HTTP_SMITHY_PROTOCOL" in environ:
        return Protocol.CBOR
    if content_type.startswith("application/x-www-form-urlencoded"):
        return Protocol.QUERY
    return Protocol.JSON


def respond_error(
    environ: dict[str, Any],
    start_response: StartResponse,
    *,
    service: str,
    code: str,
    message: str,
    status: int,
) -> Iterable[bytes]:
    """Answer with an AWS error."""
    protocol = protocol_of(environ, service)
    body = render_error(protocol, code, message)
    headers = [
        ("Content-Type", CONTENT_TYPES[protocol]),
        ("Content-Length", str(len(body))),
        ("x-amzn-ErrorType", code),
        # The request's body may not have been read: the connection can't be used for another request then.
        ("Connection", "close"),
    ]
    if protocol is Protocol.CBOR:
        headers.append(("smithy-protocol", "rpc-v2-cbor"))
    start_response(f"{status} {HTTP_STATUS_CODES.get(status, 'Error')}", headers)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def render_error(protocol: Protocol, code: str, message: str) -> bytes:
    """The body of an error."""
    if protocol is Protocol.JSON:
        return json.dumps({"__type": code, "message": message}).encode()
    if protocol is Protocol.CBOR:
        return b"\xa2" + b"".join(_cbor_text(text) for text in ("__type", code, "message", message))
    request = uuid.uuid4()
    error = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    shapes = {
        Protocol.EC2: f"<Response><Errors><Error>{error}</Error></Errors><RequestID>{request}</RequestID></Response>",
        Protocol.QUERY: f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error>"
        f"<RequestId>{request}</RequestId></ErrorResponse>",
        Protocol.S3: f"<Error>{error}<RequestId>{request}</RequestId></Error>",
    }
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{shapes[protocol]}'.encode()


def _cbor_text(text: str) -> bytes:
    """A CBOR text string with a 32-bit length. Source: RFC 8949, section 3.1."""
    data = text.encode()
    return b"\x7a" + struct.pack(">I", len(data)) + data
