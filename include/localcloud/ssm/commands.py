"""Run Command's records: commands, and one invocation for each instance that a command was sent to."""

from __future__ import annotations

import copy
import logging
import shlex
import shutil
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from enum import Enum
from pathlib import Path
from typing import Any

from localcloud.box.layout import write_program
from localcloud.box.runtime import BoxCommand, Ending
from localcloud.ec2.machines import Machine
from localcloud.settings import ACCOUNT_ID
from localcloud.ssm.output import STORED_OUTPUT_LIMIT_BYTES, LogForwarder, head, upload
from localcloud.ssm.request import DOCUMENT, CommandRequest

log = logging.getLogger(__name__)

PLUGIN = "aws:runShellScript"
STDOUT_CHARACTERS = 24_000
STDERR_CHARACTERS = 8_000
"""Source: botocore's service model of SSM, GetCommandInvocation."""
KILLED_EXIT_CODE = 137
RETENTION = timedelta(days=1)
"""How long a finished command is remembered (AWS: 30 days)."""


class CommandStatus(str, Enum):
    """Status of an invocation or command. IN_PROGRESS → CANCELLING → CANCELLED, or IN_PROGRESS → one of the others."""

    PENDING = "Pending"
    IN_PROGRESS = "InProgress"
    CANCELLING = "Cancelling"
    SUCCESS = "Success"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    TIMED_OUT = "TimedOut"

    @property
    def details(self) -> str:
        """StatusDetails. Source: Systems Manager user guide, "Understanding command statuses"."""
        return "Execution Timed Out" if self is CommandStatus.TIMED_OUT else self.value

    @property
    def final(self) -> bool:
        """Whether it stays."""
        return self in (
            CommandStatus.SUCCESS,
            CommandStatus.FAILED,
            CommandStatus.CANCELLED,
            CommandStatus.TIMED_OUT,
        )


def now() -> datetime:
    """The present, with its time zone."""
    return datetime.now(timezone.utc)


