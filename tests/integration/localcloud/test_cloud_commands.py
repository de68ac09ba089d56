"""Run Command: execution, limits, cancelling, what is refused, and what a dying instance leaves."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.support.cloud import Cloud, error_code, eventually, tags, unique


def test_command_succeeds_with_its_output(cloud: Cloud, machine: str) -> None:
    result = cloud.run(machine, "echo one", "echo two >&2", Comment="a comment")
    assert (result["Status"], result["StatusDetails"], result["ResponseCode"]) == ("Success", "Success", 0)
    assert (result["StandardOutputContent"], result["StandardErrorContent"]) == ("one\n", "two\n")
    assert result["Comment"] == "a comment"
    assert result["PluginName"] == "aws:runShellScript"
    assert result["ExecutionEndDateTime"]


@pytest.mark.parametrize(
    ("script", "code"), [("exit 3", 3), ("exit 255", 255), ("kill -9 $$", 137), ("no-such-command", 127)]
)
def test_exit_code_passes_through(cloud: Cloud, machine: str, script: str, code: int) -> None:
    result = cloud.run(machine, script)
    assert (result["Status"], result["ResponseCode"]) == ("Failed", code)


def test_output_is_empty_until_the_command_ends(cloud: Cloud, machine: str) -> None:
    flag = unique("flag")
    command_id = cloud.send(machine, f"echo early; while [ ! -e {flag} ]; do sleep 0.05; done; rm {flag}")
    running = eventually(
        "in progress", lambda: (i := cloud.invocation(command_id, machine))["Status"] == "InProgress" and i
    )
    assert (running["StandardOutputContent"], running["ResponseCode"]) == ("", -1)
    assert running["ExecutionEndDateTime"] == ""
    cloud.output(machine, f"touch {flag}")
    assert cloud.finished(command_id, machine)["StandardOutputContent"] == "early\n"


def test_output_is_cut_at_the_api_limits(cloud: Cloud, machine: str) -> None:
    result = cloud.run(machine, "yes abcdefg | head -c 50000; yes error | head -c 20000 >&2")
    assert len(result["StandardOutputContent"]) == 24_000
    assert len(result["StandardErrorContent"]) == 8_000


def test_script_has_the_semantics_of_a_file(cloud: Cloud, machine: str) -> None:
    lines = cloud.output(
        machine,
        "#!/bin/bash",
        'echo "${BASH_VERSION:+bash}"',
        "readlink /proc/self/fd/0",
        "stat -c %a $0",
    ).split("\n")
    assert lines[:3] == ["bash", "/dev/null", "700"]


def test_working_directory(cloud: Cloud, machine: str) -> None:
    result = cloud.run(machine, "pwd", Parameters={"workingDirectory": ["/usr"]})
    assert result["StandardOutputContent"] == "/usr\n"
    missing = cloud.run(machine, "pwd", Parameters={"workingDirectory": ["/no/such/folder"]})
    assert missing["Status"] == "Failed"
    assert "/no/such/folder" in missing["StandardErrorContent"]


def test_background_process_does_not_hold_the_command(cloud: Cloud, machine: str) -> None:
    result = cloud.run(machine, "sleep 60 & echo $!")
    assert result["Status"] == "Success"
    cloud.output(machine, f"kill {result['StandardOutputContent'].strip()}")


def test_execution_timeout_kills_the_command(cloud: Cloud, machine: str) -> None:
    mark = unique("mark")
    result = cloud.run(machine, f"echo before; sh -c 'sleep 300; : {mark}' ", Parameters={"executionTimeout": ["1"]})
    assert (result["Status"], result["ResponseCode"]) == ("TimedOut", 137)
    assert result["StatusDetails"] == "Execution Timed Out"
    assert result["StandardOutputContent"] == "before\n"
    assert cloud.output(machine, f"pgrep -f '[:] {mark}' || echo none") == "none\n"


def test_cancel_kills_the_command(cloud: Cloud, machine: str) -> None:
    command_id = cloud.send(machine, "sleep 300")
    cloud.ssm.cancel_command(CommandId=command_id)
    result = cloud.finished(command_id, machine)
    assert (result["Status"], result["StatusDetails"], result["ResponseCode"]) == ("Cancelled", "Cancelled", 137)
    cloud.ssm.cancel_command(CommandId=command_id)  # no error afterwards
    assert cloud.invocation(command_id, machine)["Status"] == "Cancelled"


def test_commands_run_side_by_side(cloud: Cloud, machine: str) -> None:
    flag = unique("flag")
    waiting = cloud.send(machine, f"while [ ! -e {flag} ]; do sleep 0.05; done; rm {flag}")
    cloud.output(machine, f"touch {flag}")
    assert cloud.finished(waiting, machine)["Status"] == "Success"


def test_one_command_on_several_instances(cloud: Cloud, machine: str) -> None:
    group = unique("group")
    ids = [cloud.launch(TagSpecifications=[tags("instance", Group=group)]) for _ in range(2)]
    for instance_id in ids:
        cloud.wait_online(instance_id)
    command = cloud.ssm.send_command(
        Targets=[{"Key": "tag:Group", "Values": [group]}],
        DocumentName="AWS-RunShellScript",
        Parameters={"commands": ["echo $INSTANCE_ID"]},
    )["Command"]
    assert command["TargetCount"] == 2
    outputs = {cloud.finished(command["CommandId"], i)["StandardOutputContent"].strip() for i in ids}
    assert outputs == set(ids)
    with pytest.raises(ClientError) as info:
        cloud.invocation(command["CommandId"], machine)
    assert error_code(info) == "InvocationDoesNotExist"


def test_instance_that_dies_leaves_its_command_in_progress(cloud: Cloud) -> None:
    instance_id = cloud.online()
    command_id = cloud.send(instance_id, "sleep 300")
    eventually("in progress", lambda: cloud.invocation(command_id, instance_id)["Status"] == "InProgress")
    cloud.ec2.terminate_instances(InstanceIds=[instance_id])
    cloud.wait_state(instance_id, "terminated")
    assert cloud.invocation(command_id, instance_id)["Status"] == "InProgress"


def test_finished_output_is_served_after_the_instance_is_gone(cloud: Cloud) -> None:
    instance_id = cloud.online()
    command_id = cloud.send(instance_id, "echo kept")
    cloud.finished(command_id, instance_id)
    cloud.ec2.terminate_instances(InstanceIds=[instance_id])
    cloud.wait_state(instance_id, "terminated")
    assert cloud.invocation(command_id, instance_id)["StandardOutputContent"] == "kept\n"


def test_instance_that_is_not_online_is_refused(cloud: Cloud) -> None:
    stopped = cloud.online()
    cloud.ec2.stop_instances(InstanceIds=[stopped])
    pending = cloud.launch()
    for instance_id in (stopped, pending, "i-0123456789abcdef0"):
        with pytest.raises(ClientError) as info:
            cloud.send(instance_id, "true")
        assert error_code(info) == "InvalidInstanceId"
        assert instance_id in str(info.value)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"Comment": "x" * 101}, "ValidationException"),
        ({"TimeoutSeconds": 2_592_001}, "ValidationException"),
        ({"InstanceIds": [f"i-{n:017x}" for n in range(51)]}, "ValidationException"),
        ({"InstanceIds": []}, "ValidationException"),
        ({"Parameters": {"commands": ["true"], "executionTimeout": ["172801"]}}, "InvalidParameters"),
        ({"Parameters": {"commands": ["true"], "executionTimeout": ["soon"]}}, "InvalidParameters"),
        ({"Parameters": {"commands": ["true"], "nonsense": ["1"]}}, "InvalidParameters"),
        ({"Parameters": {}}, "InvalidParameters"),
        ({"Parameters": {"commands": ["x" * 64 * 1024, "y"]}}, "MaxDocumentSizeExceeded"),
        ({"DocumentName": "AWS-NoSuchDocument"}, "InvalidDocument"),
    ],
)
def test_wrong_arguments_are_refused(cloud: Cloud, machine: str, arguments: dict, code: str) -> None:
    call = {
        "InstanceIds": [machine],
        "DocumentName": "AWS-RunShellScript",
        "Parameters": {"commands": ["true"]},
        **arguments,
    }
    with pytest.raises(ClientError) as info:
        cloud.ssm.send_command(**call)
    assert error_code(info) == code


def test_unknown_command_is_refused(cloud: Cloud, machine: str) -> None:
    unknown = "00000000-0000-0000-0000-000000000000"
    with pytest.raises(ClientError) as info:
        cloud.invocation(unknown, machine)
    assert error_code(info) == "InvocationDoesNotExist"
    with pytest.raises(ClientError) as info:
        cloud.ssm.cancel_command(CommandId=unknown)
    assert error_code(info) == "InvalidCommandId"
