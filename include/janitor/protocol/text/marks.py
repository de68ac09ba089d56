"""The signs in front of results."""

from __future__ import annotations

GOOD = "✓"
BAD = "✗"
WAITING = "⏳"
UNKNOWN = "–"  # noqa: RUF001 - a dash as wide as the marks
