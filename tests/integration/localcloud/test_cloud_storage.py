"""S3 objects and CloudWatch Logs: everyday use, presigned URLs, the ways in which clients upload."""

from __future__ import annotations

import hashlib
import io
import json
import time
import urllib.error
import urllib.request

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.support.cloud import Cloud, error_code, unique
from tests.support.localcloud_server import LocalCloudServer

ODD_KEYS = ["plain", "a/b/c.json", "with space", "ünïcode", "plus+sign", "per%20cent", "k" * 900, "a=b&c", "tilde~"]


@pytest.mark.parametrize("key", ODD_KEYS, ids=lambda key: key[:12])
def test_object_round_trip(cloud: Cloud, bucket: str, key: str) -> None:
    cloud.s3.put_object(Bucket=bucket, Key=key, Body=b"content", Metadata={"run_id": "1", "repo": "x"})
    found = cloud.s3.get_object(Bucket=bucket, Key=key)
    assert found["Body"].read() == b"content"
    assert found["Metadata"] == {"run_id": "1", "repo": "x"}
    assert [entry["Key"] for entry in cloud.s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    cloud.s3.delete_object(Bucket=bucket, Key=key)
    with pytest.raises(ClientError) as info:
        cloud.s3.get_object(Bucket=bucket, Key=key)
    assert error_code(info) == "NoSuchKey"


def test_a_suspended_bucket_is_emptied_version_by_version(cloud: Cloud, bucket: str) -> None:
    cloud.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"1", b"2"):
        cloud.s3.put_object(Bucket=bucket, Key="twice", Body=body)
    cloud.s3.put_object(Bucket=bucket, Key="marked", Body=b"3")
    cloud.s3.delete_object(Bucket=bucket, Key="marked")
    cloud.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    cloud.s3.delete_object(Bucket=bucket, Key="twice")  # no version is lost by it
    listed = cloud.s3.list_object_versions(Bucket=bucket)
    assert sorted(each["Key"] for each in listed["Versions"]) == ["marked", "twice", "twice"]
    assert sorted(each["Key"] for each in listed["DeleteMarkers"]) == ["marked", "twice"]
    (null,) = [each["VersionId"] for each in listed["DeleteMarkers"] if each["Key"] == "twice"]
    assert null == "null"
    for each in [*listed["Versions"], *listed["DeleteMarkers"]]:  # what a marker hides goes before it
        one = {"Key": each["Key"], "VersionId": each["VersionId"]}
        answer = cloud.s3.delete_objects(Bucket=bucket, Delete={"Objects": [one]})
        assert "Errors" not in answer
        left = cloud.s3.list_object_versions(Bucket=bucket)
        assert one not in [
            {"Key": there["Key"], "VersionId": there["VersionId"]}
            for there in [*left.get("Versions", []), *left.get("DeleteMarkers", [])]
        ]
    left = cloud.s3.list_object_versions(Bucket=bucket)
    assert "Versions" not in left
    assert "DeleteMarkers" not in left
    cloud.s3.delete_bucket(Bucket=bucket)
    cloud.s3.create_bucket(Bucket=bucket)  # for whoever takes it away after the test


def test_conditional_write(cloud: Cloud, bucket: str) -> None:
    cloud.s3.put_object(Bucket=bucket, Key="once", Body=b"1", IfNoneMatch="*")
    with pytest.raises(ClientError) as info:
        cloud.s3.put_object(Bucket=bucket, Key="once", Body=b"2", IfNoneMatch="*")
    assert error_code(info) == "PreconditionFailed"
    assert cloud.s3.get_object(Bucket=bucket, Key="once")["Body"].read() == b"1"


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA256"])
def test_upload_with_checksum(cloud: Cloud, bucket: str, algorithm: str) -> None:
    cloud.s3.put_object(Bucket=bucket, Key="sum", Body=b"content", ChecksumAlgorithm=algorithm)
    assert cloud.s3.get_object(Bucket=bucket, Key="sum", ChecksumMode="ENABLED")["Body"].read() == b"content"


def test_large_object_in_parts(cloud: Cloud, bucket: str) -> None:
    content = hashlib.sha256(b"seed").digest() * (12 << 15)  # 12 MiB
    config = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20, max_concurrency=3)
    cloud.s3.upload_fileobj(io.BytesIO(content), bucket, "large", Config=config)
    assert cloud.s3.head_object(Bucket=bucket, Key="large")["ContentLength"] == len(content)
    assert cloud.s3.get_object(Bucket=bucket, Key="large")["Body"].read() == content
    part = cloud.s3.get_object(Bucket=bucket, Key="large", Range="bytes=100-199")["Body"].read()
    assert part == content[100:200]


