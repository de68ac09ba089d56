"""Expands variables in a Dockerfile's values.

Source: "Environment replacement" in https://docs.docker.com/reference/dockerfile/.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_VARIABLE = re.compile(
    r"(?P<escaped>\\[\\$])"
    r"|\$(?P<plain>[A-Za-z_]\w*)"
    r"|\$\{(?P<name>[A-Za-z_]\w*)(?:(?P<operator>:?[-+?])(?P<word>[^{}]*(?:\$\{[^{}]*\}[^{}]*)*)"
    r"|(?P<other>[#%/][^}]*))?\}"
)


@dataclass(frozen=True, kw_only=True)
class Expanded:
    """A value after expansion."""

    text: str
    unknown: tuple[str, ...]
    """Variables that had no value, or whose expansion isn't understood; empty text stands for them."""


def expand(text: str, values: Mapping[str, str], *, escape: str = "\\") -> Expanded:
    """Replace `$NAME`, `${NAME}`, `${NAME:-word}`, `${NAME-word}`, `${NAME:+word}`, `${NAME+word}`, `${NAME:?word}`.

    Args:
        text: The value.
        values: What the variables stand for.
        escape: The Dockerfile's escape character.
    """
    unknown: list[str] = []

    def replace(match: re.Match[str]) -> str:
        if escaped := match.group("escaped"):
            return escaped[1:]
        name = match.group("plain") or match.group("name")
        value = values.get(name)
        operator = match.group("operator")
        if match.group("other") is not None:
            unknown.append(name)
            return value or ""
        if operator is None or operator.endswith("?"):
            if value is None:
                unknown.append(name)
            return value or ""
        absent = value is None or (operator.startswith(":") and not value)
        if operator.endswith("-") == absent:
            inner = expand(match.group("word"), values)
            unknown.extend(inner.unknown)
            return inner.text
        return value or ""

    if escape != "\\":
        text = text.replace(escape + "$", "\\$")
    return Expanded(text=_VARIABLE.sub(replace, text), unknown=tuple(unknown))
