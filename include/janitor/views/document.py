"""The text of a JSON answer."""

from __future__ import annotations

from typing import Any

from janitor.protocol.text.plain_text import json_text


def as_json(plain: Any) -> str:
    """The text of a JSON answer."""
    return json_text(plain)
