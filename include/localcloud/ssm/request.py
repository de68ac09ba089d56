"""SendCommand's arguments: what Systems Manager accepts, checked before anything runs.

Source of every limit: botocore's service model of SSM, and the AWS-RunShellScript document.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from moto.core.exceptions import ServiceException

DOCUMENT = "AWS-RunShellScript"
DEFAULT_DELIVERY_TIMEOUT_SECONDS = 3600
DELIVERY_TIMEOUT_SECONDS = range(30, 2_592_001)
EXECUTION_TIMEOUT = re.compile(r"[1-9][0-9]{0,4}|1[0-6][0-9]{4}|17[01][0-9]{3}|172[0-7][0-9]{2}|172800")
DEFAULT_EXECUTION_TIMEOUT_SECONDS = 3600
MAX_INSTANCES = 50
MAX_COMMENT_LENGTH = 100
MAX_TARGETS = 5
MAX_DOCUMENT_BYTES = 64 * 1024
"""With its parameters, which stand in it when it is run. Whether AWS counts just so isn't documented."""
PARAMETERS = {"commands", "workingDirectory", "executionTimeout"}


class SsmError(ServiceException):  # type: ignore[misc]  # moto is untyped
    """An error of Systems Manager, with the code that its clients see."""


@dataclass(frozen=True, kw_only=True)
class CommandRequest:
    """A SendCommand call that passed the checks."""

    script: str
    working_directory: str
    execution_timeout: timedelta
    delivery_timeout: timedelta
    comment: str = ""
    parameters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    instance_ids: Sequence[str] = ()
    targets: Sequence[Mapping[str, Any]] = ()
    bucket: str = ""
    key_prefix: str = ""
    log_group: str = ""
    """Where output is streamed to; empty where it isn't."""

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> CommandRequest:
        """Check a request. Raises SsmError with AWS's code and words."""
        _check_document(body.get("DocumentName"))
        _check_limits(body)
        parameters = _parameters(body.get("Parameters") or {})
        logs = body.get("CloudWatchOutputConfig") or {}
        group = logs.get("CloudWatchLogGroupName") or f"/aws/ssm/{DOCUMENT}"
        limit = parameters.get("executionTimeout") or [""]
        return cls(
            script="\n".join(parameters["commands"]) + "\n",
            working_directory=(parameters.get("workingDirectory") or [""])[0],
            execution_timeout=timedelta(seconds=int(limit[0] or DEFAULT_EXECUTION_TIMEOUT_SECONDS)),
            delivery_timeout=timedelta(seconds=body.get("TimeoutSeconds") or DEFAULT_DELIVERY_TIMEOUT_SECONDS),
            comment=body.get("Comment") or "",
            parameters=parameters,
            instance_ids=list(dict.fromkeys(body.get("InstanceIds") or [])),
            targets=body.get("Targets") or [],
            bucket=body.get("OutputS3BucketName") or "",
            key_prefix=body.get("OutputS3KeyPrefix") or "",
            log_group=group if logs.get("CloudWatchOutputEnabled") else "",
        )


def _check_document(name: str | None) -> None:
    if name != DOCUMENT:
        raise SsmError("InvalidDocument", f"Document with name {name} does not exist; the local cloud has {DOCUMENT}")


def _check_limits(body: Mapping[str, Any]) -> None:
    ids, targets = body.get("InstanceIds") or [], body.get("Targets") or []
    if len(ids) > MAX_INSTANCES:
        raise _constraint("instanceIds", ids, f"Member must have length less than or equal to {MAX_INSTANCES}")
    if len(targets) > MAX_TARGETS:
        raise _constraint("targets", targets, f"Member must have length less than or equal to {MAX_TARGETS}")
    if bool(ids) == bool(targets):
        raise SsmError("ValidationException", "Specify either InstanceIds or Targets, and at least one of them")
    comment = body.get("Comment") or ""
    if len(comment) > MAX_COMMENT_LENGTH:
        raise _constraint("comment", comment, f"Member must have length less than or equal to {MAX_COMMENT_LENGTH}")
    timeout = body.get("TimeoutSeconds")
    if timeout is not None and timeout not in DELIVERY_TIMEOUT_SECONDS:
        least, most = DELIVERY_TIMEOUT_SECONDS[0], DELIVERY_TIMEOUT_SECONDS[-1]
        raise _constraint("timeoutSeconds", timeout, f"Member must have value between {least} and {most}")


def _constraint(name: str, value: Any, rule: str) -> SsmError:
    return SsmError(
        "ValidationException",
        f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: {rule}",
    )


def _parameters(parameters: Mapping[str, Any]) -> dict[str, list[str]]:
    if unknown := set(parameters) - PARAMETERS:
        raise SsmError("InvalidParameters", f"{DOCUMENT} has no parameter {sorted(unknown)}")
    if not parameters.get("commands"):
        raise SsmError("InvalidParameters", "Missing mandatory parameter: commands")
    for name, value in parameters.items():
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise SsmError("InvalidParameters", f"Parameter {name} must be a list of strings")
    timeout = (parameters.get("executionTimeout") or [""])[0]
    if timeout and not EXECUTION_TIMEOUT.fullmatch(timeout):
        raise SsmError("InvalidParameters", f"executionTimeout {timeout!r} is not a number of seconds up to 172800")
    if sum(len(item.encode()) for value in parameters.values() for item in value) > MAX_DOCUMENT_BYTES:
        raise SsmError("MaxDocumentSizeExceeded", "The size limit of a document is 64 KB.")
    return dict(parameters)
