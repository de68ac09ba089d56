"""The guest timer in a box: every boot, leases, and why it is `poweroff`."""

from __future__ import annotations

import math
import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest

from janitor.domain.reap.reaping import LONGEST_LEASE
from janitor.services.ending.guest_timer import extension_script, guest_user_data, while_busy
from tests.support.cloud import Cloud, eventually
from tests.support.killers import guest_timer_processes
from tests.support.localcloud_server import LocalCloudServer

GUEST_SHUTDOWN = "Client.InstanceInitiatedShutdown"


@pytest.fixture
def guests(killers_cloud: LocalCloudServer) -> Iterator[Cloud]:
    cloud = Cloud.of(killers_cloud)
    yield cloud
    cloud.terminate_launched()


def in_seconds(seconds: float) -> datetime:
    return datetime.now(timezone.utc) + timedelta(seconds=seconds)


def launch(cloud: Cloud, user_data: str) -> str:
    return cloud.online(UserData=user_data, InstanceInitiatedShutdownBehavior="terminate")


def assert_powered_itself_off(cloud: Cloud, instance_id: str, at: datetime) -> None:
    ended = cloud.wait_state(instance_id, "terminated")
    assert ended["StateReason"]["Code"] == GUEST_SHUTDOWN
    late = datetime.now(timezone.utc) - at
    assert timedelta(seconds=-1) < late < timedelta(seconds=30), f"{late} after its instant"


def test_it_powers_off_at_its_instant(guests: Cloud) -> None:
    at = in_seconds(4)
    instance_id = launch(guests, guest_user_data(at))
    assert_powered_itself_off(guests, instance_id, at)


def test_it_survives_a_reboot(guests: Cloud) -> None:
    at = in_seconds(8)
    instance_id = launch(guests, guest_user_data(at))
    before = eventually("its loop", lambda: guest_timer_processes(instance_id))
    guests.ec2.reboot_instances(InstanceIds=[instance_id])
    eventually("another loop", lambda: set(guest_timer_processes(instance_id)) - set(before))
    assert not set(before) & set(guest_timer_processes(instance_id))
    assert_powered_itself_off(guests, instance_id, at)


def test_a_boot_after_the_instant_ends_at_once(guests: Cloud) -> None:
    at = in_seconds(-60)
    instance_id = guests.launch(UserData=guest_user_data(at), InstanceInitiatedShutdownBehavior="terminate")
    eventually("the end", lambda: guests.state(instance_id) == "terminated", 5)


def test_halt_would_not_do(guests: Cloud) -> None:
    """`halt` stops the system; EC2 goes on calling the instance running, and it goes on costing."""
    at = in_seconds(3)
    halting = guest_user_data(at).replace("command -v poweroff", "command -v halt")
    instance_id = launch(guests, halting)
    eventually("the halt", lambda: guests.ping(instance_id) == "ConnectionLost")
    assert guest_timer_processes(instance_id) == []
    assert guests.state(instance_id) == "running"


def test_a_lease_puts_it_off(guests: Cloud) -> None:
    at, later = in_seconds(5), in_seconds(9)
    instance_id = launch(guests, guest_user_data(at))
    assert "powers itself off" in guests.output(instance_id, extension_script(later))
    assert_powered_itself_off(guests, instance_id, later)


def test_an_earlier_instant_or_rubbish_in_the_file_changes_nothing(guests: Cloud) -> None:
    at = in_seconds(7)
    instance_id = launch(guests, guest_user_data(at))
    guests.output(instance_id, extension_script(in_seconds(-60)))
    guests.output(instance_id, "printf 'tomorrow\\n99999999999999999999' >$HOME/.janitor-power-off-at")
    assert_powered_itself_off(guests, instance_id, at)


def test_what_the_instance_itself_writes_keeps_it_for_no_longer_than_a_lease_may(guests: Cloud) -> None:
    at = in_seconds(3600)
    instance_id = launch(guests, guest_user_data(at))
    guests.output(instance_id, "echo 99999999999 >$HOME/.janitor-power-off-at")
    guests.ec2.reboot_instances(InstanceIds=[instance_id])
    latest = math.ceil(at.timestamp()) + int(LONGEST_LEASE.total_seconds())

    def said() -> bool:
        printed = guests.ec2.get_console_output(InstanceId=instance_id)["Output"]
        assert "99999999999" not in printed
        return f"powers itself off at {latest} " in printed

    eventually("the bound", said)


