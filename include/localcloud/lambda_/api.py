"""Lambda's actions: moto's, with functions that run."""

from __future__ import annotations

import base64
import binascii
import io
import json
import logging
import re
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda.models import LambdaBackend, LambdaFunction
from moto.awslambda.responses import LambdaResponse
from moto.logs.models import logs_backends

from localcloud.lambda_.process import (
    BROKEN_ZIP,
    CodeError,
    Function,
    FunctionProcesses,
    Outcome,
    check_size,
    log_group,
)
from localcloud.moto_pin import replace_attribute
from localcloud.settings import ACCOUNT_ID

log = logging.getLogger(__name__)

ASYNC_RETRIES = 2
"""Source: Lambda developer guide, "Asynchronous invocation"."""
ASYNC_PAUSE_SECONDS = 1.0
"""Before the first repetition, and twice that before the second. AWS: one and two minutes."""
NAME = re.compile(r"(arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:)?[A-Za-z0-9_-]{1,64}")
"""Source: Lambda API reference, CreateFunction. It becomes part of log groups, of logs and of threads' names."""
EVENT_LIMIT_BYTES = 6_291_456
ASYNC_EVENT_LIMIT_BYTES = 1_048_576
LOG_TAIL_BYTES = 4096
RUNTIME = "python"
PERSISTED = (
    *("function_name", "handler", "role", "run_time", "environment_vars", "description", "memory_size", "timeout"),
    *("package_type", "last_modified", "tags", "state", "reserved_concurrency", "tracing_config", "code_sha_256"),
    *("code_size", "code_digest", "code"),
)

Measure = Callable[[str, str, Outcome], None]
"""Called with a region, a function's name and what came of an invocation."""


class LambdaService:
    """Invokes functions.

    Args:
        processes: runs them.
        measure: told about each invocation.
    """

    def __init__(self, processes: FunctionProcesses, measure: Measure) -> None:
        self._processes = processes
        self._measure = measure
        self._log_lock = threading.Lock()
        self._under_way: Counter[str] = Counter()
        self._count_lock = threading.Lock()

    def under_way(self) -> dict[str, int]:
        """By function, how many invocations run, or wait for a place or for another try."""
        with self._count_lock:
            return dict(+self._under_way)

    @contextmanager
    def _counted(self, function: LambdaFunction) -> Iterator[None]:
        try:
            yield
        finally:
            self._count(function, -1)

    def _count(self, function: LambdaFunction, change: int) -> None:
        with self._count_lock:
            self._under_way[function.function_name] += change

    def invoke(self, function: LambdaFunction, event: Any) -> Outcome:
        """Run a function and wait; its output goes to its log group."""
        self._count(function, 1)
        with self._counted(function):
            return self._invoke(function, event)

    def _invoke(self, function: LambdaFunction, event: Any) -> Outcome:
        outcome = self._processes.invoke(described(function), event)
        self._write_log(function, outcome)
        self._measure(function.region, function.function_name, outcome)
        return outcome

    def invoke_later(self, function: LambdaFunction, event: Any) -> None:
        """Run a function in the background; twice more where it fails."""
        self._count(function, 1)  # here, so that no moment is left between an order and its thread
        name = f"function-{function.function_name}"
        threading.Thread(target=self._try_again, args=(function, event), name=name, daemon=True).start()

    def _try_again(self, function: LambdaFunction, event: Any) -> None:
        with self._counted(function):
            self._tries(function, event)

    def _tries(self, function: LambdaFunction, event: Any) -> None:
        configs = [config.config for config in function.event_invoke_config]
        retries = configs[-1].get("MaximumRetryAttempts", ASYNC_RETRIES) if configs else ASYNC_RETRIES
        for attempt in range(retries + 1):
            if attempt:
                time.sleep(ASYNC_PAUSE_SECONDS * attempt)
            try:
                if self._invoke(function, event).error is None:
                    return
            except Exception:
                log.exception("function %s could not be run", function.function_name)
        log.warning("function %s failed %s times; the event is dropped", function.function_name, retries + 1)

    def _write_log(self, function: LambdaFunction, outcome: Outcome) -> None:
        backend = logs_backends[ACCOUNT_ID][function.region]
        group, stream = log_group(function.function_name), outcome.log_stream
        with self._log_lock:  # moto looks whether they exist, and then makes them
            backend.ensure_log_group(group)
            backend.ensure_log_stream(group, stream)
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": line} for line in outcome.output.splitlines()]
        backend.put_log_events(group, stream, events)


def described(function: LambdaFunction) -> Function:
    """What is run of moto's record."""
    return Function(
        name=function.function_name,
        version=str(function.version),
        arn=function.function_arn,
        region=function.region,
        handler=function.handler or "",
        code=function.code_bytes,
        code_sha256=function.code_sha_256,
        timeout=timedelta(seconds=int(function.timeout)),
        memory_mb=int(function.memory_size),
        variables=dict(function.environment_vars or {}),
    )


