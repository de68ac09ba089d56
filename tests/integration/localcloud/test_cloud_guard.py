"""Who is refused: everybody without the key's secret, web pages, foreign hosts, stale and altered requests."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import http.client
import json
from pathlib import Path

import boto3
import botocore.auth
import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from localcloud.requests.sigv4 import Claim, Key, signing_key
from tests.support.cloud import Cloud, eventually
from tests.support.localcloud_server import LocalCloudServer

pytestmark = pytest.mark.local_only

DESCRIBE = b"Action=DescribeInstances&Version=2016-11-15"
FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}


def ask(
    server: LocalCloudServer, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b""
) -> tuple[int, str]:
    """A raw request: status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    connection.request(method, path, body=body or None, headers=headers or {})
    answer = connection.getresponse()
    text = answer.read().decode(errors="replace")
    connection.close()
    return answer.status, text


def signed_headers(server: LocalCloudServer, body: bytes = DESCRIBE, **extra: str) -> dict[str, str]:
    """Headers of a correctly signed EC2 request."""
    request = AWSRequest(
        method="POST",
        url=f"{server.endpoint_url}/",
        data=body,
        headers={**FORM, **{name.replace("_", "-"): value for name, value in extra.items()}},
    )
    SigV4Auth(Credentials(server.access_key_id, server.secret_access_key), "ec2", "us-east-1").add_auth(request)
    return dict(request.headers)


def test_health_needs_no_signature(server: LocalCloudServer) -> None:
    status, text = ask(server, "GET", "/_localcloud/health")
    assert status == 200
    assert json.loads(text)["status"] == "ok"


def test_signed_request_is_answered(server: LocalCloudServer) -> None:
    status, text = ask(server, "POST", "/", signed_headers(server), DESCRIBE)
    assert status == 200
    assert "DescribeInstancesResponse" in text


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "expected"),
    [
        ("POST", "/", FORM, DESCRIBE, "<Response><Errors><Error><Code>MissingAuthenticationToken"),
        ("GET", "/some-bucket/key", {}, b"", "<Code>AccessDenied</Code>"),
        (
            "POST",
            "/",
            {"X-Amz-Target": "AmazonSSM.SendCommand", "Content-Type": "application/x-amz-json-1.1"},
            b"{}",
            '"__type": "MissingAuthenticationTokenException"',
        ),
        ("GET", "/_localcloud/faults", {}, b"", "AccessDenied"),
        ("POST", "/moto-api/reset", {}, b"", "AccessDenied"),
        ("GET", "/latest/meta-data/iam/security-credentials/", {}, b"", "AccessDenied"),
    ],
)
def test_unsigned_request_is_refused_in_the_words_of_its_service(
    server: LocalCloudServer, method: str, path: str, headers: dict, body: bytes, expected: str
) -> None:
    status, text = ask(server, method, path, headers, body)
    assert status == 403
    assert expected.replace(" ", "") in text.replace(" ", "").replace("\n", "")


@pytest.mark.parametrize("service", ["ec2", "ssm", "logs", "s3", "iam"])
def test_wrong_secret_and_foreign_key_are_refused(server: LocalCloudServer, service: str) -> None:
    expected = {
        "ec2": ("AuthFailure", "AuthFailure"),
        "s3": ("SignatureDoesNotMatch", "InvalidAccessKeyId"),
    }.get(service, ("InvalidSignatureException", "UnrecognizedClientException"))
    calls = {
        "ec2": lambda c: c.describe_instances(),
        "ssm": lambda c: c.describe_instance_information(),
        "logs": lambda c: c.describe_log_groups(),
        "s3": lambda c: c.list_buckets(),
        "iam": lambda c: c.list_roles(),
    }
    for key_id, code in zip((server.access_key_id, "AKIAFOREIGNFOREIGN42"), expected, strict=True):
        client = boto3.Session(key_id, "wrong-secret-wrong-secret-wrong-secret", region_name="us-east-1").client(
            service, endpoint_url=server.endpoint_url, config=Config(retries={"total_max_attempts": 1})
        )
        with pytest.raises(ClientError) as info:
            calls[service](client)
        assert info.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
        assert info.value.response["Error"]["Code"] == code


@pytest.mark.parametrize("origin", ["https://example.org", "null", "http://127.0.0.1:8080"])
def test_web_pages_are_refused(server: LocalCloudServer, origin: str) -> None:
    status, _ = ask(server, "POST", "/", {**signed_headers(server), "Origin": origin}, DESCRIBE)
    assert status == 403
    status, _ = ask(server, "GET", "/_localcloud/health", {"Origin": origin})
    assert status == 403
    status, text = ask(server, "OPTIONS", "/", {"Origin": origin, "Access-Control-Request-Method": "POST"})
    assert status == 403
    assert "access-control" not in text.lower()


