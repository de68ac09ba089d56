"""When user data runs, and what it finds."""

from __future__ import annotations

from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

from tests.support.cloud import Cloud, eventually

HOOK = "#cloud-boothook\n#!/bin/sh\necho hook >>$HOME/boots\n"


def boots(cloud: Cloud, instance_id: str) -> str:
    return cloud.output(instance_id, "cat boots 2>/dev/null || true")


def test_boothook_runs_at_every_boot(cloud: Cloud) -> None:
    instance_id = cloud.online(UserData=HOOK)
    eventually("first boot", lambda: boots(cloud, instance_id) == "hook\n")
    cloud.ec2.reboot_instances(InstanceIds=[instance_id])
    eventually("agent lost", lambda: cloud.ping(instance_id) == "ConnectionLost")
    cloud.wait_online(instance_id)
    eventually("reboot", lambda: boots(cloud, instance_id) == "hook\n" * 2)
    cloud.ec2.stop_instances(InstanceIds=[instance_id])
    cloud.wait_state(instance_id, "stopped")
    cloud.ec2.start_instances(InstanceIds=[instance_id])
    cloud.wait_state(instance_id, "running")
    cloud.wait_online(instance_id)
    eventually("start", lambda: boots(cloud, instance_id) == "hook\n" * 3)


def test_boothook_and_script_in_one(cloud: Cloud) -> None:
    message = MIMEMultipart()
    message.attach(MIMEText("#!/bin/sh\necho script >>$HOME/boots\n", "x-shellscript"))
    message.attach(MIMEText("#!/bin/sh\necho hook >>$HOME/boots\n", "cloud-boothook"))
    instance_id = cloud.online(UserData=message.as_string())
    eventually("first boot", lambda: boots(cloud, instance_id) == "hook\nscript\n")
    cloud.ec2.reboot_instances(InstanceIds=[instance_id])
    eventually("agent lost", lambda: cloud.ping(instance_id) == "ConnectionLost")
    cloud.wait_online(instance_id)
    eventually("reboot", lambda: boots(cloud, instance_id) == "hook\nscript\nhook\n")


def test_service_manager_is_out_of_reach(cloud: Cloud) -> None:
    script = "#!/bin/sh\ncommand -v systemd-run\nsystemd-run --on-active=1 true\necho exit $?\n"
    instance_id = cloud.online(UserData=script)
    text = eventually(
        "console output",
        lambda: "exit" in (out := cloud.ec2.get_console_output(InstanceId=instance_id).get("Output", "")) and out,
    )
    where, said, code = text.split("\n")[:3]
    assert where.endswith(f"/{instance_id}/bin/systemd-run")
    assert "not available in a box" in said
    assert code == "exit 1"
