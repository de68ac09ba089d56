"""One invocation of a function: a process of its own, with a time limit, and its output kept.

A process and everything in its group ends with the invocation, and with the local cloud. It is no sandbox: its
processes run as the user that runs the local cloud.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

BOOTSTRAP = Path(__file__).with_name("lambda_bootstrap.py")
CONCURRENT_INVOCATIONS = 4
OUTPUT_LIMIT_BYTES = 1 << 20
"""What is kept of an invocation's output."""
RESPONSE_LIMIT_BYTES = 6_291_556
"""Source: Lambda developer guide, "Lambda quotas"."""
END_SECONDS = 5


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


class FunctionProcesses:
    """Runs functions, a few at a time.

    Args:
        folder: for unpacked code and the files of running invocations.
        environment: what every function's environment has, besides its own variables.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = dict(environment)
        self._places = threading.BoundedSemaphore(CONCURRENT_INVOCATIONS)
        self._unpacking = threading.Lock()
        shutil.rmtree(folder, ignore_errors=True)  # of an earlier run

    def invoke(self, function: Function, event: Any) -> Outcome:
        """Run the handler with an event, and wait for it. Never raises for what the function does."""
        with self._places:
            request_id = str(uuid.uuid4())
            scratch = self._folder / "running" / request_id
            (scratch / "tmp").mkdir(parents=True)
            try:
                return self._run(function, event, request_id, scratch)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)

    def _run(self, function: Function, event: Any, request_id: str, scratch: Path) -> Outcome:
        begun = time.monotonic()
        stream = log_stream(function, datetime.now(timezone.utc))
        result: dict[str, Any] = {}
        try:
            code = self._unpacked(function)
        except (zipfile.BadZipFile, OSError) as exc:
            result = _failure(request_id, "Runtime.InvalidZip", f"the code can't be unpacked: {exc}")
        output = scratch / "output"
        output.touch()
        if not result:
            order = self._order(function, event, request_id, code, stream)
            result = self._wait(self._start(function, code, scratch), order, function, request_id, scratch / "result")
        payload = result["payload"].encode()
        if len(payload) > RESPONSE_LIMIT_BYTES:
            message = f"Response payload size exceeded maximum allowed payload size ({RESPONSE_LIMIT_BYTES} bytes)."
            result = _failure(request_id, "Function.ResponseSizeTooLarge", message)
            payload = result["payload"].encode()
        duration = timedelta(seconds=time.monotonic() - begun)
        return Outcome(
            request_id=request_id,
            payload=payload,
            error=result.get("error"),
            log_stream=stream,
            output=self._log(function, request_id, output, result, duration),
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

    def _start(self, function: Function, code: Path, scratch: Path) -> subprocess.Popen[bytes]:
        environment = {
            **function.variables,
            **self._environment,
            "AWS_REGION": function.region,
            "AWS_DEFAULT_REGION": function.region,
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": function.version,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
            "AWS_LAMBDA_LOG_GROUP_NAME": log_group(function.name),
            "LAMBDA_TASK_ROOT": str(code),
            "_HANDLER": function.handler,
            # Else AWS's SDKs would read the settings of the user that runs the local cloud.
            "HOME": str(scratch),
            "TMPDIR": str(scratch / "tmp"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
        }
        with (scratch / "output").open("ab") as output:
            return subprocess.Popen(
                [sys.executable, str(BOOTSTRAP), str(scratch / "result")],
                env=environment,
                cwd=code,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @staticmethod
    def _wait(
        process: subprocess.Popen[bytes], order: bytes, function: Function, request_id: str, result: Path
    ) -> dict[str, Any]:
        assert process.stdin is not None
        limit = function.timeout.total_seconds()
        try:
            with contextlib.suppress(BrokenPipeError):  # it has ended already: its exit code says so
                process.stdin.write(order)
                process.stdin.flush()
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            return _failure(
                request_id,
                "Sandbox.Timedout",
                f"RequestId: {request_id} Error: Task timed out after {limit:.2f} seconds",
            )
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)  # also what it has left behind
            with contextlib.suppress(OSError):
                process.stdin.close()
            process.wait(END_SECONDS)
        if result.exists():
            data: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
            return data
        status = f"signal: {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        message = f"RequestId: {request_id} Error: Runtime exited with error: {status}"
        return _failure(request_id, "Runtime.ExitError", message)

    def _unpacked(self, function: Function) -> Path:
        """The folder with a version of the code; unpacked once, and shared by its invocations."""
        name = function.code_sha256.translate(str.maketrans("+/=", "-__"))
        folder = self._folder / "code" / name
        with self._unpacking:
            if not folder.exists():
                fresh = folder.with_suffix(".part")
                shutil.rmtree(fresh, ignore_errors=True)
                with zipfile.ZipFile(io.BytesIO(function.code)) as archive:
                    archive.extractall(fresh)  # which keeps members inside the folder
                fresh.rename(folder)
        return folder

    @staticmethod
    def _log(function: Function, request_id: str, output: Path, result: dict[str, Any], duration: timedelta) -> str:
        """What CloudWatch shows of an invocation. Source: Lambda developer guide, "Working with logs"."""
        with output.open("rb") as file:
            text = file.read(OUTPUT_LIMIT_BYTES).decode(errors="replace")
        if output.stat().st_size > OUTPUT_LIMIT_BYTES:
            text += f"\n[localcloud: output cut after {OUTPUT_LIMIT_BYTES} bytes]"
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