class Invocation:
    """One command on one instance. It is the machine's sink for what becomes of the command there."""

    def __init__(self, command_id: str, request: CommandRequest, machine: Machine, region: str) -> None:
        self.command_id = command_id
        self.instance_id = machine.instance_id
        self.request = request
        self.exit_code = -1
        self.requested_at = now()
        self.ended_at: datetime | None = None
        self._status = CommandStatus.IN_PROGRESS
        self._past = [(time.monotonic(), self._status)]
        self._machine = machine
        self._lock = threading.Lock()
        self.stdout, self.stderr = machine.options.files.command_output(command_id)
        self._forwarders: list[LogForwarder] = []
        if request.log_group:
            stem = f"{command_id}/{machine.instance_id}/aws-runShellScript"
            self._forwarders = [
                LogForwarder(ACCOUNT_ID, region, request.log_group, f"{stem}/{path.name}", path)
                for path in (self.stdout, self.stderr)
            ]

    @property
    def status(self) -> CommandStatus:
        """The status now. Where the machine died nobody reports, and it ends only when every limit has passed."""
        if not self._status.final and now() > self.last_moment:
            return CommandStatus.TIMED_OUT
        return self._status

    @property
    def last_moment(self) -> datetime:
        """When the last of its limits passes."""
        return self.requested_at + self.request.delivery_timeout + self.request.execution_timeout

    @property
    def _script(self) -> Path:
        return self._machine.options.files.scripts / self.command_id / "_script.sh"

    def write(self) -> None:
        """Write the script as the SSM agent does. Raises OSError where there is no room for it; see `discard`."""
        try:
            self._script.parent.mkdir()
            write_program(self._script, self.request.script)
        except FileNotFoundError:  # the machine's disk is gone: as on AWS, nobody will report
            return
        self.stdout.parent.mkdir(parents=True, exist_ok=True)

    def discard(self) -> None:
        """Remove what `write` has left: the command was never sent."""
        shutil.rmtree(self._script.parent, ignore_errors=True)
        shutil.rmtree(self.stdout.parent, ignore_errors=True)

    def start(self) -> None:
        """Hand the script that was written to the machine."""
        files = self._machine.options.files
        if not self._script.exists():
            return
        self._machine.run(
            BoxCommand(
                command_id=self.command_id,
                # Nothing but the script has the command's own variables in its environment.
                argv=["/bin/sh", "-c", f"exec {shlex.quote(str(self._script))}"],
                directory=files.home / self.request.working_directory,
                outputs=[self.stdout, self.stderr],
                output_limit_bytes=STORED_OUTPUT_LIMIT_BYTES,
                limit=self.request.execution_timeout,
                hang=self._machine.options.faults.hang,
                variables=self._machine.options.command_variables,
            ),
            self,
        )

    def cancel(self) -> None:
        """Kill it, if it still runs."""
        with self._lock:
            if self._status is not CommandStatus.IN_PROGRESS:
                return
            self._enter(CommandStatus.CANCELLING)
        self._machine.kill(self.command_id)

    def output_grew(self) -> None:
        """Stream what is new."""
        for forwarder in self._forwarders:
            forwarder.forward()

    def ended(self, exit_code: int, ending: Ending) -> None:
        """Record how it ended; the output is delivered before the status says so."""
        for forwarder in self._forwarders:
            try:
                forwarder.forward(last=True)
            except OSError as exc:  # it costs the output, not the command's end
                log.warning("the last output of command %s could not be kept: %s", self.command_id, exc)
        if self.request.bucket:
            for path in (self.stdout, self.stderr):
                upload(ACCOUNT_ID, self.request.bucket, self.output_key(path.name), path)
        with self._lock:
            self.ended_at = now()
            self.exit_code = KILLED_EXIT_CODE if ending is not Ending.EXITED else exit_code
            if ending is Ending.TIMED_OUT:
                self._enter(CommandStatus.TIMED_OUT)
            elif ending is Ending.KILLED:
                self._enter(CommandStatus.CANCELLED)
            else:
                self._enter(CommandStatus.SUCCESS if exit_code == 0 else CommandStatus.FAILED)

    def _enter(self, status: CommandStatus) -> None:
        self._status = status
        self._past.append((time.monotonic(), status))

    def as_it_was(self, lag: timedelta) -> Invocation | None:
        """The invocation as it was `lag` ago; None where it did not exist yet."""
        if not lag:
            return self
        moment = time.monotonic() - lag.total_seconds()
        with self._lock:
            known = [status for at, status in self._past if at <= moment]
            was = copy.copy(self)
        if not known:
            return None
        was._status = known[-1]
        if not was._status.final:
            was.ended_at, was.exit_code = None, -1
        return was

    def output_key(self, name: str) -> str:
        """The S3 key of an output. Source: Systems Manager user guide, "Command output in S3"."""
        prefix = f"{self.request.key_prefix.strip('/')}/" if self.request.key_prefix.strip("/") else ""
        return f"{prefix}{self.command_id}/{self.instance_id}/awsrunShellScript/0.awsrunShellScript/{name}"

    def describe(self) -> dict[str, Any]:
        """What GetCommandInvocation answers. Output is empty until the command has ended."""
        status, ended = self.status, self.ended_at
        elapsed = (ended or now()) - self.requested_at
        return {
            "CommandId": self.command_id,
            "InstanceId": self.instance_id,
            "Comment": self.request.comment,
            "DocumentName": DOCUMENT,
            "DocumentVersion": "$DEFAULT",
            "PluginName": PLUGIN,
            "ResponseCode": self.exit_code,
            "ExecutionStartDateTime": self.requested_at.isoformat(timespec="milliseconds"),
            "ExecutionElapsedTime": f"PT{elapsed.total_seconds():.3f}S",
            "ExecutionEndDateTime": ended.isoformat(timespec="milliseconds") if ended else "",
            "Status": status.value,
            "StatusDetails": status.details,
            "StandardOutputContent": head(self.stdout, STDOUT_CHARACTERS) if ended else "",
            "StandardOutputUrl": self._url("stdout"),
            "StandardErrorContent": head(self.stderr, STDERR_CHARACTERS) if ended else "",
            "StandardErrorUrl": self._url("stderr"),
            "CloudWatchOutputConfig": {
                "CloudWatchLogGroupName": self.request.log_group,
                "CloudWatchOutputEnabled": bool(self.request.log_group),
            },
        }

    def _url(self, name: str) -> str:
        bucket = self.request.bucket
        return f"https://s3.amazonaws.com/{bucket}/{self.output_key(name)}" if bucket else ""


class Command:
    """One SendCommand call."""

    def __init__(self, request: CommandRequest, machines: Sequence[Machine], region: str) -> None:
        self.command_id = str(uuid.uuid4())
        self.region = region
        self.request = request
        self.requested_at = now()
        self.invocations = {
            machine.instance_id: Invocation(self.command_id, request, machine, region) for machine in machines
        }

    @property
    def status(self) -> CommandStatus:
        """One status for all invocations: still open if one is, else the worst."""
        statuses = {invocation.status for invocation in self.invocations.values()}
        for status in (
            CommandStatus.CANCELLING,
            CommandStatus.IN_PROGRESS,
            CommandStatus.FAILED,
            CommandStatus.TIMED_OUT,
            CommandStatus.CANCELLED,
        ):
            if status in statuses:
                return status
        return CommandStatus.SUCCESS

    def forgettable(self, moment: datetime) -> bool:
        """Whether it ended, or ran out of every limit, before `moment`."""
        return all((invocation.ended_at or invocation.last_moment) < moment for invocation in self.invocations.values())


class CommandBook:
    """All commands of this local cloud, newest last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._commands: dict[str, Command] = {}

    def add(self, command: Command) -> None:
        """Remember a command, and forget those that ended long ago."""
        limit = now() - RETENTION
        with self._lock:
            for old in list(self._commands.values()):
                if old.forgettable(limit):
                    del self._commands[old.command_id]
            self._commands[command.command_id] = command

    def get(self, command_id: str) -> Command | None:
        """A command by its id."""
        return self._commands.get(command_id)

    def newest_first(self, region: str) -> Iterator[Command]:
        """The commands of a region."""
        with self._lock:
            commands = list(self._commands.values())
        return (command for command in reversed(commands) if command.region == region)