@pytest.mark.parametrize("host", ["evil.example.org", "127.0.0.1.nip.io", "127.0.0.1:1", "localhost", ""])
def test_foreign_host_is_refused(server: LocalCloudServer, host: str) -> None:
    status, _ = ask(server, "GET", "/_localcloud/health", {"Host": host})
    assert status == 403
    assert ask(server, "GET", "/_localcloud/health", {"Host": f"localhost:{server.port}"})[0] == 200


def test_altered_requests_are_refused(server: LocalCloudServer) -> None:
    headers = signed_headers(server)
    cases = [
        ("POST", "/", headers, DESCRIBE.replace(b"Describe", b"Terminate")),
        ("POST", "/?Action=TerminateInstances", headers, DESCRIBE),
        ("PUT", "/", headers, DESCRIBE),
        ("POST", "/elsewhere", headers, DESCRIBE),
        ("POST", "/", {**headers, "X-Amz-Target": "AmazonSSM.SendCommand"}, DESCRIBE),
        ("POST", "/", {**headers, "X-Amz-Date": "20200101T000000Z"}, DESCRIBE),
        ("POST", "/", {**headers, "Content-Type": "application/json"}, DESCRIBE),
        ("POST", "/", {**headers, "Authorization": headers["Authorization"].replace("/ec2/", "/iam/")}, DESCRIBE),
        (
            "POST",
            "/",
            {**headers, "Authorization": headers["Authorization"].replace("us-east-1", "eu-west-1")},
            DESCRIBE,
        ),
        ("POST", "/", {**headers, "Authorization": headers["Authorization"].replace("host;", "")}, DESCRIBE),
        ("POST", "/", {**headers, "Authorization": headers["Authorization"].rpartition(" ")[0]}, DESCRIBE),
        ("POST", "/", {**headers, "Authorization": "Bearer token"}, DESCRIBE),
        ("POST", "/", {**headers, "Authorization": f"AWS {server.access_key_id}:signature"}, DESCRIBE),
    ]
    for method, path, changed, body in cases:
        assert ask(server, method, path, changed, body)[0] == 403, (method, path, changed)


@pytest.mark.parametrize("minutes", [-20, 20])
def test_skewed_clock_is_refused(server: LocalCloudServer, monkeypatch: pytest.MonkeyPatch, minutes: int) -> None:
    shifted = dt.datetime.now(dt.timezone.utc) + dt.timedelta(minutes=minutes)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda **_: shifted.replace(tzinfo=None))
    status, text = ask(server, "POST", "/", signed_headers(server), DESCRIBE)
    assert status == 403
    assert "RequestExpired" in text


def test_body_must_be_the_signed_one(server: LocalCloudServer, bucket: str, cloud: Cloud) -> None:
    request = AWSRequest(method="PUT", url=f"{server.endpoint_url}/{bucket}/k", data=b"signed")
    S3SigV4Auth(Credentials(server.access_key_id, server.secret_access_key), "s3", "us-east-1").add_auth(request)
    status, text = ask(server, "PUT", f"/{bucket}/k", dict(request.headers), b"forged")
    assert status == 403
    assert "SignatureDoesNotMatch" in text
    assert "Contents" not in cloud.s3.list_objects_v2(Bucket=bucket)


def test_expired_presigned_url_is_refused(cloud: Cloud, server: LocalCloudServer, bucket: str) -> None:
    cloud.s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    url = cloud.s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=1)
    path = url.removeprefix(server.endpoint_url)
    status, text = eventually("expired", lambda: (answer := ask(server, "GET", path))[0] != 200 and answer)
    assert status == 403
    assert "Request has expired" in text


def test_presigned_url_cannot_be_prolonged_or_extended(cloud: Cloud, server: LocalCloudServer, bucket: str) -> None:
    url = cloud.s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=60)
    path = url.removeprefix(server.endpoint_url)
    attempts: list[tuple[str, dict[str, str]]] = [
        (path.replace("X-Amz-Expires=60", "X-Amz-Expires=6000"), {}),
        (path.replace("X-Amz-Expires=60", "X-Amz-Expires=99999999"), {}),
        (path + "&tagging", {}),
        (path, {"X-Amz-Target": "AmazonSSM.SendCommand"}),
        (path, {"X-Amz-Copy-Source": "other/key"}),
        (path, {"Authorization": signed_headers(server)["Authorization"]}),
    ]
    for target, headers in attempts:
        assert ask(server, "PUT", target, headers, b"x")[0] == 403, (target, headers)
    assert ask(server, "PUT", path, {}, b"x")[0] == 200


