"""Lambda functions for tests: code from text, zipped, and created with a role of their own."""

from __future__ import annotations

import io
import json
import textwrap
import zipfile
from typing import Any

from tests.support.cloud import unique
from tests.support.localcloud_server import LocalCloudServer


def zipped(**sources: str) -> bytes:
    """A zip of Python modules, by name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in sources.items():
            archive.writestr(f"{name}.py", textwrap.dedent(text))
    return buffer.getvalue()


def make_role(server: LocalCloudServer) -> str:
    """A role that services may take; returns its ARN."""
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
    role = server.client("iam").create_role(RoleName=unique("role"), AssumeRolePolicyDocument=json.dumps(policy))
    return str(role["Role"]["Arn"])


def make_function(server: LocalCloudServer, source: str, **options: Any) -> str:
    """A function whose `handler(event, context)` is in this text; returns its ARN."""
    created = server.client("lambda").create_function(
        **{
            "FunctionName": unique("function"),
            "Role": make_role(server),
            "Runtime": "python3.12",
            "Handler": "main.handler",
            "Code": {"ZipFile": zipped(main=source)},
            "Timeout": 20,
            **options,
        }
    )
    return str(created["FunctionArn"])


def log_lines(server: LocalCloudServer, function_arn: str) -> list[str]:
    """What a function has printed so far."""
    logs = server.client("logs")
    name = f"/aws/lambda/{function_arn.split(':')[6]}"
    if not logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]:
        return []
    return [event["message"] for event in logs.filter_log_events(logGroupName=name)["events"]]
