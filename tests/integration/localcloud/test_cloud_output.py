"""Where output goes: log streams while a command runs, S3 when it ends, and how much of it at most."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.cloud import Cloud, eventually, unique
from tests.support.localcloud_server import LocalCloudServer

STORED_LIMIT = 8 << 20


def stream_messages(cloud: Cloud, group: str, stream: str) -> list[str]:
    messages: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = cloud.logs.get_log_events(
            logGroupName=group, logStreamName=stream, startFromHead=True, limit=10_000, **token
        )
        messages += [event["message"] for event in page["events"]]
        if page["nextForwardToken"] == token.get("nextToken"):
            return messages
        token = {"nextToken": page["nextForwardToken"]}


def logging_to(group: str) -> dict:
    return {"CloudWatchOutputConfig": {"CloudWatchOutputEnabled": True, "CloudWatchLogGroupName": group}}


def test_log_lines_are_visible_while_the_command_runs(cloud: Cloud, machine: str) -> None:
    group, flag = unique("/group"), unique("flag")
    command_id = cloud.send(
        machine,
        f"echo first; echo problem >&2; while [ ! -e {flag} ]; do sleep 0.05; done; rm {flag}; printf last",
        **logging_to(group),
    )
    out, err = (f"{command_id}/{machine}/aws-runShellScript/{name}" for name in ("stdout", "stderr"))

    def streams() -> set[str]:
        groups = cloud.logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        found = cloud.logs.describe_log_streams(logGroupName=group)["logStreams"] if groups else []
        return {stream["logStreamName"] for stream in found}

    eventually("both streams", lambda: streams() == {out, err})
    assert stream_messages(cloud, group, out) == ["first"]
    assert stream_messages(cloud, group, err) == ["problem"]
    assert cloud.invocation(command_id, machine)["Status"] == "InProgress"
    cloud.output(machine, f"touch {flag}")
    cloud.finished(command_id, machine)
    assert stream_messages(cloud, group, out) == ["first", "last"]


def test_a_page_without_events_may_have_more_behind_it(cloud: Cloud, server: LocalCloudServer) -> None:
    group, stream = unique("/group"), "s"
    cloud.logs.create_log_group(logGroupName=group)
    cloud.logs.create_log_stream(logGroupName=group, logStreamName=stream)
    events = [{"timestamp": int(time.time() * 1000), "message": f"line {number}"} for number in range(5)]
    cloud.logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
    server.set_faults({"fault": "empty-pages", "times": 3})
    parameters = {"logGroupName": group, "logStreamName": stream, "startFromHead": True, "limit": 3}
    pages, tokens = [], [None]
    while len(tokens) < 3 or tokens[-1] != tokens[-2]:
        given = {"nextToken": tokens[-1]} if tokens[-1] else {}
        page = cloud.logs.get_log_events(**parameters, **given)
        pages.append(len(page["events"]))
        tokens.append(page["nextForwardToken"])
    assert pages == [0, 0, 0, 3, 2, 0]
    assert all(given != answered for given, answered in pairwise(tokens[:-1]))
    assert server.faults()[0]["times"] == 0
    server.set_faults()
    # In the middle, too, nothing is passed over.
    first = cloud.logs.get_log_events(**parameters)["nextForwardToken"]
    server.set_faults({"fault": "empty-pages"})
    skipped = cloud.logs.get_log_events(**parameters, nextToken=first)
    assert (skipped["events"], skipped["nextForwardToken"] != first) == ([], True)
    rest = cloud.logs.get_log_events(**parameters, nextToken=skipped["nextForwardToken"])["events"]
    assert [each["message"] for each in rest] == ["line 3", "line 4"]
    server.set_faults()


def test_default_log_group(cloud: Cloud, machine: str) -> None:
    cloud.run(machine, "echo here", CloudWatchOutputConfig={"CloudWatchOutputEnabled": True})
    groups = cloud.logs.describe_log_groups(logGroupNamePrefix="/aws/ssm/AWS-RunShellScript")["logGroups"]
    assert len(groups) == 1


def test_long_lines_and_odd_bytes_are_kept(cloud: Cloud, machine: str) -> None:
    group = unique("/group")
    result = cloud.run(
        machine,
        "head -c 600000 /dev/zero | tr '\\0' x; echo; printf 'caf\\303\\251 \\377\\n'; echo; echo end",
        **logging_to(group),
    )
    stream = f"{result['CommandId']}/{machine}/aws-runShellScript/stdout"
    messages = stream_messages(cloud, group, stream)
    assert "".join(messages[:-2]) == "x" * 600_000
    assert max(len(message) for message in messages) <= 256 * 1024
    assert messages[-2:] == ["café \ufffd", "end"]


def test_output_is_stored_in_s3(cloud: Cloud, machine: str, bucket: str) -> None:
    result = cloud.run(machine, "echo out; echo err >&2", OutputS3BucketName=bucket, OutputS3KeyPrefix="reports/run-1")
    stem = f"reports/run-1/{result['CommandId']}/{machine}/awsrunShellScript/0.awsrunShellScript"
    assert cloud.s3.get_object(Bucket=bucket, Key=f"{stem}/stdout")["Body"].read() == b"out\n"
    assert cloud.s3.get_object(Bucket=bucket, Key=f"{stem}/stderr")["Body"].read() == b"err\n"
    assert result["StandardOutputUrl"].endswith(f"{bucket}/{stem}/stdout")


def test_missing_bucket_does_not_fail_the_command(cloud: Cloud, machine: str) -> None:
    assert cloud.run(machine, "echo fine", OutputS3BucketName="no-such-bucket-here")["Status"] == "Success"


@pytest.mark.local_only
def test_endless_output_costs_little(cloud: Cloud, machine: str, bucket: str, server: LocalCloudServer) -> None:
    group = unique("/group")
    line = "x" * 999
    before = resident_bytes(server.pid)
    result = cloud.run(
        machine,
        f"yes {line} | head -c 100000000; yes | head -c 3000000 >&2; echo >&2 tail",
        OutputS3BucketName=bucket,
        **logging_to(group),
    )
    assert result["Status"] == "Success"
    stem = f"{result['CommandId']}/{machine}"
    stored = cloud.s3.get_object(Bucket=bucket, Key=f"{stem}/awsrunShellScript/0.awsrunShellScript/stdout")[
        "Body"
    ].read()
    notice = f"\n[localcloud: output cut after {STORED_LIMIT} bytes]\n".encode()
    assert stored.endswith(notice)
    assert len(stored) == STORED_LIMIT + len(notice)
    out = stream_messages(cloud, group, f"{stem}/aws-runShellScript/stdout")
    assert out[-1] == notice.decode().strip()
    assert sum(map(len, out)) < STORED_LIMIT + 1000
    err = stream_messages(cloud, group, f"{stem}/aws-runShellScript/stderr")
    assert (len(err), err[-1]) == (100_000, "[localcloud: log cut after 99999 lines]")
    assert resident_bytes(server.pid) - before < 200 << 20


def resident_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096