def install(service: LambdaService) -> None:
    """Patch moto's Lambda."""
    moto_create = vars(LambdaBackend)["create_function"]
    moto_update_code = vars(LambdaBackend)["update_function_code"]

    def create_function(self: LambdaBackend, spec: dict[str, Any]) -> LambdaFunction:
        _check_spec(spec)
        return moto_create(self, spec)

    def update_function_code(self: LambdaBackend, function_name: str, qualifier: str, body: dict[str, Any]) -> Any:
        _check_code(body)
        return moto_update_code(self, function_name, qualifier, body)

    def invoke(self: LambdaResponse) -> tuple[int, dict[str, str], str | bytes]:
        name = unquote(self.path.rsplit("/", 2)[-2])
        function = self.backend.get_function(name, self._get_param("Qualifier"))
        kind = self.headers.get("X-Amz-Invocation-Type") or "RequestResponse"
        event = _event(self.body, ASYNC_EVENT_LIMIT_BYTES if kind == "Event" else EVENT_LIMIT_BYTES)
        headers = {"content-type": "application/json"}
        if kind == "DryRun":
            return 204, {**headers, "status": "204"}, ""
        if kind == "Event":
            service.invoke_later(function, event)
            return 202, {**headers, "status": "202"}, ""
        outcome = service.invoke(function, event)
        headers["x-amz-executed-version"] = str(function.version)
        if outcome.error:
            headers["x-amz-function-error"] = outcome.error
        if self.headers.get("X-Amz-Log-Type") == "Tail":
            headers["x-amz-log-result"] = base64.b64encode(outcome.output.encode()[-LOG_TAIL_BYTES:]).decode()
        return 200, headers, outcome.payload

    replace_attribute(LambdaBackend, "create_function", create_function)
    replace_attribute(LambdaBackend, "update_function_code", update_function_code)
    replace_attribute(LambdaResponse, "invoke", invoke)


def _event(body: Any, limit: int) -> Any:
    text = body.decode() if isinstance(body, bytes) else str(body or "")
    if len(text.encode()) > limit:
        raise LambdaClientError(
            "RequestTooLargeException", f"{len(text)} byte payload is too large: {limit} is the limit"
        )
    try:
        return json.loads(text or "{}")
    except ValueError as exc:
        message = f"Could not parse request body into json: {exc}"
        raise LambdaClientError("InvalidRequestContentException", message) from exc


def _check_spec(spec: dict[str, Any]) -> None:
    name = str(spec.get("FunctionName"))
    if not NAME.fullmatch(name):
        message = f"Value {name!a} at 'functionName' failed to satisfy constraint: {NAME.pattern}"
        raise LambdaClientError("ValidationException", message)
    runtime = spec.get("Runtime") or ""
    if not runtime.startswith(RUNTIME) or not spec.get("Handler"):
        raise LambdaClientError(
            "InvalidParameterValueException", f"The local cloud runs Python functions with a handler, not '{runtime}'"
        )
    if not 1 <= int(spec.get("Timeout", 3)) <= 900:
        raise LambdaClientError("InvalidParameterValueException", "Timeout is between 1 and 900 seconds")
    _check_code(spec.get("Code") or {})


def _check_code(code: dict[str, Any]) -> None:
    """A zip that came with the request must be one; moto itself looks after those in S3."""
    if "ZipFile" not in code:
        return
    try:
        with zipfile.ZipFile(io.BytesIO(base64.b64decode(code["ZipFile"]))) as archive:
            check_size(archive)
    except CodeError as exc:
        raise LambdaClientError("InvalidParameterValueException", str(exc)) from exc
    except (*BROKEN_ZIP, binascii.Error) as exc:
        message = "Could not unzip uploaded file. Please check your file, then try to upload again."
        raise LambdaClientError("InvalidParameterValueException", message) from exc


def export(backend: LambdaBackend) -> dict[str, Any]:
    """Every function of a region with its code and permissions, as JSON data. Versions and aliases are left out."""
    return {
        "functions": [
            {
                **{name: getattr(function, name, None) for name in PERSISTED},
                "code": {key: value for key, value in function.code.items() if key != "ZipFile"},
                "code_bytes": base64.b64encode(function.code_bytes).decode(),
                "architectures": function.architectures,
                "ephemeral_storage": function.ephemeral_storage,
                "policy": function.policy.statements,
                "event_invoke": [config.config for config in function.event_invoke_config],
            }
            for function in backend._lambdas.latest()
        ]
    }


def restore(backend: LambdaBackend, data: dict[str, Any]) -> None:
    """Put back what `export` told. The roles need not exist: IAM is not kept."""
    for entry in data["functions"]:
        spec = {"FunctionName": entry["function_name"], "Role": entry["role"], "Code": {"ZipFile": entry["code_bytes"]}}
        function = LambdaFunction(backend.account_id, spec, backend.region_name, version="$LATEST")
        for name in (*PERSISTED, "architectures", "ephemeral_storage"):
            if name != "code":
                setattr(function, name, entry[name])
        function.code = entry["code"]
        function.policy.statements = entry["policy"]
        backend._lambdas._functions[function.function_name] = {"latest": function, "versions": []}
        backend._lambdas._arns[function.function_arn] = function
        for config in entry["event_invoke"]:
            backend.put_function_event_invoke_config(function.function_name, config)
