"""Which kinds of calls were sent to AWS, whoever sends them, for comparing with a policy: one line each.

    s3 DeleteObject janitor-specs        service, action, and where: what a policy's resource or condition names

Many processes share the file: each writes a kind once in its life, in one append.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_MODE = 0o600
_FOLDERS = ("Key", "Prefix")
_NAMES = ("GroupName", "logGroupName", "Namespace", "DocumentName")
_NOWHERE = "-"


@dataclass(frozen=True, order=True)
class CallKind:
    """What was sent, as far as a policy tells calls apart."""

    service: str
    action: str
    where: str | None
    """The first folder of an S3 key; the name of a schedule group, log group, metrics' namespace or SSM document."""


def keep_calls(client: Any, path: Path) -> None:
    """Let every kind of call that a client sends be known.

    Args:
        client: A boto3 client.
        path: Takes the lines; a file that can't be written costs the record, never the call.
    """
    service = client.meta.service_model.service_name
    written: set[tuple[str, str]] = set()

    def keep(params: Mapping[str, Any], model: Any, **_: Any) -> None:
        kind = (model.name, _where(params))
        if kind in written:
            return
        written.add(kind)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _MODE)
            try:
                os.write(descriptor, f"{service} {kind[0]} {kind[1]}\n".encode())
            finally:
                os.close(descriptor)
        except OSError:
            written.discard(kind)

    client.meta.events.register("before-parameter-build", keep)


def _where(params: Mapping[str, Any]) -> str:
    for name in _FOLDERS:
        if value := params.get(name):
            return str(value).partition("/")[0]
    return next((str(params[name]) for name in _NAMES if params.get(name)), _NOWHERE)


def read_calls(path: Path) -> set[CallKind]:
    """The kinds of calls in a record."""
    kinds = (line.split(maxsplit=2) for line in path.read_text(encoding="utf-8").splitlines())
    return {CallKind(service, action, None if where == _NOWHERE else where) for service, action, where in kinds}
