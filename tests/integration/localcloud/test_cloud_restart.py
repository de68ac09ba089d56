"""What survives a restart, clean or not: objects and logs do, machines don't."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.support.cloud import Cloud, error_code, eventually
from tests.support.localcloud_server import LocalCloudServer

pytestmark = pytest.mark.local_only


def test_objects_and_logs_survive_a_kill(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with LocalCloudServer(home, boot_delay=0, agent_delay=0) as first:
        cloud = Cloud.of(first)
        write_objects(cloud)
        instance_id = cloud.online()
        command_id = cloud.send(
            instance_id,
            "echo line one; echo line two; sleep 300",
            CloudWatchOutputConfig={"CloudWatchOutputEnabled": True, "CloudWatchLogGroupName": "/runner"},
        )
        stream = f"{command_id}/{instance_id}/aws-runShellScript/stdout"
        eventually("log lines", lambda: log_lines(cloud, stream) == ["line one", "line two"])
        confirmed = write_until_killed(cloud, first)
    with LocalCloudServer(home, boot_delay=0, agent_delay=0) as second:
        cloud = Cloud.of(second)
        check_confirmed(cloud, confirmed)
        check_objects(cloud)
        assert log_lines(cloud, stream) == ["line one", "line two"]
        (group,) = cloud.logs.describe_log_groups()["logGroups"]
        assert (group["logGroupName"], group["retentionInDays"]) == ("/runner", 7)
        ended = cloud.describe(instance_id)
        assert (ended["State"]["Name"], ended["StateReason"]["Code"]) == ("terminated", "Server.InternalError")
        assert cloud.ec2.describe_instances()["Reservations"] == []
        assert not (home / "boxes" / instance_id).exists()
        change_objects(cloud)
        assert second.stop() == 0
    with LocalCloudServer(home) as third:
        check_changes(Cloud.of(third))


def content(n: int) -> bytes:
    return f"{n},".encode() * 20_000


def write_until_killed(cloud: Cloud, server: LocalCloudServer) -> int:
    """Write objects and log events without a pause while the server is killed; returns how many were confirmed."""
    cloud.s3.create_bucket(Bucket="busy")
    cloud.logs.create_log_group(logGroupName="/busy")
    cloud.logs.create_log_stream(logGroupName="/busy", logStreamName="s")
    confirmed = 0

    def write() -> None:
        nonlocal confirmed
        with contextlib.suppress(BotoCoreError):
            while True:
                event = {"timestamp": int(time.time() * 1000), "message": f"event {confirmed}"}
                cloud.s3.put_object(Bucket="busy", Key="latest", Body=content(confirmed))
                cloud.s3.put_object(Bucket="busy", Key=f"k{confirmed}", Body=content(confirmed))
                cloud.logs.put_log_events(logGroupName="/busy", logStreamName="s", logEvents=[event])
                confirmed += 1

    writer = threading.Thread(target=write)
    writer.start()
    eventually("some writes", lambda: confirmed >= 10)
    server.kill()
    writer.join(120)
    return confirmed


def check_confirmed(cloud: Cloud, confirmed: int) -> None:
    """What was confirmed is there, whole; at most the one write in progress is there too."""
    for n in range(confirmed):
        assert cloud.s3.get_object(Bucket="busy", Key=f"k{n}")["Body"].read() == content(n)
    latest = cloud.s3.get_object(Bucket="busy", Key="latest")["Body"].read()
    assert latest in (content(confirmed), content(confirmed - 1))
    events = cloud.logs.get_log_events(logGroupName="/busy", logStreamName="s", startFromHead=True)["events"]
    assert [event["message"] for event in events][:confirmed] == [f"event {n}" for n in range(confirmed)]
    assert len(events) <= confirmed + 1
    for key in [entry["Key"] for entry in cloud.s3.list_objects_v2(Bucket="busy")["Contents"]]:
        cloud.s3.delete_object(Bucket="busy", Key=key)
    cloud.s3.delete_bucket(Bucket="busy")
    cloud.logs.delete_log_group(logGroupName="/busy")


def write_objects(cloud: Cloud) -> None:
    cloud.logs.create_log_group(logGroupName="/runner")
    cloud.logs.put_retention_policy(logGroupName="/runner", retentionInDays=7)
    s3 = cloud.s3
    s3.create_bucket(Bucket="reports")
    s3.put_object(
        Bucket="reports",
        Key="a/ü b.json",
        Body=b"{}",
        ContentType="application/json",
        Metadata={"run": "1"},
        Tagging="kind=report",
    )
    s3.put_object(Bucket="reports", Key="gone", Body=b"x")
    s3.delete_object(Bucket="reports", Key="gone")
    s3.put_object(Bucket="reports", Key="empty", Body=b"")
    part = b"p" * (5 << 20)
    upload = s3.create_multipart_upload(Bucket="reports", Key="parts")["UploadId"]
    tags = [
        s3.upload_part(Bucket="reports", Key="parts", UploadId=upload, PartNumber=n, Body=body)["ETag"]
        for n, body in ((1, part), (2, b"end"))
    ]
    s3.complete_multipart_upload(
        Bucket="reports",
        Key="parts",
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": n, "ETag": tag} for n, tag in enumerate(tags, 1)]},
    )
    s3.copy_object(Bucket="reports", Key="copy", CopySource={"Bucket": "reports", "Key": "a/ü b.json"})
    s3.create_bucket(Bucket="versioned")
    s3.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
    for body in (b"1", b"2"):
        s3.put_object(Bucket="versioned", Key="v", Body=body)
    s3.put_object(Bucket="versioned", Key="deleted", Body=b"d")
    s3.delete_object(Bucket="versioned", Key="deleted")
    s3.create_bucket(Bucket="removed")
    s3.delete_bucket(Bucket="removed")


def check_objects(cloud: Cloud) -> None:
    s3 = cloud.s3
    assert sorted(bucket["Name"] for bucket in s3.list_buckets()["Buckets"]) == ["reports", "versioned"]
    listed = {entry["Key"]: entry["Size"] for entry in s3.list_objects_v2(Bucket="reports")["Contents"]}
    assert listed == {"a/ü b.json": 2, "copy": 2, "empty": 0, "parts": (5 << 20) + 3}
    for key in ("a/ü b.json", "copy"):
        found = s3.get_object(Bucket="reports", Key=key)
        assert found["Body"].read() == b"{}"
        assert (found["ContentType"], found["Metadata"]) == ("application/json", {"run": "1"})
    assert s3.get_object_tagging(Bucket="reports", Key="a/ü b.json")["TagSet"] == [{"Key": "kind", "Value": "report"}]
    parts = s3.get_object(Bucket="reports", Key="parts")
    assert parts["Body"].read() == b"p" * (5 << 20) + b"end"
    assert parts["ETag"].endswith('-2"')
    versions = s3.list_object_versions(Bucket="versioned")
    assert [v["Key"] for v in versions["Versions"]] == ["deleted", "v", "v"]
    assert [m["Key"] for m in versions["DeleteMarkers"]] == ["deleted"]
    assert s3.get_object(Bucket="versioned", Key="v")["Body"].read() == b"2"
    oldest = next(v["VersionId"] for v in versions["Versions"] if v["Key"] == "v" and not v["IsLatest"])
    assert s3.get_object(Bucket="versioned", Key="v", VersionId=oldest)["Body"].read() == b"1"


def change_objects(cloud: Cloud) -> None:
    cloud.s3.put_object(Bucket="reports", Key="copy", Body=b"changed")
    cloud.s3.delete_objects(Bucket="reports", Delete={"Objects": [{"Key": "empty"}, {"Key": "parts"}]})
    cloud.s3.put_object(Bucket="versioned", Key="v", Body=b"3")
    cloud.logs.delete_log_group(logGroupName="/runner")


def check_changes(cloud: Cloud) -> None:
    assert [entry["Key"] for entry in cloud.s3.list_objects_v2(Bucket="reports")["Contents"]] == ["a/ü b.json", "copy"]
    assert cloud.s3.get_object(Bucket="reports", Key="copy")["Body"].read() == b"changed"
    assert len(cloud.s3.list_object_versions(Bucket="versioned", Prefix="v")["Versions"]) == 3
    assert cloud.logs.describe_log_groups()["logGroups"] == []


def log_lines(cloud: Cloud, stream: str) -> list[str]:
    groups = cloud.logs.describe_log_groups(logGroupNamePrefix="/runner")["logGroups"]
    streams = cloud.logs.describe_log_streams(logGroupName="/runner")["logStreams"] if groups else []
    if stream not in {entry["logStreamName"] for entry in streams}:
        return []
    events = cloud.logs.get_log_events(logGroupName="/runner", logStreamName=stream, startFromHead=True)["events"]
    return [event["message"] for event in events]


def test_terminated_instances_are_forgotten_in_time(tmp_path: Path) -> None:
    options = {"boot_delay": 0, "agent_delay": 0, "terminated_retention": 0.5, "prune_interval": 0.2}
    with LocalCloudServer(tmp_path / "home", **options) as server:
        cloud = Cloud.of(server)
        token = "the-token"
        instance_id = cloud.launch(ClientToken=token)
        kept = cloud.launch()
        cloud.ec2.terminate_instances(InstanceIds=[instance_id])
        cloud.wait_state(instance_id, "terminated")

        def described() -> set[str]:
            found = cloud.ec2.describe_instances()["Reservations"]
            return {instance["InstanceId"] for reservation in found for instance in reservation["Instances"]}

        eventually("forgotten", lambda: described() == {kept})
        with pytest.raises(ClientError) as info:
            cloud.launch(ClientToken=token)
        assert error_code(info) == "IdempotentInstanceTerminated"


def test_log_events_stay_whole_while_memory_is_freed(tmp_path: Path) -> None:
    """Housekeeping takes idle streams out of memory all the time here; nobody must notice."""
    with LocalCloudServer(tmp_path / "home", prune_interval=0.01) as server:
        logs = Cloud.of(server).logs
        names = {"logGroupName": "/runner", "logStreamName": "a/b"}
        logs.create_log_group(logGroupName="/runner")
        logs.create_log_stream(**names)
        ids: list[str] = []
        for n in range(60):
            logs.put_log_events(**names, logEvents=[{"timestamp": int(time.time() * 1000), "message": f"line {n}"}])
            events = logs.filter_log_events(logGroupName="/runner")["events"]
            assert [event["message"] for event in events] == [f"line {i}" for i in range(n + 1)]
            assert [event["eventId"] for event in events[:n]] == ids
            ids = [event["eventId"] for event in events]
        (stream,) = logs.describe_log_streams(logGroupName="/runner")["logStreams"]
        assert stream["lastEventTimestamp"] == events[-1]["timestamp"]
        assert stream["storedBytes"] == sum(len(event["message"]) for event in events)


def refused(server: LocalCloudServer) -> tuple[int, str]:
    result = subprocess.run(
        server.command(), env=server.process_environment(), capture_output=True, timeout=60, check=False
    )
    return result.returncode, result.stderr.decode()


def test_what_it_cannot_start_with_is_said(server: LocalCloudServer, tmp_path: Path) -> None:
    code, text = refused(LocalCloudServer(server.home))
    assert code == 3
    assert "another local cloud uses" in text
    code, text = refused(LocalCloudServer(tmp_path / "taken", port=server.port))
    assert code == 3
    assert str(server.port) in text
    bad = LocalCloudServer(tmp_path / "bad")
    bad.home.mkdir()
    (bad.home / "key.json").write_text("{}")
    code, text = refused(bad)
    assert code == 3
    assert "key.json is no key file" in text


def caller(server: LocalCloudServer) -> str:
    return str(server.client("sts").get_caller_identity()["Arn"])


def test_a_local_cloud_is_the_same_one_after_a_restart_on_another_port(tmp_path: Path) -> None:
    with LocalCloudServer(tmp_path / "one") as first:
        one, port = caller(first), first.port
    with LocalCloudServer(tmp_path / "one") as again, LocalCloudServer(tmp_path / "two") as other:
        assert again.port != port
        assert caller(again) == one
        assert caller(other) != one


def test_what_an_earlier_run_launched_is_forgotten_after_a_while(tmp_path: Path) -> None:
    home, options = tmp_path / "home", {"boot_delay": 0, "agent_delay": 0, "terminated_retention": 12}
    with LocalCloudServer(home, **options) as first:
        instance_id = Cloud.of(first).launch()
        first.kill()
    with LocalCloudServer(home, prune_interval=0.2, **options) as second:
        cloud = Cloud.of(second)
        assert cloud.state(instance_id) == "terminated"
        alive = cloud.launch()
        both = cloud.ec2.describe_instances(InstanceIds=[instance_id, alive])["Reservations"]
        assert {one["Instances"][0]["InstanceId"] for one in both} == {instance_id, alive}

        def is_forgotten() -> bool:
            try:
                cloud.describe(instance_id)
            except ClientError as exc:
                return str(exc.response["Error"]["Code"]) == "InvalidInstanceID.NotFound"
            return False

        eventually("the end of its time", is_forgotten)
        assert not (home / "launched" / f"{instance_id}.json").exists()
