"""Systems Manager's actions: SendCommand and all that asks about commands and managed instances.

moto executes nothing and lacks half of these. An instance needs no instance profile here to be managed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.models.instances import Instance
from moto.ssm.responses import SimpleSystemManagerResponse

from localcloud.ec2.instances import InstanceFleet
from localcloud.ec2.machines import Machine
from localcloud.faults.in_force import FaultBook
from localcloud.faults.rules import Lagging
from localcloud.machine_states import AgentStatus, MachineState
from localcloud.moto_pin import add_attribute, replace_attribute
from localcloud.settings import ACCOUNT_ID
from localcloud.ssm.commands import PLUGIN, Command, CommandBook, Invocation, now
from localcloud.ssm.request import DOCUMENT, CommandRequest, SsmError

PAGE_SIZE = 50
LISTED_OUTPUT_CHARACTERS = 2_500
"""Source: botocore's service model of SSM, CommandPlugin.Output."""
PING = {AgentStatus.ONLINE: "Online", AgentStatus.LOST: "ConnectionLost"}


class RunCommand:
    """The actions, over the fleet's machines."""

    def __init__(self, fleet: InstanceFleet, faults: FaultBook) -> None:
        self._fleet = fleet
        self._faults = faults
        self._book = CommandBook()

    def send_command(self, body: Mapping[str, Any], region: str) -> dict[str, Any]:
        request = CommandRequest.parse(body)
        machines = [self._online(i, region) for i in request.instance_ids] or self._targeted(request.targets, region)
        command = Command(request, machines, region)
        _write_scripts(command)
        self._book.add(command)
        for invocation in command.invocations.values():
            invocation.start()
        return {"Command": {**_command(command), "Status": "Pending", "StatusDetails": "Pending"}}

    def get_command_invocation(self, body: Mapping[str, Any], region: str) -> dict[str, Any]:
        command = self._book.get(body.get("CommandId") or "")
        invocation = command.invocations.get(body.get("InstanceId") or "") if command else None
        lag = self._faults.lag(Lagging.COMMAND)
        if invocation is not None and invocation.as_it_was(self._faults.lag(Lagging.COMMAND_LIST)) is None:
            invocation = None  # so young that the list doesn't show it either
        if invocation is not None:
            invocation = invocation.as_it_was(lag)
        if command is None or invocation is None or command.region != region:
            raise SsmError("InvocationDoesNotExist", "")
        if body.get("PluginName") not in (None, PLUGIN):
            raise SsmError("InvalidPluginName", "The plugin name is not valid.")
        return invocation.describe()

    def list_commands(self, body: Mapping[str, Any], region: str) -> dict[str, Any]:
        wanted = [
            _command(command)
            for command in self._book.newest_first(region)
            if body.get("CommandId") in (None, command.command_id)
            and (body.get("InstanceId") is None or body["InstanceId"] in command.invocations)
            and _passes(body.get("Filters"), command.requested_at, command.status.value)
        ]
        return _page("Commands", wanted, body)

    def list_command_invocations(self, body: Mapping[str, Any], region: str) -> dict[str, Any]:
        lag = self._faults.lag(Lagging.COMMAND_LIST)
        wanted = [
            _invocation(invocation, details=bool(body.get("Details")))
            for command in self._book.newest_first(region)
            for invocation in filter(None, (latest.as_it_was(lag) for latest in command.invocations.values()))
            if body.get("CommandId") in (None, command.command_id)
            and body.get("InstanceId") in (None, invocation.instance_id)
            and _passes(body.get("Filters"), invocation.requested_at, invocation.status.value)
        ]
        return _page("CommandInvocations", wanted, body)

    def cancel_command(self, body: Mapping[str, Any], region: str) -> dict[str, Any]:
        command = self._book.get(body.get("CommandId") or "")
        if command is None or command.region != region:
            raise SsmError("InvalidCommandId", "")
        ids = body.get("InstanceIds") or list(command.invocations)
        for instance_id in ids:
            if instance_id not in command.invocations:
                raise SsmError("InvalidInstanceId", f"Command {command.command_id} was not sent to {instance_id}")
        for instance_id in ids:
            command.invocations[instance_id].cancel()
        return {}

    def describe_instance_information(self, body: Mapping[str, Any], region: str) -> dict[str, Any]:
        filters = [(f["Key"], f["Values"]) for f in body.get("Filters") or []]
        filters += [(f["key"], f["valueSet"]) for f in body.get("InstanceInformationFilterList") or []]
        tests = [_information_test(key, values) for key, values in filters]
        found = [
            _information(machine, instance)
            for machine, instance in self._managed(region)
            if all(test(machine, instance) for test in tests)
        ]
        return _page("InstanceInformationList", found, body)

    def _managed(self, region: str) -> Iterator[tuple[Machine, Instance]]:
        for machine, instance in self._fleet:
            known = machine.agent is not AgentStatus.NEVER and machine.state is not MachineState.TERMINATED
            if known and instance.region_name == region:
                yield machine, instance

    def _online(self, instance_id: str, region: str) -> Machine:
        for machine, _ in self._managed(region):
            if machine.instance_id == instance_id and machine.agent is AgentStatus.ONLINE:
                return machine
        raise SsmError(
            "InvalidInstanceId", f"Instances [[{instance_id}]] not in a valid state for account {ACCOUNT_ID}"
        )

    def _targeted(self, targets: Sequence[Mapping[str, Any]], region: str) -> list[Machine]:
        tests = [_information_test(target["Key"], target["Values"]) for target in targets]
        return [
            machine
            for machine, instance in self._managed(region)
            if machine.agent is AgentStatus.ONLINE and all(test(machine, instance) for test in tests)
        ]


