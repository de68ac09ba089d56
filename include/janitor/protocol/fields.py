"""Strict reading of decoded JSON: every field is named, typed and bounded, and an error says which one and why.

Both documents of the protocol cross a trust boundary, so nothing is coerced and nothing unknown is let through.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from enum import Enum
from typing import Any, TypeVar

T = TypeVar("T")
E = TypeVar("E", bound=Enum)

# PostgreSQL's text holds no NUL, and neither UTF-8 nor PostgreSQL holds a lone surrogate; JSON escapes can spell both.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class FieldReader:
    """Reads one JSON object field by field; `finish` rejects the fields that nobody asked for.

    Args:
        value: The decoded JSON value; anything but an object is refused.
        where: Path of the object in its document, for messages; empty for the document itself.
        error: The exception raised for whatever is wrong, called with a one-line message.
    """

    def __init__(self, value: Any, *, where: str, error: Callable[[str], Exception]) -> None:
        self._where = where
        self._error = error
        if not isinstance(value, Mapping):
            raise error(f"{where or 'document'}: must be an object, not {type_name(value)}")
        self._rest: dict[str, Any] = dict(value)

    def path(self, name: str) -> str:
        """The field's path in its document, for messages."""
        return f"{self._where}.{name}" if self._where else name

    def problem(self, name: str, text: str) -> Exception:
        """The reader's error about the field `name`, to be raised."""
        return self._error(f"{self.path(name)}: {text}")

    def take(self, name: str) -> Any:
        """The raw value of a field that must be there."""
        if name not in self._rest:
            raise self.problem(name, "is missing")
        return self._rest.pop(name)

    def given(self, name: str) -> bool:
        """Whether a field that older documents lack is there; null counts as absent."""
        if self._rest.get(name) is None:
            self._rest.pop(name, None)
            return False
        return True

    def text(self, name: str, *, longest: int, pattern: str | None = None, empty: bool = False) -> str:
        """A string of at most `longest` characters, matching `pattern` as a whole if one is given."""
        return self._text(name, self.take(name), longest=longest, pattern=pattern, empty=empty)

    def optional_text(self, name: str, *, longest: int, pattern: str | None = None) -> str | None:
        """Like `text`, or null."""
        value = self.take(name)
        return None if value is None else self._text(name, value, longest=longest, pattern=pattern, empty=False)

    def _text(self, name: str, value: Any, *, longest: int, pattern: str | None, empty: bool) -> str:
        if not isinstance(value, str):
            raise self.problem(name, f"must be a string, not {type_name(value)}")
        if not value and not empty:
            raise self.problem(name, "must not be empty")
        if len(value) > longest:
            raise self.problem(name, f"is {len(value)} characters long; at most {longest} are allowed")
        if _UNSTORABLE.search(value):
            raise self.problem(name, "holds a NUL character or half a surrogate pair")
        if pattern is not None and not re.fullmatch(pattern, value):
            raise self.problem(name, f"{value[:80]!r} does not match {pattern}")
        return value

    def boolean(self, name: str) -> bool:
        """true or false."""
        value = self.take(name)
        if not isinstance(value, bool):
            raise self.problem(name, f"must be true or false, not {type_name(value)}")
        return value

    def optional_boolean(self, name: str) -> bool | None:
        """true, false or null."""
        value = self.take(name)
        if value is not None and not isinstance(value, bool):
            raise self.problem(name, f"must be true, false or null, not {type_name(value)}")
        return value

    def integer(self, name: str, *, least: int, most: int) -> int:
        """A whole number within [least, most]."""
        return self._integer(name, self.take(name), least, most)

    def optional_integer(self, name: str, *, least: int, most: int) -> int | None:
        """Like `integer`, or null."""
        value = self.take(name)
        return None if value is None else self._integer(name, value, least, most)

    def _integer(self, name: str, value: Any, least: int, most: int) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.problem(name, f"must be a whole number, not {type_name(value)}")
        if not least <= value <= most:
            raise self.problem(name, f"is out of range: {least} to {most}")
        return value

    def number(self, name: str, *, least: float, most: float) -> float:
        """A finite number within [least, most]."""
        value = self.take(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.problem(name, f"must be a number, not {type_name(value)}")
        # An int too large for a float has no place here either; compare before converting.
        if not (least <= value <= most) or not math.isfinite(value):
            raise self.problem(name, f"is out of range: {least:g} to {most:g}")
        return float(value)

    def moment(self, name: str) -> datetime:
        """An ISO 8601 instant with its offset, returned in UTC."""
        text = self._text(name, self.take(name), longest=64, pattern=None, empty=False)
        try:
            # Python 3.10's fromisoformat doesn't know the Z that other writers use.
            parsed = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)
            in_utc = parsed.astimezone(timezone.utc) if parsed.tzinfo else None
        except (ValueError, OverflowError) as exc:
            raise self.problem(name, f"{text!r} is not an instant such as 2026-01-01T00:00:00+00:00") from exc
        if in_utc is None:
            raise self.problem(name, f"{text!r} has no UTC offset")
        return in_utc

    def member(self, name: str, kind: type[E]) -> E:
        """A value of the enumeration `kind`."""
        return self._member(name, self.take(name), kind)

    def optional_member(self, name: str, kind: type[E]) -> E | None:
        """Like `member`, or null."""
        value = self.take(name)
        return None if value is None else self._member(name, value, kind)

    def _member(self, name: str, value: Any, kind: type[E]) -> E:
        for member in kind:
            if isinstance(value, str) and member.value == value:
                return member
        allowed = ", ".join(str(member.value) for member in kind)
        raise self.problem(name, f"must be one of: {allowed}")

    def object(self, name: str) -> FieldReader:
        """A nested object, as a reader of its own."""
        return FieldReader(self.take(name), where=self.path(name), error=self._error)

    def items(self, name: str, *, most: int, read: Callable[[FieldReader], T]) -> tuple[T, ...]:
        """A list of at most `most` objects, each read by `read`, which must call `finish`."""
        return tuple(
            read(FieldReader(value, where=f"{self.path(name)}[{index}]", error=self._error))
            for index, value in enumerate(self._list(name, self.take(name), most))
        )

    def optional_texts(self, name: str, *, most: int, longest: int) -> tuple[str, ...] | None:
        """A list of at most `most` strings, or null."""
        value = self.take(name)
        if value is None:
            return None
        return tuple(
            self._text(f"{name}[{index}]", item, longest=longest, pattern=None, empty=True)
            for index, item in enumerate(self._list(name, value, most))
        )

    def text_map(self, name: str, *, most: int, longest_key: int, longest_value: int) -> dict[str, str]:
        """An object of at most `most` strings."""
        value = self._map(name, most, longest_key)
        return {
            key: self._text(f"{name}.{key}", item, longest=longest_value, pattern=None, empty=True)
            for key, item in value.items()
        }

    def number_map(self, name: str, *, most: int, longest_key: int, largest: float) -> dict[str, float]:
        """An object of at most `most` numbers within [0, largest]."""
        reader = FieldReader(self._map(name, most, longest_key), where=self.path(name), error=self._error)
        return {key: reader.number(key, least=0, most=largest) for key in list(reader._rest)}

    def value_map(
        self, name: str, *, most: int, key_pattern: str, largest: int, longest_text: int
    ) -> dict[str, int | float | str]:
        """An object of at most `most` numbers within [-largest, largest] or strings, under keys of one form."""
        reader = FieldReader(self._map(name, most, longest_key=64), where=self.path(name), error=self._error)
        values: dict[str, int | float | str] = {}
        for key, value in list(reader._rest.items()):
            if not re.fullmatch(key_pattern, key):
                raise reader.problem(key[:80], "is no name of the form that is read here")
            if isinstance(value, str):
                values[key] = reader.text(key, longest=longest_text)
            elif isinstance(value, int):
                values[key] = reader.integer(key, least=-largest, most=largest)
            else:
                values[key] = reader.number(key, least=-largest, most=largest)
        return values

    def _map(self, name: str, most: int, longest_key: int) -> dict[str, Any]:
        value = self.take(name)
        if not isinstance(value, Mapping):
            raise self.problem(name, f"must be an object, not {type_name(value)}")
        if len(value) > most:
            raise self.problem(name, f"has {len(value)} entries; at most {most} are allowed")
        for key in value:
            self._text(f"{name} key", key, longest=longest_key, pattern=None, empty=False)
        return dict(value)

    def _list(self, name: str, value: Any, most: int) -> list[Any]:
        if not isinstance(value, list):
            raise self.problem(name, f"must be a list, not {type_name(value)}")
        if len(value) > most:
            raise self.problem(name, f"has {len(value)} entries; at most {most} are allowed")
        return value

    def finish(self) -> None:
        """Reject what is left: fields that this version of the protocol does not know."""
        if self._rest:
            unknown = ", ".join(repr(str(key)[:80]) for key in list(self._rest)[:5])
            raise self._error(f"{self._where or 'document'}: unknown field {unknown}")


def type_name(value: Any) -> str:
    """What JSON calls the type of a decoded value, for messages."""
    if value is None:
        return "null"
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list", dict: "an object"}
    return names.get(type(value), type(value).__name__)