def test_presigned_url_reaches_s3_alone(cloud: Cloud, server: LocalCloudServer, bucket: str) -> None:
    """A body that looks like another service's request must not be dispatched to that service."""
    url = cloud.s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=60)
    path = url.removeprefix(server.endpoint_url)
    status, _ = ask(server, "PUT", path, FORM, b"Action=AssumeRoleWithSAML&Version=2009-04-15")
    assert status == 200
    assert cloud.s3.head_object(Bucket=bucket, Key="k")["ContentLength"] > 0


def test_signature_version_two_is_refused(server: LocalCloudServer, bucket: str) -> None:
    client = server.client("s3", signature_version="s3")
    url = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=60)
    status, text = ask(server, "GET", url.removeprefix(server.endpoint_url))
    assert status == 403
    assert "AWS4-HMAC-SHA256" in text


def signed_chunks(server: LocalCloudServer, bucket: str, data: bytes) -> tuple[dict[str, str], list[bytes]]:
    """A `STREAMING-AWS4-HMAC-SHA256-PAYLOAD` upload of two chunks, as Go's and Java's SDKs send it."""
    request = AWSRequest(
        method="PUT",
        url=f"{server.endpoint_url}/{bucket}/streamed",
        headers={"X-Amz-Decoded-Content-Length": str(len(data)), "Content-Encoding": "aws-chunked"},
    )
    auth = S3SigV4Auth(Credentials(server.access_key_id, server.secret_access_key), "s3", "us-east-1")
    auth.payload = lambda _: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    auth.add_auth(request)
    headers = dict(request.headers)
    stamp = headers["X-Amz-Date"]
    signature = headers["Authorization"].rpartition("Signature=")[2]
    claim = Claim(
        access_key_id=server.access_key_id,
        date=stamp[:8],
        region="us-east-1",
        service="s3",
        signed_headers=(),
        signature=signature,
        signed_at=dt.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.timezone.utc),
    )
    key = signing_key(claim, Key(server.access_key_id, server.secret_access_key))
    chunks = []
    half = len(data) // 2
    for part in (data[:half], data[half:], b""):
        empty = hashlib.sha256(b"").hexdigest()
        text = "\n".join(
            ["AWS4-HMAC-SHA256-PAYLOAD", stamp, claim.scope, signature, empty, hashlib.sha256(part).hexdigest()]
        )
        signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        chunks.append(f"{len(part):x};chunk-signature={signature}\r\n".encode() + part + b"\r\n")
    return headers, chunks


def test_signed_streaming_upload(server: LocalCloudServer, cloud: Cloud, bucket: str) -> None:
    headers, chunks = signed_chunks(server, bucket, b"streamed content")
    assert ask(server, "PUT", f"/{bucket}/streamed", headers, b"".join(chunks))[0] == 200
    assert cloud.s3.get_object(Bucket=bucket, Key="streamed")["Body"].read() == b"streamed content"


def test_altered_chunk_is_refused(server: LocalCloudServer, cloud: Cloud, bucket: str) -> None:
    headers, chunks = signed_chunks(server, bucket, b"streamed content")
    altered = [
        [chunks[0].replace(b"stream", b"STREAM"), *chunks[1:]],
        [chunks[1], chunks[0], chunks[2]],
        chunks[:2],
        [b"not chunks at all"],
    ]
    for body in altered:
        assert ask(server, "PUT", f"/{bucket}/streamed", headers, b"".join(body))[0] == 403, body
    assert "Contents" not in cloud.s3.list_objects_v2(Bucket=bucket)


def test_listens_on_loopback_alone(server: LocalCloudServer) -> None:
    wanted = f"{server.port:04X}"
    rows = [
        line.split()[1]
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        if line.split()[3] == "0A" and line.split()[1].endswith(wanted)
    ]
    assert rows == [f"0100007F:{wanted}"]


def test_key_file_is_private(server: LocalCloudServer) -> None:
    assert (server.home / "key.json").stat().st_mode & 0o777 == 0o600
    assert server.home.stat().st_mode & 0o777 == 0o700


def test_refused_client_gets_its_answer_whatever_it_sends(server: LocalCloudServer) -> None:
    """A server that closes on unread data resets the connection, and the client never learns why."""
    for _ in range(20):
        status, text = ask(server, "PUT", "/bucket/key", {}, b"x" * 1_000_000)
        assert (status, "AccessDenied" in text) == (403, True)
        assert ask(server, "POST", "/", {"Origin": "https://example.org"}, b"x" * 1_000_000)[0] == 403