def _write_scripts(command: Command) -> None:
    """Before anything is remembered: a command that is refused leaves nothing. Raises SsmError."""
    try:
        for invocation in command.invocations.values():
            invocation.write()
    except OSError as exc:
        for invocation in command.invocations.values():
            invocation.discard()
        raise SsmError("InternalServerError", f"The command's script could not be written: {exc.strerror}") from exc


def _information_test(key: str, values: Sequence[str]) -> Callable[[Machine, Instance], bool]:
    if key in ("InstanceIds", "instanceids"):
        return lambda machine, _: machine.instance_id in values
    if key == "PingStatus":
        return lambda machine, _: PING[machine.agent] in values
    if key == "tag-key":
        return lambda _, instance: any(tag["key"] in values for tag in instance.get_tags())
    if key.startswith("tag:"):
        name = key[len("tag:") :]
        return lambda _, instance: any(tag["key"] == name and tag["value"] in values for tag in instance.get_tags())
    if key in ("PlatformTypes", "ResourceType"):
        own = {"PlatformTypes": "Linux", "ResourceType": "EC2Instance"}[key]
        return lambda *_: own in values
    raise SsmError("InvalidFilterKey", f"The local cloud has no filter {key}")


def _information(machine: Machine, instance: Instance) -> dict[str, Any]:
    return {
        "InstanceId": machine.instance_id,
        "PingStatus": PING[machine.agent],
        "LastPingDateTime": now(),
        "AgentVersion": "3.3.0.0",
        "IsLatestVersion": True,
        "PlatformType": "Linux",
        "PlatformName": "Local cloud box",
        "PlatformVersion": "1",
        "ResourceType": "EC2Instance",
        "IPAddress": instance.private_ip,
        "ComputerName": instance.private_dns_name,
        "SourceId": machine.instance_id,
        "SourceType": "AWS::EC2::Instance",
    }


def _command(command: Command) -> dict[str, Any]:
    request, status = command.request, command.status
    ended = [invocation for invocation in command.invocations.values() if invocation.status.final]
    return {
        "CommandId": command.command_id,
        "DocumentName": DOCUMENT,
        "DocumentVersion": "$DEFAULT",
        "Comment": request.comment,
        "ExpiresAfter": command.requested_at + request.delivery_timeout + request.execution_timeout,
        "Parameters": request.parameters,
        "InstanceIds": list(request.instance_ids),
        "Targets": list(request.targets),
        "RequestedDateTime": command.requested_at,
        "Status": status.value,
        "StatusDetails": status.details,
        "OutputS3BucketName": request.bucket,
        "OutputS3KeyPrefix": request.key_prefix,
        "MaxConcurrency": "50",
        "MaxErrors": "0",
        "TargetCount": len(command.invocations),
        "CompletedCount": len(ended),
        "ErrorCount": sum(invocation.exit_code != 0 for invocation in ended),
        "DeliveryTimedOutCount": 0,
        "TimeoutSeconds": int(request.delivery_timeout.total_seconds()),
        "CloudWatchOutputConfig": {
            "CloudWatchLogGroupName": request.log_group,
            "CloudWatchOutputEnabled": bool(request.log_group),
        },
    }


