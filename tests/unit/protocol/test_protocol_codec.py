"""Documents from annotated fields: written as they always were, read strictly, and never without bounds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import pytest

from janitor.protocol import report
from janitor.protocol.agent import work
from janitor.protocol.codec import Document, Later, Part, fields_of
from janitor.protocol.order.spec import ValidationSpec
from janitor.protocol.values import Most, Place, Range, Text, kind_of

GOLDEN = Path(__file__).parent / "documents_v1.golden.jsonl"
"""Specs, an order and answers as the hand-written writers before the codec wrote them."""
BY_FORMAT = {each.FORMAT: each for each in (ValidationSpec, work.AgentOrder, work.AgentAnswer)}


@pytest.mark.parametrize("line", GOLDEN.read_text().splitlines(), ids=lambda line: line[:40])
def test_golden_document_is_read_and_written_byte_by_byte(line):
    kind = BY_FORMAT[json.loads(line)["format"]]
    assert kind.from_json(line).to_json() == line


def parts(base: type[Part] = Part) -> Iterator[type[Part]]:
    for each in base.__subclasses__():
        yield from parts(each)
        if each is not Document and each.__module__.startswith("janitor."):
            yield each


def test_every_field_of_every_document_is_bounded():
    known = set(parts())
    assert {report.Report, report.Check, ValidationSpec, work.AgentAnswer} <= known
    for part in known:
        assert fields_of(part)


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, kw_only=True)
class Inner(Part):
    least: Annotated[int, Range(0, 5)]
    most: Annotated[int, Range(0, 5)]

    def contradiction(self) -> tuple[str, str] | None:
        return ("most", "is below least") if self.most < self.least else None


@dataclass(frozen=True, kw_only=True)
class Sample(Part):
    text: Annotated[str, Text(5, r"[a-z]*", empty=True)]
    flag: bool
    choice: bool | None
    count: Annotated[int, Range(1, 9)]
    share: Annotated[float, Range(0, 1.5)]
    price: Annotated[Decimal, Range(0, 10, above=True)] | None
    colour: Colour
    at: datetime
    wait: Annotated[timedelta, Range(0, 60)]
    inner: Inner | None
    words: Annotated[tuple[Annotated[str, Text(3)], ...], Most(2)]
    sizes: Annotated[Mapping[str, Annotated[int, Range(0, 9)]], Most(2, longest_key=3, key_pattern="[a-z]+")]
    either: Annotated[str, Text(3)] | Annotated[int, Range(0, 3)] | None
    note: Later[Annotated[str, Text(5)] | None] = None
    tags: Later[Annotated[Mapping[str, Annotated[str, Text(5)]], Most(2, 5)]] = field(default_factory=dict)
    level: Later[Annotated[int, Range(0, 9)]] = 3


SAMPLE = Sample(
    text="ab",
    flag=True,
    choice=None,
    count=2,
    share=0.5,
    price=Decimal("0.1"),
    colour=Colour.RED,
    at=datetime(2026, 1, 1, tzinfo=timezone.utc),
    wait=timedelta(seconds=1.5),
    inner=Inner(least=1, most=2),
    words=("a", "b"),
    sizes={"x": 1},
    either=2,
)
WRITTEN = {
    "text": "ab",
    "flag": True,
    "choice": None,
    "count": 2,
    "share": 0.5,
    "price": 0.1,
    "colour": "red",
    "at": "2026-01-01T00:00:00+00:00",
    "wait_seconds": 1.5,
    "inner": {"least": 1, "most": 2},
    "words": ["a", "b"],
    "sizes": {"x": 1},
    "either": 2,
}


def read(document: Any) -> Sample:
    return Sample.read(document, Place("", ValueError))


def test_what_is_written_is_read_again_in_the_order_of_the_fields():
    assert SAMPLE.to_dict() == WRITTEN
    assert list(SAMPLE.to_dict()) == list(WRITTEN)
    assert read(json.loads(json.dumps(WRITTEN))) == SAMPLE


def test_a_later_field_may_be_missing_or_null_and_is_written_only_where_it_says_something():
    assert read({**WRITTEN, "note": None, "tags": None, "level": None}) == SAMPLE
    later = {"note": "new", "tags": {"a": "b"}, "level": 4}
    assert read({**WRITTEN, **later}).to_dict() == {**WRITTEN, **later}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text": 1}, "text: must be a string, not a number"),
        ({"text": "abcdef"}, "text: is 6 characters long; at most 5 are allowed"),
        ({"text": "a\x00"}, "text: holds a NUL character or half a surrogate pair"),
        ({"text": "A"}, "text: 'A' does not match [a-z]*"),
        ({"flag": None}, "flag: must be true or false, not null"),
        ({"choice": 1}, "choice: must be true, false or null, not a number"),
        ({"count": True}, "count: must be a whole number, not a boolean"),
        ({"count": 10}, "count: is out of range: 1 to 9"),
        ({"share": "1"}, "share: must be a number, not a string"),
        ({"share": 2}, "share: is out of range: 0 to 1.5"),
        ({"price": 0}, "price: is out of range: above 0 to 10"),
        ({"colour": "green"}, "colour: must be one of: red, blue"),
        ({"at": "2026-01-01T00:00:00"}, "at: '2026-01-01T00:00:00' has no UTC offset"),
        ({"at": "soon"}, "at: 'soon' is not an instant such as 2026-01-01T00:00:00+00:00"),
        ({"wait_seconds": 61}, "wait_seconds: is out of range: 0 to 60"),
        ({"inner": []}, "inner: must be an object, not a list"),
        ({"inner": {"least": 1}}, "inner.most: is missing"),
        ({"inner": {"least": 2, "most": 1}}, "inner.most: is below least"),
        ({"inner": {"least": 1, "most": 1, "more": 1}}, "inner: unknown field 'more'"),
        ({"words": "ab"}, "words: must be a list, not a string"),
        ({"words": ["a", ""]}, "words[1]: must not be empty"),
        ({"words": ["a"] * 3}, "words: has 3 entries; at most 2 are allowed"),
        ({"sizes": {"abcd": 1}}, "sizes key: is 4 characters long; at most 3 are allowed"),
        ({"sizes": {"A": 1}}, "sizes.A: is no name of the form that is read here"),
        ({"sizes": {"a": 10}}, "sizes.a: is out of range: 0 to 9"),
        ({"either": 4}, "either: is out of range: 0 to 3"),
        ({"either": "abcd"}, "either: is 4 characters long; at most 3 are allowed"),
        ({"level": 10}, "level: is out of range: 0 to 9"),
        ({"wait": 1, 7: 2}, "document: unknown field 'wait', '7'"),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else value[:30],
)
def test_bad_value_is_refused_with_its_place(change, message):
    with pytest.raises(ValueError, match=r".") as caught:
        read({**WRITTEN, **change})
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "hint", [str, int, float, timedelta, tuple[bool, ...], Mapping[str, bool], Annotated[str, Range(0, 1)]]
)
def test_a_field_without_the_bounds_of_its_type_is_a_mistake(hint):
    with pytest.raises(TypeError, match="no field of a document can be"):
        kind_of(hint)
