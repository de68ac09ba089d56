"""Which kinds of calls were sent to AWS: one line `service action` each, whoever sends it, for comparing with a policy.

Many processes share the file: each writes a kind once in its life, in one append.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

_MODE = 0o600


def keep_calls(client: Any, path: Path) -> None:
    """Let every kind of call that a client sends be known.

    Args:
        client: A boto3 client.
        path: Takes the lines; a file that can't be written costs the record, never the call.
    """
    service = client.meta.service_model.service_name
    written: set[str] = set()

    def keep(model: Any, **_: Any) -> None:
        if model.name in written:
            return
        written.add(model.name)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _MODE)
            try:
                os.write(descriptor, f"{service} {model.name}\n".encode())
            finally:
                os.close(descriptor)
        except OSError:
            written.discard(model.name)

    client.meta.events.register("before-call", keep)


def read_calls(path: Path) -> set[tuple[str, str]]:
    """The kinds of calls in a record, as (service, action)."""
    pairs = (line.split() for line in path.read_text(encoding="utf-8").splitlines())
    return {(service, action) for service, action in pairs}
