"""Changes values of a JSON text in their places: order of keys, indentation and all else stay as they are."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from janitor.protocol.values import type_name

Path = tuple[str | int, ...]
"""Keys and indexes from the document's root."""
_BLANK = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()
_DEEPEST = 100


class JsonEditError(ValueError):
    """The text is no JSON, or has no such place."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """Where a value stands."""

    start: int
    end: int
    key: tuple[int, int] | None
    """Where its key stands, with the quotes; None in a list."""


class JsonText:
    """A JSON text whose values can be changed.

    Args:
        text: The document.

    Raises:
        JsonEditError: It is no JSON.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._read()

    def _read(self) -> None:
        self._spans: dict[Path, Span] = {}
        try:
            self.document: Any = json.loads(self.text)
            self._value(_BLANK.match(self.text).end(), (), None)  # type: ignore[union-attr]  # it matches always
        except (ValueError, RecursionError, IndexError) as exc:
            raise JsonEditError(f"it is no JSON: {exc}") from exc

    def set(self, path: Path, value: Any) -> None:
        """Put another value in a place."""
        span = self._at(path)
        self._replace(span.start, span.end, self._written(value, span.start))

    def rename(self, path: Path, key: str) -> None:
        """Call a member of an object otherwise."""
        span = self._at(path)
        if span.key is None:
            raise JsonEditError("an entry of a list has no name")
        self._replace(*span.key, json.dumps(key, ensure_ascii=False))

    def add(self, path: Path, key: str, value: Any) -> None:
        """Add a member to an object, behind its last one."""
        span = self._at(path)
        members = [each for each in self._spans if each[:-1] == path and each != path]
        if not isinstance(self.value(path), dict):
            raise JsonEditError(f"a member is for an object, not for {type_name(self.value(path))}")
        written = f"{json.dumps(key, ensure_ascii=False)}: "
        if not members:
            self._replace(span.start, span.end, "{" + written + self._written(value, span.start) + "}")
            return
        last = self._spans[members[-1]]
        first = self._spans[members[0]].key
        assert first is not None, "it is an object's"
        lead = self.text[self._end_before(first[0]) : first[0]]
        self._replace(last.end, last.end, f",{lead or ' '}{written}{self._written(value, first[0])}")

    def replace_all(self, text: str) -> None:
        """Put another text in the place of all of it."""
        self._replace(0, len(self.text), text)

    def value(self, path: Path) -> Any:
        """What stands in a place.

        Raises:
            JsonEditError: Nothing does.
        """
        found = self.document
        for part in path:
            try:
                found = found[part]
            except (KeyError, IndexError, TypeError) as exc:
                raise JsonEditError(f"there is no {part!r}") from exc
        return found

    def _at(self, path: Path) -> Span:
        if path not in self._spans:
            raise JsonEditError(f"there is no {path!r}")
        return self._spans[path]

    def _replace(self, start: int, end: int, written: str) -> None:
        self.text = self.text[:start] + written + self.text[end:]
        self._read()

    def _end_before(self, at: int) -> int:
        """The end of what stands before the blanks before a place."""
        while at > 0 and self.text[at - 1] in " \t\r\n":
            at -= 1
        return at

    def _written(self, value: Any, at: int) -> str:
        """A value in the text's own indentation."""
        if not isinstance(value, (dict, list)) or not value:
            return json.dumps(value, ensure_ascii=False)
        line = self.text[self.text.rfind("\n", 0, at) + 1 : at]
        lead = line[: len(line) - len(line.lstrip())]
        unit = self._unit()
        if unit is None:
            return json.dumps(value, ensure_ascii=False)
        return json.dumps(value, ensure_ascii=False, indent=unit).replace("\n", f"\n{lead}")

    def _unit(self) -> str | None:
        """What the text indents by; None where it stands on one line."""
        match = re.search(r"[{\[]\r?\n([ \t]+)\S", self.text)
        return match[1] if match else None

    def _value(self, at: int, path: Path, key: tuple[int, int] | None) -> int:
        """Note where the value at a place ends, and all in it."""
        if len(path) > _DEEPEST:
            raise JsonEditError("it is deeper than is read")
        opening = self.text[at]
        # Before what is in it: members stand behind their object.
        self._spans[path] = Span(start=at, end=at, key=key)
        if opening == "{":
            end = self._members(at + 1, path)
        elif opening == "[":
            end = self._entries(at + 1, path)
        elif opening == '"':
            end = self._string(at)[1]
        else:
            end = at + len(re.match(r"[^\s,\]}]+", self.text[at : at + 500])[0])  # type: ignore[index]  # as above
        self._spans[path] = Span(start=at, end=end, key=key)
        return end

    def _string(self, at: int) -> tuple[str, int]:
        """The string at a place, and its end."""
        found, end = _DECODER.raw_decode(self.text, at)
        if not isinstance(found, str):
            raise JsonEditError(f"there is no string at {at}")
        return found, end

    def _skip(self, at: int) -> int:
        match = _BLANK.match(self.text, at)
        return match.end() if match else at

    def _members(self, at: int, path: Path) -> int:
        at = self._skip(at)
        while self.text[at] != "}":
            name, end = self._string(at)
            colon = self._skip(end)
            at = self._skip(self._value(self._skip(colon + 1), (*path, name), (at, end)))
            at = self._skip(at + 1) if self.text[at] == "," else at
        return at + 1

    def _entries(self, at: int, path: Path) -> int:
        at, index = self._skip(at), 0
        while self.text[at] != "]":
            at = self._skip(self._value(at, (*path, index), None))
            at = self._skip(at + 1) if self.text[at] == "," else at
            index += 1
        return at + 1


def without_trailing_commas(text: str) -> str:
    """The text without commas before a closing bracket; what stands in quotes stays."""
    kept: list[str] = []
    comma: int | None = None
    in_string = escaped = False
    for character in text:
        if in_string:
            in_string, escaped = escaped or character != '"', character == "\\" and not escaped
        elif character == '"':
            in_string, comma = True, None
        elif character == ",":
            comma = len(kept)
        elif character in "}]" and comma is not None:
            kept[comma] = ""
        if not in_string and character not in ", \t\r\n":
            comma = None
        kept.append(character)
    return "".join(kept)


def mapping_of(value: Any) -> Mapping[str, Any]:
    """An object, or an empty one in the place of anything else."""
    return value if isinstance(value, dict) else {}
