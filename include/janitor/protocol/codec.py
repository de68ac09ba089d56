"""Documents from dataclasses: the annotation of a field says how it is written, read and bounded.

    @dataclass(frozen=True, kw_only=True)
    class Host(Part):
        python: Annotated[str, Text(50)]
        cpus: Annotated[int, Range(0, 100_000)]
        gpu_name: Annotated[str, Text(200)] | None = None  # must be there, and may be null
        zone: Later[Annotated[str, Text(50)] | None] = None  # older documents lack it

Fields are text, booleans, whole and other numbers, enumerations, instants, durations (under `<name>_seconds`), other
parts, lists (tuples) and objects (mappings) of these. `janitor.protocol.values` reads each.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Annotated, Any, ClassVar, TypeVar, get_type_hints

from janitor.protocol.values import Kind, Mark, Place, Text, kind_of, read_value, type_name

T = TypeVar("T")
P = TypeVar("P", bound="Part")
D = TypeVar("D", bound="Document")

Later = Annotated[T, Mark.LATER]
"""A field that older documents lack: absent and null mean its default, and it is written only where it differs."""


@dataclass(frozen=True)
class Field:
    """A field of a part, as its document has it."""

    name: str
    key: str
    kind: Kind
    default: Any
    is_later: bool


class Part:
    """A frozen dataclass that is an object of a document."""

    def to_dict(self, *, whole: bool = False) -> dict[str, Any]:
        """The JSON form, from which `read` gives an equal part.

        Args:
            whole: With the later fields that say nothing, for readers who count on every key.
        """
        values = ((each, getattr(self, each.name)) for each in fields_of(type(self)))
        own = {each.key: _plain(value) for each, value in values if whole or not each.is_later or value != each.default}
        return {"format": self.FORMAT, **own} if isinstance(self, Document) else own

    def contradiction(self) -> tuple[str, str] | None:
        """A field that contradicts others, and how: what no bound of a single field can say."""
        return None

    @classmethod
    def upgraded(cls, value: dict[str, Any]) -> dict[str, Any]:
        """The object as earlier versions wrote it, in today's form; for what `Later` can't say."""
        return value

    @classmethod
    def read(cls: type[P], value: Any, place: Place) -> P:
        """Read the JSON form strictly.

        Raises:
            Exception: What `place` makes of a field that is missing, unknown, of the wrong type or out of bounds.
        """
        if not isinstance(value, Mapping):
            raise place.problem(f"must be an object, not {type_name(value)}")
        rest = cls.upgraded(dict(value))
        if issubclass(cls, Document) and (name := _taken(rest, _FORMAT, place)) != cls.FORMAT:
            raise place.at("format").problem(f"{name!r} is not {cls.FORMAT!r}, which this version reads")
        given = {
            each.name: _taken(rest, each, place)
            for each in fields_of(cls)
            if not each.is_later or rest.get(each.key) is not None
        }
        if unknown := [key for key in rest if key not in {each.key for each in fields_of(cls)}]:
            raise place.problem("unknown field " + ", ".join(repr(str(key)[:80]) for key in unknown[:5]))
        part = cls(**given)
        if wrong := part.contradiction():
            raise place.at(wrong[0]).problem(wrong[1])
        return part


class Document(Part):
    """A part that is sent by itself, as JSON of a known format."""

    FORMAT: ClassVar[str]
    NOUN: ClassVar[str]
    """What messages call it."""
    MAX_BYTES: ClassVar[int]
    """Largest document that is read."""
    ERROR: ClassVar[type[ValueError]]

    @classmethod
    def from_dict(cls: type[D], document: Any) -> D:
        """Read a decoded document; prefer `from_json`, which also bounds the document as a whole.

        Raises:
            ValueError: Of type `ERROR`: it is of another format, a field is missing, unknown, of the wrong type or out
                of bounds, or the document contradicts itself.
        """
        return cls.read(document, Place("", cls.ERROR))

    @classmethod
    def from_json(cls: type[D], text: str | bytes) -> D:
        """Read a document.

        Raises:
            ValueError: Of type `ERROR`: it is not JSON, larger than `MAX_BYTES`, or not acceptable (see `from_dict`).
        """
        if len(text) > cls.MAX_BYTES:
            raise cls.ERROR(f"the {cls.NOUN} has {len(text)} bytes; at most {cls.MAX_BYTES} are read")
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as exc:
            raise cls.ERROR(f"the {cls.NOUN} is not JSON: {exc}") from exc
        return cls.from_dict(document)


def fields_of(part: type[Part]) -> tuple[Field, ...]:
    """The fields of a part, in the order in which they are written.

    Raises:
        TypeError: A field's annotation lacks bounds, or is of a type that no document has.
    """
    return _compiled(part)  # type: ignore[arg-type]  # its class is hashable, whatever its instances are


@cache
def _compiled(part: Any) -> tuple[Field, ...]:
    hints = get_type_hints(part, include_extras=True)
    return tuple(_field(each, hints[each.name]) for each in fields(part))


def _field(declared: Any, hint: Any) -> Field:
    kind = kind_of(hint)
    key = f"{declared.name}_seconds" if kind.base is timedelta else declared.name
    default = declared.default if declared.default_factory is MISSING else declared.default_factory()
    return Field(declared.name, key, kind, default, is_later=Mark.LATER in getattr(hint, "__metadata__", ()))


_FORMAT = Field("format", "format", Kind(str, Text(50)), default=None, is_later=False)


def _taken(rest: dict[str, Any], field: Field, place: Place) -> Any:
    here = place.at(field.key)
    if field.key not in rest:
        raise here.problem("is missing")
    return read_value(field.kind, rest.pop(field.key), here)


def _plain(value: Any) -> Any:
    """A field's value as JSON has it."""
    if isinstance(value, Part):
        return value.to_dict()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (tuple, list)) else value
