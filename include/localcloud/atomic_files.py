"""Files that are either whole or absent, whenever the process is killed.

A rename is atomic against the death of this process, which is what the local cloud promises; it does not sync to
disk, so a power failure of the machine may cost the last seconds.
"""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path
from typing import Any

TEMPORARY_SUFFIX = ".part"


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file in one step."""
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}{TEMPORARY_SUFFIX}")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)  # where the disk is full, half a file makes it no better
        raise


def check_room(folder: Path, size_bytes: int) -> None:
    """Raise OSError unless a file of this size can be written there now."""
    temporary = folder / f"{uuid.uuid4().hex}{TEMPORARY_SUFFIX}"
    try:
        with temporary.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size_bytes)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, data: Any) -> None:
    """Write a JSON file in one step."""
    write_bytes(path, json.dumps(data).encode())


def remove_leftovers(folder: Path) -> None:
    """Remove what a killed process left half written."""
    for leftover in folder.rglob(f"*{TEMPORARY_SUFFIX}"):
        leftover.unlink(missing_ok=True)
