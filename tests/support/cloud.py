"""What tests do with a cloud again and again, over plain boto3 clients: launch, wait, run commands, read results."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.localcloud_server import LocalCloudServer

IMAGE_ID = "ami-0123456789abcdef0"
INSTANCE_TYPE = "g5.xlarge"
WAIT_SECONDS = 120.0
POLL_SECONDS = 0.05
OPEN_STATUSES = ("Pending", "InProgress", "Delayed", "Cancelling")


def eventually(what: str, probe: Callable[[], Any], seconds: float = WAIT_SECONDS) -> Any:
    """Poll until `probe` returns something true, and return it."""
    deadline = time.monotonic() + seconds
    while True:
        found = probe()
        if found:
            return found
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s, last: {found!r}"
        time.sleep(POLL_SECONDS)


@dataclass
class Cloud:
    """Clients of one cloud, and the few steps that most tests take."""

    ec2: Any
    ssm: Any
    s3: Any
    logs: Any
    iam: Any
    launched: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, server: LocalCloudServer) -> Cloud:
        return cls(*(server.client(name) for name in ("ec2", "ssm", "s3", "logs", "iam")))

    def launch(self, **arguments: Any) -> str:
        """Run one instance; it is terminated after the test."""
        defaults = {"ImageId": IMAGE_ID, "InstanceType": INSTANCE_TYPE, "MinCount": 1, "MaxCount": 1}
        if "LaunchTemplate" in arguments:
            defaults = {"MinCount": 1, "MaxCount": 1}
        (instance,) = self.ec2.run_instances(**{**defaults, **arguments})["Instances"]
        self.launched.append(instance["InstanceId"])
        return str(instance["InstanceId"])

    def online(self, **arguments: Any) -> str:
        """Run one instance and wait for its agent."""
        instance_id = self.launch(**arguments)
        self.wait_online(instance_id)
        return instance_id

    def describe(self, instance_id: str) -> dict[str, Any]:
        reservations = self.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"]
        return dict(reservations[0]["Instances"][0])

    def state(self, instance_id: str) -> str:
        return str(self.describe(instance_id)["State"]["Name"])

    def wait_state(self, instance_id: str, state: str) -> dict[str, Any]:
        eventually(f"{instance_id} {state}", lambda: self.state(instance_id) == state)
        return self.describe(instance_id)

    def information(self, instance_id: str) -> dict[str, Any] | None:
        found = self.ssm.describe_instance_information(Filters=[{"Key": "InstanceIds", "Values": [instance_id]}])
        return next(iter(found["InstanceInformationList"]), None)

    def ping(self, instance_id: str) -> str | None:
        information = self.information(instance_id)
        return str(information["PingStatus"]) if information else None

    def wait_online(self, instance_id: str) -> None:
        eventually(f"{instance_id} online", lambda: self.ping(instance_id) == "Online")

    def send(self, instance_id: str, *commands: str, **arguments: Any) -> str:
        """Send a shell command; returns its id."""
        parameters = {"commands": list(commands), **arguments.pop("Parameters", {})}
        command = self.ssm.send_command(
            InstanceIds=[instance_id], DocumentName="AWS-RunShellScript", Parameters=parameters, **arguments
        )
        return str(command["Command"]["CommandId"])

    def invocation(self, command_id: str, instance_id: str) -> dict[str, Any]:
        return dict(self.ssm.get_command_invocation(CommandId=command_id, InstanceId=instance_id))

    def finished(self, command_id: str, instance_id: str) -> dict[str, Any]:
        """Wait for a command's end."""

        def ended() -> dict[str, Any] | None:
            found = self.invocation(command_id, instance_id)
            return None if found["Status"] in OPEN_STATUSES else found

        return dict(eventually(f"command {command_id}", ended))

    def run(self, instance_id: str, *commands: str, **arguments: Any) -> dict[str, Any]:
        """Run a shell command to its end."""
        return self.finished(self.send(instance_id, *commands, **arguments), instance_id)

    def output(self, instance_id: str, *commands: str) -> str:
        """What a shell command that succeeds prints."""
        result = self.run(instance_id, *commands)
        assert result["Status"] == "Success", result
        return str(result["StandardOutputContent"])

    def terminate_launched(self) -> None:
        if self.launched:
            self.ec2.terminate_instances(InstanceIds=self.launched)
            self.launched.clear()


def unique(stem: str) -> str:
    """A name that no other test uses."""
    return f"{stem}-{uuid.uuid4().hex[:12]}"


def tags(resource: str, **values: str) -> dict[str, Any]:
    """A tag specification."""
    return {"ResourceType": resource, "Tags": [{"Key": key, "Value": value} for key, value in values.items()]}


def tag_values(instance: dict[str, Any]) -> dict[str, str]:
    """An instance's tags as a dictionary."""
    return {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}


def error_code(info: pytest.ExceptionInfo[Any]) -> str:
    """The AWS error code of a ClientError."""
    return str(info.value.response["Error"]["Code"])


def processes_with(mark: str) -> list[int]:
    """Processes of this machine whose command line or environment holds a text."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            except OSError:
                continue
            if mark.encode() in text:
                found.append(int(entry.name))
    return found
