"""Signature Version 4, verified: the caller must own the secret, an access key id alone proves nothing.

The canonical request is computed anew from what arrived on the wire, so that nothing that was not signed counts.
Source: IAM user guide, "Create a signed AWS API request"; S3 API reference, "Authenticating Requests".
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

from botocore.utils import normalize_url_path

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
STREAMING_PREFIX = "STREAMING-"
MAX_CLOCK_SKEW = timedelta(minutes=15)
MAX_PRESIGNED_LIFE = timedelta(days=7)
TIMESTAMP_FORMAT = "%Y%m%dT%H%M%SZ"
SHA256_HEX = re.compile(r"[0-9a-f]{64}")
CREDENTIAL = re.compile(r"(?P<key>[^/]+)/(?P<date>\d{8})/(?P<region>[a-z0-9-]+)/(?P<service>[a-z0-9.-]+)/aws4_request")
AUTHORIZATION = re.compile(
    rf"{ALGORITHM} +Credential=(?P<credential>[^, ]+), *"
    r"SignedHeaders=(?P<headers>[^, ]+), *Signature=(?P<signature>[0-9a-f]{64})"
)

Environ = Mapping[str, Any]


class Refusal(Enum):
    """Why a request is refused."""

    MISSING = "missing"
    MALFORMED = "malformed"
    UNKNOWN_KEY = "unknown-key"
    MISMATCH = "mismatch"
    SKEWED = "skewed"
    EXPIRED = "expired"


class SignatureError(Exception):
    """A request that isn't properly signed."""

    def __init__(self, refusal: Refusal, message: str, service: str = "") -> None:
        super().__init__(message)
        self.refusal = refusal
        self.service = service


@dataclass(frozen=True)
class Key:
    """The one key that this local cloud accepts."""

    access_key_id: str
    secret_access_key: str


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What a request says about its signature, not yet believed."""

    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    signed_at: datetime
    expires: timedelta | None = None
    """Only for presigned URLs."""

    @property
    def presigned(self) -> bool:
        """Whether the signature is in the URL."""
        return self.expires is not None

    @property
    def scope(self) -> str:
        """The credential scope."""
        return f"{self.date}/{self.region}/{self.service}/aws4_request"

    @property
    def timestamp(self) -> str:
        """When it was signed, in the form that is signed."""
        return self.signed_at.strftime(TIMESTAMP_FORMAT)


def read_claim(environ: Environ) -> Claim:
    """Find the signature in the Authorization header or the query. Raises SignatureError where there is none."""
    header = environ.get("HTTP_AUTHORIZATION", "")
    query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    if header and "X-Amz-Signature" in query:
        raise SignatureError(Refusal.MALFORMED, "Only one authentication mechanism is allowed")
    if header:
        return _header_claim(environ, header)
    if "X-Amz-Signature" in query:
        return _query_claim(query)
    if "Signature" in query and "AWSAccessKeyId" in query:
        raise SignatureError(Refusal.MALFORMED, f"Signature version 2 is not supported. Please use {ALGORITHM}", "s3")
    raise SignatureError(Refusal.MISSING, "The request is not signed")


def _header_claim(environ: Environ, header: str) -> Claim:
    match = AUTHORIZATION.fullmatch(header.strip())
    if not match:
        raise SignatureError(Refusal.MALFORMED, f"The authorization header is malformed. Please use {ALGORITHM}")
    when = environ.get("HTTP_X_AMZ_DATE") or environ.get("HTTP_DATE") or ""
    return _claim(match["credential"], match["headers"], match["signature"], _moment(when))


def _query_claim(query: Mapping[str, str]) -> Claim:
    seconds = query.get("X-Amz-Expires", "")
    if query.get("X-Amz-Algorithm") != ALGORITHM or not seconds.isdigit():
        raise SignatureError(Refusal.MALFORMED, "The presigned query is incomplete")
    expires = timedelta(seconds=min(int(seconds), 10**9))
    if not timedelta(0) < expires <= MAX_PRESIGNED_LIFE:
        raise SignatureError(Refusal.MALFORMED, f"X-Amz-Expires must be at most {MAX_PRESIGNED_LIFE}")
    return _claim(
        query.get("X-Amz-Credential", ""),
        query.get("X-Amz-SignedHeaders", ""),
        query["X-Amz-Signature"],
        _moment(query.get("X-Amz-Date", "")),
        expires,
    )


def _claim(
    credential: str, headers: str, signature: str, signed_at: datetime, expires: timedelta | None = None
) -> Claim:
    match = CREDENTIAL.fullmatch(credential)
    if not match:
        raise SignatureError(Refusal.MALFORMED, "The credential scope is malformed")
    return Claim(
        access_key_id=match["key"],
        date=match["date"],
        region=match["region"],
        service=match["service"],
        signed_headers=tuple(headers.lower().split(";")),
        signature=signature,
        signed_at=signed_at,
        expires=expires,
    )


def _moment(text: str) -> datetime:
    try:
        if text.endswith("GMT"):
            return parsedate_to_datetime(text)
        return datetime.strptime(text, TIMESTAMP_FORMAT).replace(tzinfo=timezone.utc)
    except ValueError as exc:
        raise SignatureError(Refusal.MALFORMED, "The request has no valid date") from exc


def check_claim(claim: Claim, key: Key, environ: Environ, now: datetime) -> None:
    """Everything that needs no cryptography: key id, dates, and that all that matters is signed.

    Raises SignatureError.
    """
    if not hmac.compare_digest(claim.access_key_id.encode(), key.access_key_id.encode()):
        raise SignatureError(Refusal.UNKNOWN_KEY, "The access key id is not the one of this local cloud", claim.service)
    if claim.date != claim.timestamp[:8]:
        raise SignatureError(Refusal.MALFORMED, "The credential's date is not the request's", claim.service)
    if claim.signed_at > now + MAX_CLOCK_SKEW:
        raise SignatureError(Refusal.SKEWED, f"Signature not yet current: {claim.timestamp}", claim.service)
    if claim.expires is not None:
        if now > claim.signed_at + claim.expires:
            raise SignatureError(Refusal.EXPIRED, "Request has expired", claim.service)
    elif claim.signed_at < now - MAX_CLOCK_SKEW:
        raise SignatureError(Refusal.SKEWED, f"Signature expired: {claim.timestamp}", claim.service)
    signed = {name.replace("_", "-") for name in claim.signed_headers}
    present = {name[5:].lower().replace("_", "-") for name in environ if name.startswith("HTTP_X_AMZ_")}
    if missing := ({"host"} | present) - signed:
        raise SignatureError(
            Refusal.MISMATCH, f"There were headers which were not signed: {', '.join(sorted(missing))}", claim.service
        )


def claimed_payload_hash(claim: Claim, environ: Environ) -> str | None:
    """What stands for the body in the canonical request; None means the hash of the body itself."""
    declared: str | None = environ.get("HTTP_X_AMZ_CONTENT_SHA256")
    if declared is None:
        return UNSIGNED_PAYLOAD if claim.presigned else None
    if claim.service != "s3" and not SHA256_HEX.fullmatch(declared):
        raise SignatureError(Refusal.MISMATCH, f"The payload must be signed, not {declared}", claim.service)
    return declared


def verify(claim: Claim, key: Key, environ: Environ, payload_hash: str) -> None:
    """Compare the signature with the one that the key's owner would have made. Raises SignatureError."""
    canonical = canonical_request(claim, environ, payload_hash)
    to_sign = "\n".join([ALGORITHM, claim.timestamp, claim.scope, hashlib.sha256(canonical.encode()).hexdigest()])
    expected = hmac.new(signing_key(claim, key), to_sign.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), claim.signature.encode()):
        raise SignatureError(
            Refusal.MISMATCH,
            "The request signature we calculated does not match the signature you provided. "
            "Check your secret access key and signing method.",
            claim.service,
        )


