"""Strict reading of one JSON value: what the annotation of a field says about it, and what is wrong with any other.

Documents cross a trust boundary: nothing is coerced, everything is bounded, and an error names the value's place.
"""

from __future__ import annotations

import math
import re
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, is_dataclass, replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Final, Union, get_args, get_origin

# PostgreSQL's text holds no NUL, and neither UTF-8 nor PostgreSQL holds a lone surrogate; JSON escapes can spell both.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True)
class Text:
    """Bounds of a string, in characters; `pattern` must match it as a whole."""

    longest: int
    pattern: str | None = None
    empty: bool = False


@dataclass(frozen=True)
class Range:
    """Bounds of a number, or of a duration in seconds; both belong to it, `least` only if it isn't to be `above`."""

    least: float
    most: float
    above: bool = False


@dataclass(frozen=True)
class Most:
    """How many entries a list or an object may have, and what the keys of an object are like."""

    entries: int
    longest_key: int = 0
    key_pattern: str | None = None


class Mark(Enum):
    """What is said of a field beside its bounds."""

    LATER = "later"  # older documents lack it


@dataclass(frozen=True)
class Place:
    """A value's place in its document, and the exception for what is wrong there."""

    path: str
    error: Callable[[str], Exception]

    def problem(self, text: str) -> Exception:
        """The exception about this place, to be raised."""
        return self.error(f"{self.path or 'document'}: {text}")

    def at(self, name: str) -> Place:
        """The place of a field or key of this value."""
        return Place(f"{self.path}.{name}" if self.path else name, self.error)


@dataclass(frozen=True)
class Kind:
    """What a value is: its type and its bounds."""

    base: Any
    bounds: Any = None
    nullable: bool = False
    inner: tuple[Kind, ...] = ()
    """What the entries of a list or an object are; the choices that a union offers."""


def kind_of(hint: Any) -> Kind:
    """What an annotation says of a value.

    Raises:
        TypeError: It is a type that no document has, or lacks the bounds that its type needs.
    """
    bounds = next((each for each in getattr(hint, "__metadata__", ()) if not isinstance(each, Mark)), None)
    hint = hint.__origin__ if get_origin(hint) is Annotated else hint
    base, arguments = get_origin(hint) or hint, get_args(hint)
    if base in (Union, types.UnionType):
        choices = tuple(kind_of(each) for each in arguments if each is not type(None))
        nullable = len(choices) < len(arguments)
        return replace(choices[0], nullable=nullable) if len(choices) == 1 else Kind(Union, None, nullable, choices)
    needed = _BOUNDS.get(base)
    if not isinstance(bounds, needed) if needed else not (base is Any or isinstance(base, type)):
        raise TypeError(f"no field of a document can be {hint} with the bounds {bounds}")
    # Of a mapping's arguments the last is its values', of a tuple's the first its entries' (the other is an ellipsis).
    inner = [each for each in arguments if each is not ...][-1:]
    return Kind(base, bounds, inner=tuple(kind_of(each) for each in inner))


def read_value(kind: Kind, value: Any, place: Place) -> Any:
    """A JSON value in the form that its kind has in Python.

    Raises:
        Exception: What `place` makes of a value that is of the wrong type or out of bounds.
    """
    if (value is None and kind.nullable) or kind.base is Any:
        return value
    if is_dataclass(kind.base):
        return kind.base.read(value, place)  # type: ignore[union-attr]  # every dataclass of a document is a Part
    if kind.base is Union:
        return read_value(
            next((each for each in kind.inner if isinstance(value, each.base)), kind.inner[-1]), value, place
        )
    return _READERS.get(kind.base, _member)(kind, value, place)


def _text(kind: Kind, value: Any, place: Place) -> str:
    bounds: Text = kind.bounds
    if not isinstance(value, str):
        raise place.problem(f"must be a string, not {type_name(value)}")
    if not value and not bounds.empty:
        raise place.problem("must not be empty")
    if len(value) > bounds.longest:
        raise place.problem(f"is {len(value)} characters long; at most {bounds.longest} are allowed")
    if _UNSTORABLE.search(value):
        raise place.problem("holds a NUL character or half a surrogate pair")
    if bounds.pattern is not None and not re.fullmatch(bounds.pattern, value):
        raise place.problem(f"{value[:80]!r} does not match {bounds.pattern}")
    return value