def test_presigned_urls_with_plain_http(cloud: Cloud, bucket: str) -> None:
    key = "reports/a report.json"
    put = cloud.s3.generate_presigned_url(
        "put_object",
        Params={"Bucket": bucket, "Key": key, "ContentType": "application/json"},
        ExpiresIn=60,
    )
    body = json.dumps({"status": "success"}).encode()
    request = urllib.request.Request(put, data=body, method="PUT", headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        assert answer.status == 200
    get = cloud.s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=60)
    with urllib.request.urlopen(get, timeout=120) as answer:
        assert answer.read() == body
        assert answer.headers["Content-Type"] == "application/json"


def test_presigned_urls_with_curl_from_inside_an_instance(cloud: Cloud, bucket: str, machine: str) -> None:
    put = cloud.s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "in"}, ExpiresIn=60)
    get = cloud.s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "in"}, ExpiresIn=60)
    script = f"echo from inside >f; curl -sf --noproxy '*' -T f '{put}' && curl -sf --noproxy '*' '{get}'"
    assert cloud.output(machine, script) == "from inside\n"


def test_presigned_url_is_for_one_object_and_method(cloud: Cloud, bucket: str) -> None:
    cloud.s3.put_object(Bucket=bucket, Key="mine", Body=b"1")
    cloud.s3.put_object(Bucket=bucket, Key="other", Body=b"2")
    url = cloud.s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "mine"}, ExpiresIn=60)
    for method, target in (("GET", url.replace("/mine?", "/other?")), ("PUT", url), ("DELETE", url)):
        with pytest.raises(urllib.error.HTTPError) as info:
            urllib.request.urlopen(
                urllib.request.Request(target, method=method, data=b"x" if method == "PUT" else None), timeout=120
            )
        assert info.value.code == 403
        assert b"SignatureDoesNotMatch" in info.value.read()


@pytest.mark.local_only
def test_unsigned_streaming_upload_with_trailing_checksum(server: LocalCloudServer, cloud: Cloud, bucket: str) -> None:
    """What SDKs send over https, and tools built on them over http too: aws-chunked with a checksum at the end."""
    chunks = b"7\r\ncontent\r\n0\r\nx-amz-checksum-crc32:W8sLJg==\r\n\r\n"
    request = AWSRequest(
        method="PUT",
        url=f"{server.endpoint_url}/{bucket}/chunked",
        data=chunks,
        headers={
            "Content-Encoding": "aws-chunked",
            "X-Amz-Trailer": "x-amz-checksum-crc32",
            "X-Amz-Decoded-Content-Length": "7",
        },
    )
    request.context["checksum"] = {"request_algorithm": {"in": "trailer", "algorithm": "crc32"}}
    S3SigV4Auth(Credentials(server.access_key_id, server.secret_access_key), "s3", "us-east-1").add_auth(request)
    assert request.headers["X-Amz-Content-SHA256"] == "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    plain = urllib.request.Request(request.url, data=chunks, method="PUT", headers=dict(request.headers))
    with urllib.request.urlopen(plain, timeout=120) as answer:
        assert answer.status == 200
    found = cloud.s3.get_object(Bucket=bucket, Key="chunked")
    assert found["Body"].read() == b"content"


def test_versions_and_delete_markers(cloud: Cloud, bucket: str) -> None:
    cloud.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = cloud.s3.put_object(Bucket=bucket, Key="v", Body=b"1")["VersionId"]
    cloud.s3.put_object(Bucket=bucket, Key="v", Body=b"2")
    assert cloud.s3.get_object(Bucket=bucket, Key="v", VersionId=first)["Body"].read() == b"1"
    cloud.s3.delete_object(Bucket=bucket, Key="v")
    with pytest.raises(ClientError):
        cloud.s3.get_object(Bucket=bucket, Key="v")


def test_log_events_round_trip(cloud: Cloud) -> None:
    group, stream = unique("/group"), "a/stream"
    cloud.logs.create_log_group(logGroupName=group)
    cloud.logs.create_log_stream(logGroupName=group, logStreamName=stream)
    now = int(time.time() * 1000)
    cloud.logs.put_log_events(
        logGroupName=group,
        logStreamName=stream,
        logEvents=[{"timestamp": now + n, "message": f"line {n}"} for n in range(3)],
    )
    events = cloud.logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)["events"]
    assert [event["message"] for event in events] == ["line 0", "line 1", "line 2"]
    found = cloud.logs.filter_log_events(logGroupName=group, filterPattern='"line 1"')["events"]
    assert [event["message"] for event in found] == ["line 1"]
    with pytest.raises(ClientError) as info:
        cloud.logs.create_log_stream(logGroupName=group, logStreamName=stream)
    assert error_code(info) == "ResourceAlreadyExistsException"
