"""One invocation of a function: a box of its own, with limits on time, memory, files and output, and its output kept.

All that it starts ends with the invocation and with the local cloud, in whatever session it hides. What it leaves is
read as another's: neither a pipe nor a link nor words in place of a result hold up or end the local cloud. It is no
sandbox: its processes run as the user that runs the local cloud.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import signal
import stat
import sys
import threading
import time
import uuid
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from localcloud.box.containment import Containment
from localcloud.box.layout import POWER_PIPE, PROGRAMS
from localcloud.box.process import ProcessRuntime
from localcloud.box.runtime import Box, BoxCommand, BoxSpec, CommandEnded, Ending, Gone
from localcloud.trees import remove_tree

log = logging.getLogger(__name__)

BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
CONCURRENT_INVOCATIONS = 4
OUTPUT_LIMIT_BYTES = 1 << 20
"""What is kept of an invocation's output."""
RESPONSE_LIMIT_BYTES = 6_291_556
"""Source: Lambda developer guide, "Lambda quotas"."""
RESULT_LIMIT_BYTES = 2 * RESPONSE_LIMIT_BYTES + 65_536
"""A result is JSON in JSON, which at most doubles it."""
UNPACKED_LIMIT_BYTES = 262_144_000
"""Source: Lambda developer guide, "Lambda quotas"."""
UNPACKED_LIMIT_FILES = 50_000
BEGIN = timedelta(seconds=10)
"""For a box to begin, beyond the function's own time."""
END = timedelta(seconds=20)
BROKEN_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError)
"""What reading an archive raises for what is in it: encrypted, cut, of an unknown method, with impossible names."""


@dataclass(frozen=True, kw_only=True)
class Function:
    """What is run."""

    name: str
    version: str
    arn: str
    region: str
    handler: str
    code: bytes
    code_sha256: str
    timeout: timedelta
    memory_mb: int
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of an invocation."""

    request_id: str
    payload: bytes
    error: str | None
    """`Unhandled`, or None where the handler returned."""
    log_stream: str
    output: str
    duration: timedelta


class CodeError(Exception):
    """The code can't be unpacked; the message says why."""


class FunctionProcesses:
    """Runs functions, a few at a time.

    Args:
        folder: for the code and the files of running invocations.
        environment: what every function's environment has, besides its own variables.
        containment: how an invocation's processes are held together.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], containment: Containment) -> None:
        self._folder = folder
        self._environment = dict(environment)
        self._runtime = ProcessRuntime(containment)
        self._places = threading.BoundedSemaphore(CONCURRENT_INVOCATIONS)
        remove_tree(folder)  # of an earlier run

    def invoke(self, function: Function, event: Any) -> Outcome:
        """Run the handler with an event, and wait for it. Never raises for what the function does."""
        with self._places:
            request_id = str(uuid.uuid4())
            scratch = self._folder / request_id
            for name in ("tmp", "code", PROGRAMS, Path(POWER_PIPE).parent):
                (scratch / name).mkdir(parents=True)
            scratch.chmod(0o700)
            os.mkfifo(scratch / POWER_PIPE, 0o600)
            try:
                return self._run(function, event, request_id, scratch)
            finally:
                if not remove_tree(scratch):
                    log.warning("function %s: %s could not be removed", function.name, scratch)

    def _run(self, function: Function, event: Any, request_id: str, scratch: Path) -> Outcome:
        begun = time.monotonic()
        stream = log_stream(function, datetime.now(timezone.utc))
        try:
            unpack(function.code, scratch / "code")
            (scratch / "order").write_bytes(self._order(function, event, request_id, scratch / "code", stream))
            box = self._runtime.start(
                BoxSpec(instance_id=request_id, root=scratch, environment=self._variables(function, scratch))
            )
        except (CodeError, OSError) as exc:
            result = _failure(request_id, "Runtime.InvalidZip", f"the code can't be unpacked: {exc}")
        else:
            result = _result(_ended(box, self._command(function, scratch)), function, request_id, scratch / "result")
        payload = result["payload"].encode(errors="replace")
        if len(payload) > RESPONSE_LIMIT_BYTES:
            result = _too_large(request_id)
            payload = result["payload"].encode()
        duration = timedelta(seconds=time.monotonic() - begun)
        return Outcome(
            request_id=request_id,
            payload=payload,
            error=result.get("error"),
            log_stream=stream,
            output=self._log(function, request_id, scratch / "output", result, duration),
            duration=duration,
        )

    @staticmethod
    def _order(function: Function, event: Any, request_id: str, code: Path, stream: str) -> bytes:
        order = {
            "function_name": function.name,
            "function_version": function.version,
            "function_arn": function.arn,
            "memory_mb": function.memory_mb,
            "timeout_seconds": function.timeout.total_seconds(),
            "request_id": request_id,
            "log_group": log_group(function.name),
            "log_stream": stream,
            "handler": function.handler,
            "code": str(code),
            "event": event,
        }
        return json.dumps(order).encode() + b"\n"

    def _variables(self, function: Function, scratch: Path) -> dict[str, str]:
        return {
            **function.variables,
            **self._environment,
            "AWS_REGION": function.region,
            "AWS_DEFAULT_REGION": function.region,
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": function.version,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
            "AWS_LAMBDA_LOG_GROUP_NAME": log_group(function.name),
            "LAMBDA_TASK_ROOT": str(scratch / "code"),
            "_HANDLER": function.handler,
            # Else AWS's SDKs would read the settings of the user that runs the local cloud.
            "HOME": str(scratch),
            "TMPDIR": str(scratch / "tmp"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
        }

    @staticmethod
    def _command(function: Function, scratch: Path) -> BoxCommand:
        return BoxCommand(
            command_id="handler",
            argv=(sys.executable, str(BOOTSTRAP), str(scratch / "order"), str(scratch / "result")),
            directory=scratch / "code",
            outputs=(scratch / "output",),
            output_limit_bytes=OUTPUT_LIMIT_BYTES,
            limit=function.timeout,
        )

    @staticmethod
    def _log(function: Function, request_id: str, output: Path, result: dict[str, Any], duration: timedelta) -> str:
        """What CloudWatch shows of an invocation. Source: Lambda developer guide, "Working with logs"."""
        text = (_read(output, OUTPUT_LIMIT_BYTES + 100) or b"").decode(errors="replace")
        if result.get("unseen"):  # the function itself could not say it
            now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
            text = f"{text.rstrip()}\n{now} {result['unseen']}\n"
        milliseconds = duration.total_seconds() * 1000
        lines = [
            f"START RequestId: {request_id} Version: {function.version}",
            *text.splitlines(),
            f"END RequestId: {request_id}",
            f"REPORT RequestId: {request_id}\tDuration: {milliseconds:.2f} ms\tMemory Size: {function.memory_mb} MB",
        ]
        return "\n".join(line for line in lines if line)


def unpack(code: bytes, folder: Path) -> None:
    """Unpack a function's code; every member stays inside the folder, and a link becomes a plain file.

    Raises:
        CodeError: it is no archive that can be read, or it holds more than Lambda takes.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(code)) as archive:
            check_size(archive)
            archive.extractall(folder)
    except BROKEN_ZIP as exc:
        raise CodeError(str(exc) or type(exc).__name__) from exc