def canonical_request(claim: Claim, environ: Environ, payload_hash: str) -> str:
    """The text whose hash is signed."""
    path = str(environ.get("REQUEST_URI", environ.get("PATH_INFO", "/"))).partition("?")[0] or "/"
    if claim.service != "s3":  # S3 alone takes the path as it was sent
        path = quote(normalize_url_path(path), safe="/~")
    headers = [f"{name}:{_header(environ, name)}" for name in sorted(set(claim.signed_headers))]
    return "\n".join(
        [
            environ["REQUEST_METHOD"],
            path,
            _canonical_query(environ.get("QUERY_STRING", "")),
            "\n".join(headers) + "\n",
            ";".join(sorted(set(claim.signed_headers))),
            payload_hash,
        ]
    )


def signing_key(claim: Claim, key: Key) -> bytes:
    """The key derived for the claim's scope."""
    derived = f"AWS4{key.secret_access_key}".encode()
    for part in (claim.date, claim.region, claim.service, "aws4_request"):
        derived = hmac.new(derived, part.encode(), hashlib.sha256).digest()
    return derived


def _canonical_query(query: str) -> str:
    pairs = []
    for pair in query.split("&") if query else []:
        name, _, value = pair.partition("=")
        if name != "X-Amz-Signature":
            pairs.append((quote(unquote(name), safe="-_.~"), quote(unquote(value), safe="-_.~")))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _header(environ: Environ, name: str) -> str:
    wsgi_name = name.upper().replace("-", "_")
    if wsgi_name not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        wsgi_name = f"HTTP_{wsgi_name}"
    # WSGI hands header bytes over as Latin-1; clients sign UTF-8.
    value = str(environ.get(wsgi_name, "")).encode("latin-1", "replace").decode(errors="replace")
    return " ".join(value.split())