def test_a_lease_holds_over_a_reboot(guests: Cloud) -> None:
    at, later = in_seconds(4), in_seconds(9)
    instance_id = launch(guests, guest_user_data(at))
    guests.output(instance_id, extension_script(later))
    guests.ec2.reboot_instances(InstanceIds=[instance_id])
    assert_powered_itself_off(guests, instance_id, later)


def test_the_same_instant_is_the_same_text() -> None:
    """A launch that is repeated must come with the same parameters."""
    at = in_seconds(60)
    elsewhere = at.astimezone(timezone(timedelta(hours=5)))
    assert guest_user_data(at) == guest_user_data(elsewhere)
    assert guest_user_data(at) != guest_user_data(at + timedelta(seconds=1))
    with pytest.raises(ValueError, match="no time zone"):
        guest_user_data(at.replace(tzinfo=None))


def test_it_runs_at_every_boot_and_fits() -> None:
    text = guest_user_data(in_seconds(60))
    assert text.startswith("#cloud-boothook\n#!/bin/sh\n")
    assert len(text.encode()) < 16 * 1024  # EC2's limit for user data


@pytest.mark.parametrize("shell", ["sh", "bash", "dash"])
@pytest.mark.parametrize("script", [guest_user_data(in_seconds(60)), extension_script(in_seconds(60))])
def test_shells_can_parse_it(shell: str, script: str) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"no {shell} here")
    subprocess.run([program, "-n"], input=script, text=True, check=True, timeout=120)


@pytest.mark.parametrize(
    "script",
    # cloud-init takes the first line off a boothook.
    [guest_user_data(in_seconds(60)).removeprefix("#cloud-boothook\n"), extension_script(in_seconds(60))],
)
def test_shellcheck_finds_nothing(script: str) -> None:
    program = shutil.which("shellcheck")
    if program is None:
        pytest.skip("no shellcheck here")
    checked = subprocess.run(
        [program, "--shell=sh", "-"], input=script, text=True, capture_output=True, timeout=30, check=False
    )
    assert checked.stdout == ""


def test_an_idle_instance_powers_itself_off_soon_after_its_last_command(guests: Cloud) -> None:
    instance_id = launch(guests, guest_user_data(in_seconds(600), idle_limit=timedelta(seconds=3)))
    ended = guests.run(instance_id, while_busy("sleep 6; (exit 7)\n", timedelta(seconds=60)))
    assert (ended["Status"], ended["ResponseCode"]) == ("Failed", 7)
    assert_powered_itself_off(guests, instance_id, in_seconds(3))


def test_a_command_that_was_killed_leaves_the_instance_idle_at_its_limit(guests: Cloud) -> None:
    instance_id = launch(guests, guest_user_data(in_seconds(600), idle_limit=timedelta(seconds=1)))
    command_id = guests.send(instance_id, while_busy("sleep 300\n", timedelta(seconds=5)))
    # What is cancelled before it has begun says nothing to anybody.
    eventually("its word", lambda: guests.output(instance_id, 'cat "$HOME/.janitor-busy-until" || true').strip())
    at = in_seconds(5)
    guests.ssm.cancel_command(CommandId=command_id)
    assert_powered_itself_off(guests, instance_id, at)


def test_a_lease_keeps_an_idle_instance(guests: Cloud) -> None:
    instance_id = launch(guests, guest_user_data(in_seconds(600), idle_limit=timedelta(seconds=1)))
    guests.run(instance_id, extension_script(in_seconds(900)))
    guests.run(instance_id, while_busy("true\n", timedelta(seconds=1)))
    assert guests.run(instance_id, "sleep 4")["Status"] == "Success"
    assert guests.state(instance_id) == "running"


def test_the_texts_stay_within_what_ec2_takes() -> None:
    """Source: EC2 user guide, 16 KB before it is base64-encoded."""
    assert len(guest_user_data(in_seconds(1), idle_limit=timedelta(minutes=4))) < 16_384
