"""A secret stays hidden where what quotes it is quoted again, as in logs of programs that answer with JSON."""

from __future__ import annotations

import html
import json
from collections.abc import Callable

import pytest

from janitor.guest.redaction import MASK, Redactor

SECRETS = (
    "p@ss/w+rd=\"'é %41&<q>Zt7",
    'se"cret-pass99',
    "se'cret-pass99",
    "geheim-pässwort99",
    "a\\b\"c'd-secret",
    "plainToken1234567890",
)
NESTED: dict[str, Callable[[str], str]] = {
    "JSON in a dict": lambda v: repr({"body": json.dumps({"k": v})}),
    "JSON in JSON in a dict": lambda v: repr({"e": json.dumps({"error_message": json.dumps({"m": v})})}),
    "bytes in JSON": lambda v: json.dumps(str(v.encode())),
    "repr of a repr": lambda v: repr(repr(v)),
    "repr in a dict": lambda v: repr({"a": repr(v)}),
    "dict in a dict beside an apostrophe": lambda v: repr({"a": repr({"b": v, "c": "it's"})}),
    "HTML in a dict": lambda v: repr({"h": html.escape(v)}),
    "dict in JSON": lambda v: json.dumps(repr({"x": v})),
    "repr in JSON in a dict": lambda v: repr(json.dumps({"r": repr(v)})),
    "JSON in a dict in JSON": lambda v: json.dumps({"l": repr({"b": json.dumps(v)})}),
    "ascii in JSON": lambda v: json.dumps(ascii({"b": v})),
    "one answer with all": lambda v: str({"raw": v, "repr": repr(v), "json": json.dumps(v), "html": html.escape(v)}),
}


@pytest.mark.parametrize("nest", NESTED.values(), ids=NESTED)
@pytest.mark.parametrize("secret", SECRETS)
def test_secret_is_hidden_however_it_is_quoted_again(secret: str, nest: Callable[[str], str]) -> None:
    told = nest(secret)
    cleaned = Redactor([secret]).clean(told)
    assert MASK in cleaned
    # Its beginning and its end, which no escape changes.
    assert secret[:4] not in cleaned
    assert secret[-4:] not in cleaned


def test_forms_of_an_ordinary_secret_are_few() -> None:
    """Each costs a search of every text that leaves the instance."""
    assert len(Redactor(["hf_abcdefghijklmnopqrstuvwx"])._literals) < 12
    assert len(Redactor(["pass\"word'with-quotes"])._literals) < 200
