"""Instances end, stop, start and reboot as on EC2, with EC2's reasons; user data runs on the first boot."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.support.cloud import Cloud, error_code, eventually


def test_user_data_runs_and_is_on_the_console(cloud: Cloud) -> None:
    instance_id = cloud.online(UserData="#!/bin/bash\nexec 2>&1\necho ready-${BASH_VERSION:+bash}\npwd\n")
    text = eventually(
        "console output",
        lambda: "ready-bash" in (out := cloud.ec2.get_console_output(InstanceId=instance_id).get("Output", "")) and out,
    )
    assert "ready-bash" in text


def test_user_data_that_is_no_script_is_reported_not_run(cloud: Cloud) -> None:
    instance_id = cloud.online(UserData="touch should-not-exist\n")
    assert "not executed" in cloud.ec2.get_console_output(InstanceId=instance_id)["Output"]
    assert cloud.output(instance_id, "ls") == ""


def test_terminate_passes_through_shutting_down(cloud: Cloud) -> None:
    instance_id = cloud.online()
    # Something that ignores SIGTERM keeps the machine shutting down for a moment.
    cloud.output(instance_id, "(trap '' TERM; while :; do sleep 0.05; done) >/dev/null 2>&1 & echo started")
    (change,) = cloud.ec2.terminate_instances(InstanceIds=[instance_id])["TerminatingInstances"]
    assert change["PreviousState"]["Name"] == "running"
    assert change["CurrentState"]["Name"] == "shutting-down"
    ended = cloud.wait_state(instance_id, "terminated")
    assert ended["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    assert ended["StateTransitionReason"].startswith("User initiated (")
    (again,) = cloud.ec2.terminate_instances(InstanceIds=[instance_id])["TerminatingInstances"]
    assert (again["PreviousState"]["Name"], again["CurrentState"]["Name"]) == ("terminated", "terminated")
    assert cloud.information(instance_id) is None


def test_pending_instance_can_be_terminated(cloud: Cloud) -> None:
    instance_id = cloud.launch()
    cloud.ec2.terminate_instances(InstanceIds=[instance_id])
    cloud.wait_state(instance_id, "terminated")


def test_unknown_instance_is_not_found(cloud: Cloud) -> None:
    for call in (cloud.ec2.terminate_instances, cloud.ec2.describe_instances):
        with pytest.raises(ClientError) as info:
            call(InstanceIds=["i-0123456789abcdef0"])
        assert error_code(info) == "InvalidInstanceID.NotFound"


def test_terminated_instance_cannot_be_stopped_or_started(cloud: Cloud) -> None:
    instance_id = cloud.launch()
    cloud.ec2.terminate_instances(InstanceIds=[instance_id])
    cloud.wait_state(instance_id, "terminated")
    for call in (cloud.ec2.stop_instances, cloud.ec2.start_instances):
        with pytest.raises(ClientError) as info:
            call(InstanceIds=[instance_id])
        assert error_code(info) == "IncorrectInstanceState"


@pytest.mark.parametrize("command", ["shutdown -h now", "poweroff", "shutdown -P +0", "systemctl poweroff"])
def test_shutdown_inside_terminates_where_asked(cloud: Cloud, command: str) -> None:
    instance_id = cloud.online(InstanceInitiatedShutdownBehavior="terminate")
    cloud.send(instance_id, command)
    ended = cloud.wait_state(instance_id, "terminated")
    assert ended["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"


def test_shutdown_inside_stops_by_default_and_disk_survives(cloud: Cloud) -> None:
    instance_id = cloud.online(UserData="#!/bin/sh\necho boot >>$HOME/boots\n")
    eventually("first boot", lambda: cloud.output(instance_id, "cat boots 2>/dev/null || true") == "boot\n")
    cloud.send(instance_id, "shutdown now")
    stopped = cloud.wait_state(instance_id, "stopped")
    assert stopped["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
    assert cloud.ping(instance_id) == "ConnectionLost"
    (change,) = cloud.ec2.start_instances(InstanceIds=[instance_id])["StartingInstances"]
    assert (change["PreviousState"]["Name"], change["CurrentState"]["Name"]) == ("stopped", "pending")
    cloud.wait_state(instance_id, "running")
    cloud.wait_online(instance_id)
    assert cloud.output(instance_id, "cat boots") == "boot\n"  # user data ran on the first boot alone


def test_stop_and_terminate_through_the_api(cloud: Cloud) -> None:
    instance_id = cloud.online()
    (change,) = cloud.ec2.stop_instances(InstanceIds=[instance_id])["StoppingInstances"]
    assert change["CurrentState"]["Name"] in ("stopping", "stopped")
    stopped = cloud.wait_state(instance_id, "stopped")
    assert stopped["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    cloud.ec2.terminate_instances(InstanceIds=[instance_id])
    assert cloud.state(instance_id) == "terminated"


def test_reboot_ends_processes_and_comes_back(cloud: Cloud) -> None:
    instance_id = cloud.online()
    before = cloud.output(instance_id, "sleep 60 >/dev/null 2>&1 & echo $!; echo kept >file")
    cloud.ec2.reboot_instances(InstanceIds=[instance_id])
    eventually("agent lost", lambda: cloud.ping(instance_id) == "ConnectionLost")
    cloud.wait_online(instance_id)
    assert cloud.state(instance_id) == "running"
    assert cloud.output(instance_id, f"cat file; kill -0 {before.strip()} 2>/dev/null || echo gone") == "kept\ngone\n"


def test_scheduled_shutdown_can_be_cancelled(cloud: Cloud, machine: str) -> None:
    result = cloud.run(machine, "shutdown -h +1 && shutdown -c && echo cancelled")
    assert result["StandardOutputContent"] == "cancelled\n"
    assert "scheduled in 60 seconds" in result["StandardErrorContent"]


@pytest.mark.parametrize("command", ["shutdown -r now", "reboot", "systemctl stop ssh", "shutdown 23:59"])
def test_what_a_machine_cannot_do_is_refused(cloud: Cloud, machine: str, command: str) -> None:
    result = cloud.run(machine, command)
    assert result["Status"] == "Failed"
    assert "not supported" in result["StandardErrorContent"] or "only poweroff" in result["StandardErrorContent"]
    assert cloud.state(machine) == "running"


def test_halt_does_not_end_the_instance(cloud: Cloud) -> None:
    instance_id = cloud.online(InstanceInitiatedShutdownBehavior="terminate")
    cloud.send(instance_id, "halt")
    eventually("agent lost", lambda: cloud.ping(instance_id) == "ConnectionLost")
    assert cloud.state(instance_id) == "running"
    cloud.ec2.terminate_instances(InstanceIds=[instance_id])
    ended = cloud.wait_state(instance_id, "terminated")
    assert ended["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
