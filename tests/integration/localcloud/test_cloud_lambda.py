"""Functions that run: answers, errors, limits, environment, logs."""

from __future__ import annotations

import base64
import json
import os
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.cloud import Cloud, error_code, eventually, processes_with
from tests.support.functions import log_lines, make_function, make_role, zipped
from tests.support.localcloud_server import LocalCloudServer

pytestmark = pytest.mark.local_only


def invoke(server: LocalCloudServer, arn: str, event: Any = None, **options: Any) -> tuple[Any, str | None, Any]:
    """Returns the payload, FunctionError and the whole answer."""
    answer = server.client("lambda").invoke(FunctionName=arn, Payload=json.dumps(event or {}).encode(), **options)
    text = answer["Payload"].read()
    return json.loads(text) if text else None, answer.get("FunctionError"), answer


def test_handler_gets_event_context_and_environment(server: LocalCloudServer) -> None:
    arn = make_function(
        server,
        """
        import os
        def handler(event, context):
            return {
                "event": event, "environment": dict(os.environ), "name": context.function_name,
                "request": context.aws_request_id, "memory": context.memory_limit_in_mb,
                "left": context.get_remaining_time_in_millis(),
            }
        """,
        Environment={"Variables": {"STAGE": "test", "AWS_REGION": "mars-1"}},
        MemorySize=256,
    )
    seen, error, answer = invoke(server, arn, {"a": [1]})
    assert (error, answer["StatusCode"], seen["event"]) == (None, 200, {"a": [1]})
    assert seen["name"] == arn.split(":")[6]
    assert (len(seen["request"]), seen["memory"]) == (36, "256")
    assert 0 < seen["left"] <= 20_000
    environment = seen["environment"]
    assert (environment["STAGE"], environment["AWS_REGION"]) == ("test", "us-east-1")
    assert environment["AWS_ENDPOINT_URL"] == server.endpoint_url
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == seen["name"]
    assert "SOME_SECRET" not in environment
    assert environment["HOME"] != os.environ.get("HOME")


def test_function_acts_on_the_cloud(server: LocalCloudServer, cloud: Cloud) -> None:
    instance_id = cloud.launch()
    arn = make_function(
        server,
        """
        import boto3
        def handler(event, context):
            boto3.client("ec2").terminate_instances(InstanceIds=[event["id"]])
        """,
    )
    assert invoke(server, arn, {"id": instance_id})[:2] == (None, None)
    cloud.wait_state(instance_id, "terminated")


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ("def handler(event, context):\n    raise ValueError('it is broken')", "ValueError", "it is broken"),
        ("import nowhere", "Runtime.ImportModuleError", "Unable to import module 'main': No module named 'nowhere'"),
        ("def other(event, context): ...", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'main'"),
        ("def handler(event, context):\n    return {1, 2}", "Runtime.MarshalError", "Unable to marshal response"),
        ("def handler(event, context):\n    import os; os._exit(3)", "Runtime.ExitError", "exit status 3"),
        ("def handler(event, context) return", "Runtime.UserCodeSyntaxError", "Syntax error in module 'main'"),
    ],
)
def test_errors_have_lambdas_shape(server: LocalCloudServer, source: str, kind: str, message: str) -> None:
    payload, error, answer = invoke(server, make_function(server, source))
    assert (error, answer["StatusCode"], payload["errorType"]) == ("Unhandled", 200, kind)
    assert message in payload["errorMessage"]


def test_time_limit_ends_the_function_and_what_it_started(server: LocalCloudServer) -> None:
    mark = f"304.{time.time_ns() % 10**9}"
    arn = make_function(
        server,
        """
        import subprocess, time
        def handler(event, context):
            print("child", subprocess.Popen(["sleep", event]).args)
            time.sleep(300)
        """,
        Timeout=2,
    )
    payload, error, _ = invoke(server, arn, mark)
    assert (error, payload["errorType"]) == ("Unhandled", "Sandbox.Timedout")
    assert "Task timed out after 2.00 seconds" in payload["errorMessage"]
    lines = eventually("its log", lambda: log_lines(server, arn))
    assert any("Task timed out" in line for line in lines)
    assert any(line.startswith("child") and mark in line for line in lines)
    eventually("child ended", lambda: not processes_with(mark))


def test_output_goes_to_the_log_group_and_the_tail(server: LocalCloudServer) -> None:
    arn = make_function(
        server,
        """
        import sys
        def handler(event, context):
            print("to stdout"); print("to stderr", file=sys.stderr)
        """,
    )
    _, _, answer = invoke(server, arn, LogType="Tail")
    lines = log_lines(server, arn)
    assert lines[0].startswith("START RequestId: ")
    assert {"to stdout", "to stderr"} <= set(lines)
    assert any(line.startswith("REPORT RequestId: ") for line in lines)
    assert b"to stdout" in base64.b64decode(answer["LogResult"])


def test_asynchronous_invocations_are_repeated_twice(server: LocalCloudServer) -> None:
    arn = make_function(server, "def handler(event, context):\n    print('try'); raise ValueError('no')")
    payload, _, answer = invoke(server, arn, InvocationType="Event")
    assert (payload, answer["StatusCode"]) == (None, 202)
    eventually("three attempts", lambda: log_lines(server, arn).count("try") == 3)


def test_code_and_configuration_are_updated(server: LocalCloudServer) -> None:
    client = server.client("lambda")
    arn = make_function(server, "def handler(event, context): return 1")
    assert invoke(server, arn)[0] == 1
    client.update_function_code(
        FunctionName=arn, ZipFile=zipped(other="import os\ndef run(event, context): return os.environ['N']")
    )
    client.update_function_configuration(
        FunctionName=arn, Handler="other.run", Timeout=5, Environment={"Variables": {"N": "two"}}
    )
    assert invoke(server, arn)[0] == "two"
    name = arn.split(":")[6]
    assert client.get_function(FunctionName=name)["Configuration"]["Timeout"] == 5
    assert name in {entry["FunctionName"] for entry in client.list_functions()["Functions"]}
    client.add_permission(
        FunctionName=name, StatementId="events", Action="lambda:InvokeFunction", Principal="events.amazonaws.com"
    )
    assert "events.amazonaws.com" in client.get_policy(FunctionName=name)["Policy"]
    client.delete_function(FunctionName=name)
    with pytest.raises(ClientError) as info:
        client.get_function(FunctionName=name)
    assert error_code(info) == "ResourceNotFoundException"


def test_what_cannot_run_is_refused(server: LocalCloudServer) -> None:
    arguments = {"FunctionName": "broken", "Role": make_role(server), "Handler": "main.handler"}
    with pytest.raises(ClientError) as info:
        server.client("lambda").create_function(**arguments, Runtime="python3.12", Code={"ZipFile": b"no zip"})
    assert error_code(info) == "InvalidParameterValueException"
    with pytest.raises(ClientError) as info:
        server.client("lambda").create_function(
            **arguments, Runtime="nodejs20.x", Code={"ZipFile": zipped(main="x = 1")}
        )
    assert "Python" in str(info.value)
