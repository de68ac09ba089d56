"""How large a patch is, as whoever reviews it counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class PatchSize:
    """Of one patch."""

    files: int
    lines: int
    """Removed and added."""


def patch_size(text: str) -> PatchSize:
    """Count what a unified diff of git changes; the headers of its files are no lines of it."""
    files = lines = 0
    in_hunk = False
    for line in text.splitlines():
        if line.startswith("diff --git "):
            files, in_hunk = files + 1, False
        elif line.startswith("@@ "):
            in_hunk = True
        elif in_hunk and line.startswith(("+", "-")):
            lines += 1
    return PatchSize(files=files, lines=lines)
