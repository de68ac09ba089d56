"""The zip that becomes a Lambda function: the same source gives the same bytes, so that its hash names its content."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

REAPER_SOURCE = Path("infra/lambda/reaper.py")
"""Relative to the project's root."""
REAPER_HANDLER = "reaper.handler"
REAPER_RUNTIME = "python3.12"

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip archive can state."""
_MODE = 0o100644
_UNIX = 3


def build_package(source: Path) -> bytes:
    """Zip one module, uncompressed: what zlib makes of it differs between its versions.

    Raises:
        OSError: The source can't be read.
    """
    member = zipfile.ZipInfo(source.name, _EPOCH)
    member.create_system = _UNIX
    member.external_attr = _MODE << 16
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(member, source.read_bytes())
    return content.getvalue()
