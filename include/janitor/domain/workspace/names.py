"""Names of files that come from outside: no two become the same, and none leads anywhere else."""

from __future__ import annotations

import hashlib
from urllib.parse import quote

LONGEST = 200
"""Bytes; file systems take 255. Source: NAME_MAX of Linux and APFS."""
_KEPT = 120


def file_name(name: str) -> str:
    """One path component for a name, always the same and only for this one.

    Whatever is no letter, digit, `_`, `-`, `~` or inner dot is percent-encoded, not replaced: `a/b` and `a-b` stay
    apart. A long name is cut and gets its hash, behind `%~`, which no encoding makes.

    Raises:
        ValueError: It is empty.
    """
    if not name:
        raise ValueError("a name can't be empty")
    encoded = quote(name, safe="", errors="surrogatepass")
    if encoded.startswith("."):
        encoded = f"%2E{encoded[1:]}"
    if len(encoded) <= LONGEST:
        return encoded
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{encoded[:_KEPT]}%~{digest}"
