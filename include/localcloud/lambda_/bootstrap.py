"""The first code of a function's process: runs one event through the handler, and writes down what came of it.

It runs as a plain script (`python bootstrap.py ORDER_FILE RESULT_FILE`) with the function's code first on its
path, so it imports only the standard library.

Source of the error shapes: Lambda developer guide, "Lambda function handler errors in Python".
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import sys
import time
import traceback
from pathlib import Path
from typing import Any

INTERPRETER_MB = 512
"""What the interpreter, its libraries and the stacks of its threads may take beyond the function's memory."""
FILE_LIMIT_BYTES = 512 * 1024 * 1024
"""One file. Source: Lambda developer guide, "Ephemeral storage", its default."""


class Context:
    """What a handler gets as its second argument."""

    def __init__(self, invocation: dict[str, Any]) -> None:
        self._deadline = time.time() + float(invocation["timeout_seconds"])
        self.function_name: str = invocation["function_name"]
        self.function_version: str = invocation["function_version"]
        self.invoked_function_arn: str = invocation["function_arn"]
        self.memory_limit_in_mb = str(invocation["memory_mb"])
        self.aws_request_id: str = invocation["request_id"]
        self.log_group_name: str = invocation["log_group"]
        self.log_stream_name: str = invocation["log_stream"]
        self.identity = None
        self.client_context = None

    def get_remaining_time_in_millis(self) -> int:
        """Until the function is stopped."""
        return max(0, int((self._deadline - time.time()) * 1000))


class FailureError(Exception):
    """The handler could not be run, or its answer not be sent."""

    def __init__(self, kind: str, message: str, trace: list[str] | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.trace = trace or []


def find_handler(name: str) -> Any:
    """The handler function. Raises FailureError."""
    module_name, _, function_name = name.rpartition(".")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as exc:
        raise FailureError("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {exc}") from exc
    except SyntaxError as exc:
        raise FailureError("Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {exc}") from exc
    if not hasattr(module, function_name):
        raise FailureError("Runtime.HandlerNotFound", f"Handler '{function_name}' missing on module '{module_name}'")
    return getattr(module, function_name)


def run(invocation: dict[str, Any]) -> dict[str, Any]:
    """Run the handler. Returns its answer or the error, in the shapes of Lambda."""
    try:
        result = find_handler(invocation["handler"])(invocation["event"], Context(invocation))
        try:
            return {"payload": json.dumps(result)}
        except (TypeError, ValueError) as exc:
            raise FailureError("Runtime.MarshalError", f"Unable to marshal response: {exc}") from exc
    except FailureError as exc:
        return failure(invocation, exc.kind, str(exc), exc.trace)
    except Exception as exc:
        trace = [line for line in traceback.format_tb(exc.__traceback__) if __file__ not in line]
        return failure(invocation, type(exc).__name__, str(exc), trace)


def failure(invocation: dict[str, Any], kind: str, message: str, trace: list[str]) -> dict[str, Any]:
    """An unhandled error; it is printed too."""
    print(f"[ERROR] {kind}: {message}", *(line.rstrip() for line in trace), sep="\n")  # noqa: T201  # what the program tells
    error = {"errorMessage": message, "errorType": kind, "requestId": invocation["request_id"], "stackTrace": trace}
    return {"payload": json.dumps(error), "error": "Unhandled"}


def limit_resources(memory_mb: int) -> None:
    """Bound what each process of the function may take."""
    limits = (
        (resource.RLIMIT_DATA, (memory_mb + INTERPRETER_MB) * 1024 * 1024),
        (resource.RLIMIT_FSIZE, FILE_LIMIT_BYTES),
        (resource.RLIMIT_CORE, 0),
    )
    for kind, most in limits:
        with contextlib.suppress(OSError, ValueError):  # the user's own limit is lower
            resource.setrlimit(kind, (most, most))


def main() -> None:
    order_file, result_file = Path(sys.argv[1]), Path(sys.argv[2])
    invocation = json.loads(order_file.read_bytes())
    order_file.unlink()
    limit_resources(invocation["memory_mb"])
    sys.path[0] = invocation["code"]  # instead of this script's own folder
    result = run(invocation)
    sys.stdout.flush()
    sys.stderr.flush()
    written = result_file.with_suffix(".part")
    written.write_text(json.dumps(result), encoding="utf-8")
    written.replace(result_file)
    os._exit(0)  # threads that the handler left are not waited for


if __name__ == "__main__":
    main()