def check_size(archive: zipfile.ZipFile) -> None:
    """Refuse an archive that holds more than Lambda takes; nothing is unpacked, and no member yields more than it says.

    Raises:
        CodeError: the message is Lambda's.
    """
    members = archive.infolist()
    if sum(member.file_size for member in members) > UNPACKED_LIMIT_BYTES or len(members) > UNPACKED_LIMIT_FILES:
        raise CodeError(f"Unzipped size must be smaller than {UNPACKED_LIMIT_BYTES} bytes")


def _ended(box: Box, command: BoxCommand) -> CommandEnded | None:
    """Run a box's only command, and end the box; None where it ended without a word of the command."""
    assert command.limit is not None
    ended = None
    deadline = time.monotonic() + (command.limit + BEGIN).total_seconds()
    try:
        box.run(command)
        while ended is None and (left := deadline - time.monotonic()) > 0:
            event = box.next_event(timedelta(seconds=left))
            if isinstance(event, Gone):
                return None
            ended = event if isinstance(event, CommandEnded) else None
        return ended
    finally:
        box.end(timedelta(0))
        deadline = time.monotonic() + END.total_seconds()
        while (left := deadline - time.monotonic()) > 0 and not isinstance(
            box.next_event(timedelta(seconds=left)), Gone
        ):
            continue


def _result(ended: CommandEnded | None, function: Function, request_id: str, result: Path) -> dict[str, Any]:
    if ended is None or ended.ending is not Ending.EXITED:
        seconds = function.timeout.total_seconds()
        message = f"RequestId: {request_id} Error: Task timed out after {seconds:.2f} seconds"
        return _failure(request_id, "Sandbox.Timedout", message)
    written = _read(result, RESULT_LIMIT_BYTES + 1)
    if written is not None and len(written) > RESULT_LIMIT_BYTES:
        return _too_large(request_id)
    if written is not None and (found := _parsed(written)) is not None:
        return found
    code = ended.exit_code
    known = {int(number): number.name for number in signal.Signals}
    status = f"signal: {known[code - 128]}" if code - 128 in known else f"exit status {code}"
    return _failure(
        request_id, "Runtime.ExitError", f"RequestId: {request_id} Error: Runtime exited with error: {status}"
    )


def _parsed(written: bytes) -> dict[str, Any] | None:
    """What the bootstrap wrote; None for anything else, which a handler may have put in its place."""
    try:
        data = json.loads(written)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or not isinstance(data.get("payload"), str):
        return None
    return {"payload": data["payload"], **({"error": "Unhandled"} if data.get("error") else {})}


def _read(path: Path, most: int) -> bytes | None:
    """The beginning of a plain file; None for anything else, above all a pipe, which would never end."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return None
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read(most)
    finally:
        os.close(handle)


def _too_large(request_id: str) -> dict[str, Any]:
    message = f"Response payload size exceeded maximum allowed payload size ({RESPONSE_LIMIT_BYTES} bytes)."
    return _failure(request_id, "Function.ResponseSizeTooLarge", message)


def _failure(request_id: str, kind: str, message: str) -> dict[str, Any]:
    log.info("function invocation %s: %s", request_id, message)
    payload = json.dumps({"errorType": kind, "errorMessage": message})
    return {"payload": payload, "error": "Unhandled", "unseen": message}


def log_group(name: str) -> str:
    """Where a function's output goes."""
    return f"/aws/lambda/{name}"


def log_stream(function: Function, now: datetime) -> str:
    """Where an invocation's output goes in the group: one stream for each hour and version of the code.

    Lambda has one for each of its machines, which live about as long.
    """
    mark = hashlib.sha256(f"{function.arn} {function.code_sha256} {now:%H}".encode()).hexdigest()[:32]
    return f"{now:%Y/%m/%d}/[{function.version}]{mark}"