def _invocation(invocation: Invocation, *, details: bool) -> dict[str, Any]:
    described = invocation.describe()
    entry = {
        key: described[key]
        for key in (
            "CommandId",
            "InstanceId",
            "Comment",
            "DocumentName",
            "DocumentVersion",
            "Status",
            "StatusDetails",
            "StandardOutputUrl",
            "StandardErrorUrl",
            "CloudWatchOutputConfig",
        )
    }
    plugin = {
        "Name": PLUGIN,
        "Status": described["Status"],
        "StatusDetails": described["StatusDetails"],
        "ResponseCode": described["ResponseCode"],
        "ResponseStartDateTime": invocation.requested_at,
        "ResponseFinishDateTime": invocation.ended_at,
        "Output": (described["StandardOutputContent"] + _error_part(described))[:LISTED_OUTPUT_CHARACTERS],
        "OutputS3BucketName": invocation.request.bucket,
        "OutputS3KeyPrefix": invocation.request.key_prefix,
    }
    return {
        **entry,
        "InstanceName": "",
        "RequestedDateTime": invocation.requested_at,
        "CommandPlugins": [plugin] if details else [],
    }


def _error_part(described: Mapping[str, Any]) -> str:
    errors: str = described["StandardErrorContent"]
    return f"\n----------ERROR-------\n{errors}" if errors else ""


def _passes(filters: Sequence[Mapping[str, str]] | None, requested_at: datetime, status: str) -> bool:
    for entry in filters or []:
        key, value = entry["key"], entry["value"]
        if key in ("InvokedAfter", "InvokedBefore"):
            moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=timezone.utc)
            after = requested_at >= moment
            if after is not (key == "InvokedAfter"):
                return False
        elif key == "Status":
            if value != status:
                return False
        elif key == "DocumentName":
            if value != DOCUMENT:
                return False
        else:
            raise SsmError("InvalidFilterKey", f"The local cloud has no filter {key}")
    return True


def _page(name: str, entries: list[dict[str, Any]], body: Mapping[str, Any]) -> dict[str, Any]:
    size = body.get("MaxResults") or PAGE_SIZE
    if not 1 <= size <= PAGE_SIZE:
        raise SsmError("ValidationException", f"MaxResults {size} is not between 1 and {PAGE_SIZE}")
    token = body.get("NextToken") or "0"
    if not token.isdigit():
        raise SsmError("InvalidNextToken", "The specified token isn't valid.")
    start = int(token)
    answer: dict[str, Any] = {name: entries[start : start + size]}
    if start + size < len(entries):
        answer["NextToken"] = str(start + size)
    return answer


def install(fleet: InstanceFleet, faults: FaultBook) -> None:
    """Patch moto's Systems Manager."""
    service = RunCommand(fleet, faults)
    for name, patch in (
        ("send_command", replace_attribute),
        ("get_command_invocation", replace_attribute),
        ("list_commands", replace_attribute),
        ("list_command_invocations", add_attribute),
        ("cancel_command", add_attribute),
        ("describe_instance_information", add_attribute),
    ):
        patch(SimpleSystemManagerResponse, name, _action(getattr(service, name)))


def _action(answer: Callable[[Mapping[str, Any], str], dict[str, Any]]) -> Callable[..., ActionResult]:
    def respond(self: SimpleSystemManagerResponse) -> ActionResult:
        result = answer(json.loads(self.body or "{}"), self.region)
        return ActionResult(result) if result else EmptyResult()

    return respond
