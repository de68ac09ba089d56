"""The signature that the guard computes is the one that AWS documents, and botocore sends."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from localcloud.requests.sigv4 import (
    UNSIGNED_PAYLOAD,
    Key,
    Refusal,
    SignatureError,
    check_claim,
    claimed_payload_hash,
    read_claim,
    verify,
)

KEY = Key("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
EMPTY_HASH = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def environ_of(method: str, url: str, headers: dict[str, str]) -> dict[str, Any]:
    """What a WSGI server hands over for a request."""
    parts = urlsplit(url)
    environ = {
        "REQUEST_METHOD": method,
        "REQUEST_URI": parts.path + (f"?{parts.query}" if parts.query else ""),
        "QUERY_STRING": parts.query,
        "HTTP_HOST": parts.netloc,
    }
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
    return environ


def test_signature_of_the_aws_documentation() -> None:
    """Source: AWS Signature Version 4 test suite, get-vanilla."""
    environ = environ_of(
        "GET",
        "https://example.amazonaws.com/",
        {
            "X-Amz-Date": "20150830T123600Z",
            "Authorization": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
            "SignedHeaders=host;x-amz-date, "
            "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        },
    )
    claim = read_claim(environ)
    check_claim(claim, KEY, environ, datetime(2015, 8, 30, 12, 40, tzinfo=timezone.utc))
    verify(claim, KEY, environ, EMPTY_HASH)


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=20)


@settings(max_examples=60, deadline=None)
@given(key=TEXT, parameter=TEXT, body=st.binary(max_size=50), s3=st.booleans())
def test_accepts_what_botocore_signs(key: str, parameter: str, body: bytes, s3: bool) -> None:
    url = f"http://127.0.0.1:4566/bucket/{quote(key)}?p={quote(parameter, safe='-_.~')}&flag="
    request = AWSRequest(
        method="PUT", url=url, data=body, headers={"X-Amz-Meta-A": "two  spaces ", "Content-Type": "a/b"}
    )
    credentials = Credentials(KEY.access_key_id, KEY.secret_access_key)
    signer = S3SigV4Auth if s3 else SigV4Auth
    signer(credentials, "s3" if s3 else "lambda", "us-east-1").add_auth(request)
    environ = environ_of("PUT", url, dict(request.headers))
    claim = read_claim(environ)
    check_claim(claim, KEY, environ, datetime.now(timezone.utc))
    verify(claim, KEY, environ, claimed_payload_hash(claim, environ) or hashlib.sha256(body).hexdigest())
    with pytest.raises(SignatureError):
        verify(claim, Key(KEY.access_key_id, "x" * 40), environ, hashlib.sha256(body).hexdigest())


def presigned(expires: int = 60) -> dict[str, Any]:
    request = AWSRequest(method="GET", url="http://127.0.0.1:4566/bucket/a%20key")
    credentials = Credentials(KEY.access_key_id, KEY.secret_access_key)
    S3SigV4QueryAuth(credentials, "s3", "us-east-1", expires=expires).add_auth(request)
    return environ_of("GET", request.url, {})


def test_presigned_query() -> None:
    environ = presigned()
    claim = read_claim(environ)
    assert claim.presigned
    check_claim(claim, KEY, environ, datetime.now(timezone.utc))
    verify(claim, KEY, environ, claimed_payload_hash(claim, environ) or "")
    assert claimed_payload_hash(claim, environ) == UNSIGNED_PAYLOAD


@pytest.mark.parametrize(
    ("shift", "refusal"),
    [
        (timedelta(seconds=61), Refusal.EXPIRED),
        (timedelta(minutes=-16), Refusal.SKEWED),
        (timedelta(days=1), Refusal.EXPIRED),
    ],
)
def test_presigned_query_has_its_time(shift: timedelta, refusal: Refusal) -> None:
    environ = presigned()
    claim = read_claim(environ)
    with pytest.raises(SignatureError) as info:
        check_claim(claim, KEY, environ, claim.signed_at + shift)
    assert info.value.refusal is refusal


@pytest.mark.parametrize(
    ("headers", "query", "refusal"),
    [
        ({}, "", Refusal.MISSING),
        ({"Authorization": "Basic dXNlcjpwYXNz"}, "", Refusal.MALFORMED),
        (
            {"Authorization": "AWS4-HMAC-SHA256 Credential=AKID/2015/x, SignedHeaders=host, Signature=00"},
            "",
            Refusal.MALFORMED,
        ),
        ({}, "X-Amz-Signature=00", Refusal.MALFORMED),
        ({}, "AWSAccessKeyId=AKIDEXAMPLE&Signature=abc&Expires=99999999999", Refusal.MALFORMED),
        ({"Authorization": "AWS4-HMAC-SHA256 x"}, "X-Amz-Signature=00", Refusal.MALFORMED),
    ],
)
def test_requests_without_a_usable_signature(headers: dict[str, str], query: str, refusal: Refusal) -> None:
    with pytest.raises(SignatureError) as info:
        read_claim(environ_of("GET", f"http://127.0.0.1/?{query}", headers))
    assert info.value.refusal is refusal


def test_amz_header_that_is_not_signed_is_refused() -> None:
    environ = {**presigned(), "HTTP_X_AMZ_TARGET": "AmazonSSM.SendCommand"}
    claim = read_claim(environ)
    with pytest.raises(SignatureError, match="x-amz-target"):
        check_claim(claim, KEY, environ, claim.signed_at)


def test_unsigned_payload_is_for_s3_alone() -> None:
    environ = {**presigned(), "HTTP_X_AMZ_CONTENT_SHA256": UNSIGNED_PAYLOAD}
    claim = read_claim(environ)
    assert claimed_payload_hash(claim, environ) == UNSIGNED_PAYLOAD
    with pytest.raises(SignatureError):
        claimed_payload_hash(replace(claim, service="ssm"), environ)
