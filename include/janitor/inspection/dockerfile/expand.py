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
    r"|(?P<other>[#%/][^}]{0,300}))?\}"
)
_MOST_CHARACTERS = 65_536
"""Of what variables bring into one value: each can hold the one before it twice."""


@dataclass(frozen=True, kw_only=True)
class Expanded:
    """A value after expansion."""

    text: str
    unknown: tuple[str, ...]
    """Variables that had no value, or whose expansion isn't understood; empty text stands for them."""


def expand(text: str, values: Mapping[str, str], *, escape: str = "\\", keeps_unknown: bool = False) -> Expanded:
    """Replace `$NAME`, `${NAME}`, `${NAME:-word}`, `${NAME-word}`, `${NAME:+word}`, `${NAME+word}`, `${NAME:?word}`.

    Args:
        text: The value.
        values: What the variables stand for.
        escape: The Dockerfile's escape character.
        keeps_unknown: Whether a variable without a value stays as it stands, for a shell that may know it.
    """
    unknown: list[str] = []
    brought = 0

    def replace(match: re.Match[str]) -> str:
        nonlocal brought
        value = replaced(match)
        brought += len(value)
        if brought > _MOST_CHARACTERS:
            unknown.append(match.group("plain") or match.group("name") or "")
            return ""
        return value

    def replaced(match: re.Match[str]) -> str:
        if escaped := match.group("escaped"):
            return escaped[1:]
        name = match.group("plain") or match.group("name")
        value = values.get(name)
        operator = match.group("operator")
        nothing = match.group(0) if keeps_unknown else ""
        if match.group("other") is not None:
            unknown.append(name)
            return nothing or value or ""
        if operator is None or operator.endswith("?"):
            if value is None:
                unknown.append(name)
                return nothing
            return value
        absent = value is None or (operator.startswith(":") and not value)
        if operator.endswith("-") == absent:
            inner = expand(match.group("word"), values, keeps_unknown=keeps_unknown)
            unknown.extend(inner.unknown)
            return inner.text
        return value or ""

    if escape != "\\":
        text = text.replace(escape + "$", "\\$")
    return Expanded(text=_VARIABLE.sub(replace, text), unknown=tuple(unknown))
