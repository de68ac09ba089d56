"""Signed chunks of an S3 upload (`STREAMING-AWS4-HMAC-SHA256-PAYLOAD`): each chunk's signature covers its data.

Source: S3 API reference, "Transferring Payload in Multiple Chunks" and "… including Trailing Headers".
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import IO

from localcloud.requests.sigv4 import Claim, Refusal, SignatureError

SIGNED_STREAMING = ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER")
UNSIGNED_STREAMING = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
CHUNK_HEADER = re.compile(rb"([0-9a-fA-F]{1,8});chunk-signature=([0-9a-f]{64})\r\n")
TRAILER_SIGNATURE = b"x-amz-trailer-signature:"
EMPTY_HASH = hashlib.sha256(b"").hexdigest()
LONGEST_LINE = 4096


def verify_chunks(body: IO[bytes], claim: Claim, key: bytes, *, trailer: bool) -> None:
    """Check every chunk of a body, from its start. Raises SignatureError for the first that was tampered with."""
    previous = claim.signature
    while True:
        header = CHUNK_HEADER.fullmatch(body.readline(LONGEST_LINE))
        if not header:
            raise SignatureError(Refusal.MISMATCH, "A chunk of the body is malformed", claim.service)
        size = int(header[1], 16)
        data = body.read(size)
        text = "\n".join(
            [
                "AWS4-HMAC-SHA256-PAYLOAD",
                claim.timestamp,
                claim.scope,
                previous,
                EMPTY_HASH,
                hashlib.sha256(data).hexdigest(),
            ]
        )
        previous = _check(text, key, header[2].decode(), claim)
        if size == 0:
            break
        if body.read(2) != b"\r\n":
            raise SignatureError(Refusal.MISMATCH, "A chunk of the body is malformed", claim.service)
    if trailer:
        _verify_trailer(body, claim, key, previous)


def _verify_trailer(body: IO[bytes], claim: Claim, key: bytes, previous: str) -> None:
    trailers = b""
    for raw in body:
        line = raw.strip()
        if line.startswith(TRAILER_SIGNATURE):
            text = "\n".join(
                [
                    "AWS4-HMAC-SHA256-TRAILER",
                    claim.timestamp,
                    claim.scope,
                    previous,
                    hashlib.sha256(trailers).hexdigest(),
                ]
            )
            _check(text, key, line[len(TRAILER_SIGNATURE) :].decode(errors="replace"), claim)
            return
        trailers += line + b"\n" if line else b""
    raise SignatureError(Refusal.MISMATCH, "The trailing headers are not signed", claim.service)


def _check(text: str, key: bytes, signature: str, claim: Claim) -> str:
    expected = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        raise SignatureError(Refusal.MISMATCH, "A chunk's signature does not match its data", claim.service)
    return expected
