"""SSM Run Command: agent status, send, find again, look, cancel.

Invariant: a command is recognised by its Comment, so a task that died between SendCommand and keeping the id finds it
again instead of sending a second one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from janitor.cloud.session import CLIENT_ERRORS, CloudAccess, error_code
from janitor.domain.errors import CloudError
from janitor.domain.watch.watching import CommandObservation, CommandStatus

DOCUMENT = "AWS-RunShellScript"
_DELIVERY_TIMEOUT = timedelta(minutes=5)
_LONGEST_EXECUTION = timedelta(seconds=172_800)
"""Highest executionTimeout. Source: the AWS-RunShellScript document's parameter."""
_SHORTEST_EXECUTION = timedelta(seconds=1)


@dataclass(frozen=True, kw_only=True)
class CommandSeen:
    """An invocation on one instance, as ListCommandInvocations shows it."""

    command_id: str
    instance_id: str
    comment: str
    status: CommandStatus
    exit_code: int | None
    ended_at: datetime | None
    requested_at: datetime | None = None
    """By SSM's clock."""

    @property
    def observation(self) -> CommandObservation:
        """The part that the domain decides from."""
        return CommandObservation(
            command_id=self.command_id, status=self.status, exit_code=self.exit_code, ended_at=self.ended_at
        )


def agent_online(access: CloudAccess, instance_id: str) -> bool:
    """Whether the SSM agent of an instance answers.

    Raises:
        CloudError: SSM can't be asked.
    """
    try:
        answer = access.client("ssm").describe_instance_information(
            Filters=[{"Key": "InstanceIds", "Values": [instance_id]}]
        )
    except CLIENT_ERRORS as exc:
        if error_code(exc) == "InvalidInstanceId":
            return False
        raise CloudError(f"DescribeInstanceInformation {instance_id}: {exc}") from exc
    return any(info.get("PingStatus") == "Online" for info in answer["InstanceInformationList"])


def online_agents(access: CloudAccess, tag: str, value: str) -> frozenset[str]:
    """Ids of the instances that carry a tag and whose SSM agent answers: an account has others' machines, too.

    Raises:
        CloudError: SSM can't be asked.
    """
    filters = [{"Key": f"tag:{tag}", "Values": [value]}]
    try:
        pages = access.client("ssm").get_paginator("describe_instance_information").paginate(Filters=filters)
        return frozenset(
            info["InstanceId"]
            for page in pages
            for info in page["InstanceInformationList"]
            if info.get("PingStatus") == "Online"
        )
    except CLIENT_ERRORS as exc:
        raise CloudError(f"DescribeInstanceInformation: {exc}") from exc


def send(
    access: CloudAccess,
    *,
    instance_id: str,
    script: str,
    comment: str,
    execution_timeout: timedelta,
    log_group: str,
) -> str | None:
    """Send a shell script to one instance; its output goes to `log_group` while it runs.

    Args:
        execution_timeout: SSM kills the script after this; rounded up to a second, at most 48 hours.

    Returns:
        The command id, or None when the agent isn't online after all.

    Raises:
        CloudError: SSM refused for another reason.
    """
    bounded = max(_SHORTEST_EXECUTION, min(execution_timeout, _LONGEST_EXECUTION))
    try:
        answer = access.client("ssm").send_command(
            DocumentName=DOCUMENT,
            InstanceIds=[instance_id],
            Comment=comment,
            TimeoutSeconds=int(_DELIVERY_TIMEOUT.total_seconds()),
            Parameters={"commands": [script], "executionTimeout": [str(-int(-bounded.total_seconds() // 1))]},
            CloudWatchOutputConfig={"CloudWatchOutputEnabled": True, "CloudWatchLogGroupName": log_group},
        )
    except CLIENT_ERRORS as exc:
        if error_code(exc) == "InvalidInstanceId":
            return None
        raise CloudError(f"SendCommand to {instance_id}: {exc}") from exc
    command_id: str = answer["Command"]["CommandId"]
    return command_id


def find_by_comment(access: CloudAccess, instance_id: str, comment: str) -> CommandSeen | None:
    """The command that carries `comment` on an instance, running or finished.

    Raises:
        CloudError: SSM can't be asked.
    """
    seen = list_invocations(access, {"InstanceId": instance_id})
    return next((command for command in seen if command.comment == comment), None)


def look(access: CloudAccess, instance_id: str, command_id: str) -> CommandSeen | None:
    """One invocation, or None when SSM doesn't show it (yet).

    Raises:
        CloudError: SSM can't be asked.
    """
    seen = list_invocations(access, {"InstanceId": instance_id, "CommandId": command_id})
    return seen[0] if seen else None


def sent_since(access: CloudAccess, since: datetime) -> list[CommandSeen]:
    """What was sent with our document since then, to whichever instances of the account: SSM filters by no tag.

    Raises:
        CloudError: SSM can't be asked.
    """
    after = since.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    filters = [{"key": "InvokedAfter", "value": after}, {"key": "DocumentName", "value": DOCUMENT}]
    return list_invocations(access, {"Filters": filters})


def list_invocations(access: CloudAccess, parameters: Mapping[str, Any]) -> list[CommandSeen]:
    """Every page of ListCommandInvocations.

    Raises:
        CloudError: SSM can't be asked.
    """
    try:
        pages = access.client("ssm").get_paginator("list_command_invocations").paginate(Details=True, **parameters)
        return [_seen(invocation) for page in pages for invocation in page["CommandInvocations"]]
    except CLIENT_ERRORS as exc:
        if error_code(exc) in ("InvalidInstanceId", "InvalidCommandId", "InvocationDoesNotExist"):
            return []
        raise CloudError(f"ListCommandInvocations: {exc}") from exc


def cancel(access: CloudAccess, instance_id: str, command_id: str) -> None:
    """Ask SSM to cancel; a command that ended meanwhile is fine.

    Raises:
        CloudError: SSM refused.
    """
    try:
        access.client("ssm").cancel_command(CommandId=command_id, InstanceIds=[instance_id])
    except CLIENT_ERRORS as exc:
        if error_code(exc) not in ("InvalidCommandId", "InvalidInstanceId"):
            raise CloudError(f"CancelCommand {command_id}: {exc}") from exc


def log_stream_name(command_id: str, instance_id: str) -> str:
    """The CloudWatch stream of a command's standard output.

    Source: SSM documentation, "CloudWatch Logs for Run Command".
    """
    return f"{command_id}/{instance_id}/aws-runShellScript/stdout"


def log_stream_names(command_id: str, instance_id: str) -> tuple[str, str]:
    """The CloudWatch streams of a command's outputs: standard output, standard error."""
    stdout = log_stream_name(command_id, instance_id)
    return stdout, f"{stdout.removesuffix('stdout')}stderr"


def _seen(invocation: Mapping[str, Any]) -> CommandSeen:
    status = CommandStatus(invocation["Status"])
    plugins = invocation.get("CommandPlugins") or []
    code = plugins[0].get("ResponseCode") if plugins else None
    return CommandSeen(
        command_id=invocation["CommandId"],
        instance_id=invocation["InstanceId"],
        comment=invocation.get("Comment", ""),
        status=status,
        exit_code=code if status.is_final else None,
        ended_at=plugins[0].get("ResponseFinishDateTime") if plugins and status.is_final else None,
        requested_at=invocation.get("RequestedDateTime"),
    )
