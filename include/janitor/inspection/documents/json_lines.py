"""Where in a JSON file a field stands: json.loads forgets it, and people want the line."""

from __future__ import annotations

import contextlib
import re
from json.decoder import py_scanstring  # type: ignore[attr-defined]  # not in typeshed

_BLANK = re.compile(r"[ \t\r\n]*")
_ATOM = re.compile(r"[^\s,\]}]+")
_MOST_FIELDS = 20_000


def field_lines(text: str) -> dict[str, int]:
    """Path of each field (`config.env[0].key`) → its line, from 1; of as much as is JSON."""
    finder = _Finder(text)
    # What came before a mistake is found.
    with contextlib.suppress(ValueError, IndexError, RecursionError):
        finder.value(0, "")
    return finder.lines


def line_of(lines: dict[str, int], where: str) -> int | None:
    """The line of a field, or of the nearest one around it that is there."""
    while where:
        if where in lines:
            return lines[where]
        where = re.sub(r"(?:^|\.)[^.\[\]]+$|\[\d+\]$", "", where)
    return lines.get("")


class _Finder:
    def __init__(self, text: str) -> None:
        self._text = text
        self._counted = (0, 1)
        self.lines: dict[str, int] = {}

    def _note(self, path: str, index: int) -> None:
        if len(self.lines) >= _MOST_FIELDS:
            raise ValueError("too many fields")
        start, line = self._counted
        line += self._text.count("\n", start, index)
        self._counted = (index, line)
        self.lines[path] = line

    def _skip(self, index: int) -> int:
        match = _BLANK.match(self._text, index)
        return match.end() if match else index

    def value(self, index: int, path: str) -> int:
        index = self._skip(index)
        if path not in self.lines:
            self._note(path, index)
        character = self._text[index]
        if character == "{":
            return self._members(index + 1, path)
        if character == "[":
            return self._items(index + 1, path)
        if character == '"':
            _, end = py_scanstring(self._text, index + 1)
            return int(end)
        match = _ATOM.match(self._text, index)
        if match is None:
            raise ValueError("no value")
        return match.end()

    def _members(self, index: int, path: str) -> int:
        index = self._skip(index)
        while self._text[index] != "}":
            start = index
            name, index = py_scanstring(self._text, index + 1)
            index = self._skip(index)
            if self._text[index] != ":":
                raise ValueError("no colon")
            inner = f"{path}.{name}" if path else str(name)
            self._note(inner, start)
            index = self._skip(self.value(index + 1, inner))
            if self._text[index] == ",":
                index = self._skip(index + 1)
        return index + 1

    def _items(self, index: int, path: str) -> int:
        index = self._skip(index)
        number = 0
        while self._text[index] != "]":
            index = self._skip(self.value(index, f"{path}[{number}]"))
            number += 1
            if self._text[index] == ",":
                index = self._skip(index + 1)
        return index + 1