def _boolean(kind: Kind, value: Any, place: Place) -> bool:
    if not isinstance(value, bool):
        choices = "true, false or null" if kind.nullable else "true or false"
        raise place.problem(f"must be {choices}, not {type_name(value)}")
    return value


def _integer(kind: Kind, value: Any, place: Place) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise place.problem(f"must be a whole number, not {type_name(value)}")
    if not kind.bounds.least <= value <= kind.bounds.most:
        raise place.problem(f"is out of range: {kind.bounds.least} to {kind.bounds.most}")
    return value


def _number(kind: Kind, value: Any, place: Place) -> float:
    least, most, above = kind.bounds.least, kind.bounds.most, kind.bounds.above
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise place.problem(f"must be a number, not {type_name(value)}")
    # An int too large for a float has no place here either; compare before converting.
    if not (least <= value <= most) or not math.isfinite(value) or (above and value == least):
        raise place.problem(f"is out of range: {'above ' if above else ''}{least:g} to {most:g}")
    return float(value)


def _decimal(kind: Kind, value: Any, place: Place) -> Decimal:
    _number(kind, value, place)
    return Decimal(str(value))  # through text: Decimal(0.1) would be 0.1000000000000000055


def _duration(kind: Kind, value: Any, place: Place) -> timedelta:
    return timedelta(seconds=_number(kind, value, place))


def _instant(_kind: Kind, value: Any, place: Place) -> datetime:
    """An ISO 8601 instant with its offset, returned in UTC."""
    text = _text(INSTANT_TEXT, value, place)
    try:
        # Python 3.10's fromisoformat doesn't know the Z that other writers use.
        parsed = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)
        in_utc = parsed.astimezone(timezone.utc) if parsed.tzinfo else None
    except (ValueError, OverflowError) as exc:
        raise place.problem(f"{text!r} is not an instant such as 2026-01-01T00:00:00+00:00") from exc
    if in_utc is None:
        raise place.problem(f"{text!r} has no UTC offset")
    return in_utc


def _member(kind: Kind, value: Any, place: Place) -> Any:
    for member in kind.base:
        if isinstance(value, str) and member.value == value:
            return member
    raise place.problem("must be one of: " + ", ".join(str(member.value) for member in kind.base))


def _list(kind: Kind, value: Any, place: Place) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise place.problem(f"must be a list, not {type_name(value)}")
    _refuse_too_many(kind, len(value), place)
    entry = kind.inner[0]
    return tuple(
        read_value(entry, item, Place(f"{place.path}[{index}]", place.error)) for index, item in enumerate(value)
    )


def _map(kind: Kind, value: Any, place: Place) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise place.problem(f"must be an object, not {type_name(value)}")
    _refuse_too_many(kind, len(value), place)
    bounds: Most = kind.bounds
    for key in value:
        _text(Kind(str, Text(bounds.longest_key)), key, Place(f"{place.path} key", place.error))
        if bounds.key_pattern is not None and not re.fullmatch(bounds.key_pattern, key):
            raise place.at(key[:80]).problem("is no name of the form that is read here")
    return {key: read_value(kind.inner[0], item, place.at(key)) for key, item in value.items()}


def _refuse_too_many(kind: Kind, count: int, place: Place) -> None:
    if count > kind.bounds.entries:
        raise place.problem(f"has {count} entries; at most {kind.bounds.entries} are allowed")


INSTANT_TEXT: Final = Kind(str, Text(64))
"""An instant as documents spell it."""
_READERS: Final[Mapping[Any, Callable[[Kind, Any, Place], Any]]] = {
    str: _text,
    bool: _boolean,
    int: _integer,
    float: _number,
    Decimal: _decimal,
    timedelta: _duration,
    datetime: _instant,
    tuple: _list,
    Mapping: _map,
}
_BOUNDS: Final[Mapping[Any, type]] = {
    **dict.fromkeys((int, float, Decimal, timedelta), Range),
    **dict.fromkeys((tuple, Mapping), Most),
    str: Text,
}


def type_name(value: Any) -> str:
    """What JSON calls the type of a decoded value, for messages."""
    if value is None:
        return "null"
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list", dict: "an object"}
    return names.get(type(value), type(value).__name__)
