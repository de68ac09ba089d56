"""Takes secrets and terminal control out of whatever leaves the instance: evidence, reasons, log lines, transcripts.

It errs on the side of taking too much: a harmless value that looks like a key is replaced too.

Invariant: what hides a secret from a pattern (controls, zero width characters) is gone before any pattern looks.
"""

from __future__ import annotations

import base64
import html
import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

from janitor.guest.token_shapes import KEY_BEGINS, KEY_ENDS, MASK, NARROW_NAME, SHAPES, WIDE_NAME
from janitor.protocol.text.plain_text import plain

__all__ = ["MASK", "LineRedactor", "Redactor", "looks_secret", "secrets_of"]

SHORTEST_LITERAL = 6
"""Shorter values would blank out ordinary words."""
_LONGEST_NAME = 200
_BASE64_WIDTHS = (76, 64)
"""Characters in a line of base64. Source: RFC 2045 and RFC 7468."""
_TELLING = 12
"""Characters of base64 from which on a line is taken for one of a secret's."""
_ROUNDS = 3
"""How often what quotes a secret is itself quoted: an answer as JSON, in a dictionary, in a line of a log in JSON."""
_SHAPES = tuple(
    (
        re.compile(shape.pattern),
        f"{shape.keeps}{MASK}{shape.after}",
        re.compile(shape.only_with) if shape.only_with else None,
    )
    for shape in SHAPES
)
_KEY_BEGINS, _KEY_ENDS = re.compile(KEY_BEGINS), re.compile(KEY_ENDS)
_LONGEST_KEY = 400
"""Lines; what begins like a key and never ends hides no more than that."""
_NARROW_NAME = re.compile(NARROW_NAME)
_WIDE_NAME = re.compile(WIDE_NAME)
_COUNTS = frozenset({"max", "min", "num", "total"})

# Of values that tell nothing: a word, a number or version, a path, a model or image, an address without user and query.
_PLAIN_NAME = (
    r"(?![0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-)"  # a uuid in an address is often all of its secret
    r"(?![\w.-]{0,60}?(?<![A-Za-z0-9])(?=[A-Za-z]{0,40}\d)(?=\d{0,40}[A-Za-z])[A-Za-z0-9]{16})[\w.-]{1,60}"
)
_HARMLESS = re.compile(
    r"[A-Za-z]{1,12}"
    r"|v?\d{1,7}(?:\.\d{1,6}){0,4}(?:[-+.]?(?:a|b|rc|dev|post|cu|cpu|gpu)\d{0,4})?"
    rf"|(?:~|\.{{1,2}})?(?:/{_PLAIN_NAME}){{1,20}}/?"
    rf"|(?=[A-Za-z]){_PLAIN_NAME}/(?=[A-Za-z]){_PLAIN_NAME}(?::{_PLAIN_NAME})?"
    rf"|[a-z]{_PLAIN_NAME}:(?=[\d.]{{1,10}}|latest|cuda){_PLAIN_NAME}"
    rf"|https?://[a-z0-9.-]{{1,100}}(?::\d{{1,5}})?(?:/{_PLAIN_NAME}){{0,20}}/?"
)
_LONGEST_HARMLESS = 200


def looks_secret(name: str) -> bool:
    """Whether the name of a variable says that its value is a secret; one that counts tokens doesn't."""
    return not _is_count(name) and _NARROW_NAME.search(name) is not None


def secrets_of(values: Mapping[str, str]) -> Iterator[str]:
    """The values of environment variables and build arguments that must not show anywhere.

    Every value of six characters and more is one, whatever its name, except those that tell nothing and stand in other
    lines too: a single word (`production`), a number or version (`12.4.1`), a plain path (`/models/base`), a model or
    image (`acme/model-7b`), an address without user, query and key. Where the name says that it is a secret, those too.
    """
    for name, value in values.items():
        is_named = looks_secret(name) or _WIDE_NAME.search(name[:_LONGEST_NAME]) is not None
        for part in dict.fromkeys((value.strip(), *(line.strip() for line in value.splitlines()))):
            if (is_named and not _is_count(name)) or not _is_harmless(part):
                yield part
            yield from _userinfo(part)


def _is_count(name: str) -> bool:
    words = name.lower().split("_")
    return words[-1] in ("token", "tokens") and not _COUNTS.isdisjoint(words)


def _is_harmless(value: str) -> bool:
    return len(value) < SHORTEST_LITERAL or (len(value) <= _LONGEST_HARMLESS and _HARMLESS.fullmatch(value) is not None)


def _userinfo(value: str) -> Iterator[str]:
    """User and password of an address, as they stand and decoded."""
    try:
        user, at, _ = urlsplit(value).netloc.rpartition("@")
    except ValueError:
        return
    if not at:
        return
    name, _, password = user.partition(":")
    for part in (password, *([] if password and _is_harmless(name) else [name])):
        yield part
        yield unquote(part)


class Redactor:
    """Knows the secrets of one validation beside those that can be told by their form.

    Args:
        literals: Values to take out wherever they stand; short ones are ignored.
    """

    def __init__(self, literals: Iterable[str] = ()) -> None:
        forms = {plain(form) for text in literals for form in _forms(text)}
        # The longest first: one secret can be part of another.
        kept = (form for form in forms if len(form) >= SHORTEST_LITERAL and form not in MASK)
        self._literals = sorted(kept, key=len, reverse=True)

    def clean(self, text: str) -> str:
        """The text as it may leave the instance: without secrets, and plain."""
        text = plain(text)
        for literal in self._literals:
            text = text.replace(literal, MASK)
        for pattern, replacement, only_with in _SHAPES:
            if only_with is None or only_with.search(text):
                text = pattern.sub(replacement, text)
        return text

    def clean_all(self, value: Any) -> Any:
        """The same for every text in nested dicts and lists."""
        if isinstance(value, str):
            return self.clean(value)
        if isinstance(value, dict):
            return {self.clean(str(key)): self.clean_all(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.clean_all(item) for item in value]
        return value


class LineRedactor:
    """Cleans a text that comes line by line: it remembers that a line before began a private key.

    Args:
        redactor: Knows the secrets.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._lines_of_key = 0

    def clean(self, line: str) -> str | None:
        """The line as it may leave the instance; None for one inside a key."""
        if self._lines_of_key:
            ended = _KEY_ENDS.search(line)
            self._lines_of_key = 0 if ended else (self._lines_of_key + 1) % _LONGEST_KEY
            return self._redactor.clean(line[ended.end() :]) or None if ended else None
        begun = [begins.end() for begins in _KEY_BEGINS.finditer(line)]
        if begun and not _KEY_ENDS.search(line, begun[-1]):
            self._lines_of_key = 1
        return self._redactor.clean(line)


def _forms(text: str) -> Iterator[str]:
    """A secret as it stands in a log, line by line: in JSON, code, a URL, a shell, a document, hex and base64, and in
    JSON or code that is itself quoted by either, as in a log of a program that answers with JSON."""
    for part in (text, *text.splitlines()):
        bare = part.strip()
        yield from _quoted({bare, *_in_documents(bare)})
        yield from _in_json(bare)
        yield from _in_addresses(bare)
        yield from _in_shells(bare)
    encoded = text.encode(errors="replace")
    yield encoded.hex()
    yield encoded.hex().upper()
    yield from _in_base64(encoded)


def _quoted(forms: set[str]) -> set[str]:
    """Forms, and what becomes of them where they are quoted by JSON or by Python, a few times over."""
    newest = forms
    for _ in range(_ROUNDS):
        newest = {quoted for form in newest for quoted in _quoted_once(form)} - forms
        forms = forms | newest
    return forms


def _quoted_once(form: str) -> Iterator[str]:
    yield json.dumps(form)[1:-1]
    yield json.dumps(form, ensure_ascii=False)[1:-1]
    # Python quotes by the mark that the whole text has fewer of, and escapes that one alone: either, or none.
    for told in (repr(form + '"'), ascii(form + '"'), repr((form + '"').encode(errors="replace"))[1:]):
        unescaped = told[1:-2].replace("\\'", "'") if "'" in form else told[1:-2]
        yield unescaped
        yield unescaped.replace("'", "\\'")


def _in_json(bare: str) -> Iterator[str]:
    for form in (json.dumps(bare)[1:-1], json.dumps(bare, ensure_ascii=False)[1:-1]):
        yield form.replace("/", "\\/")  # PHP's
        # Go's, which keeps what HTML could read out of it.
        yield form.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _in_addresses(bare: str) -> Iterator[str]:
    # The last two are JavaScript's encodeURIComponent and encodeURI.
    for safe in ("/", "", "!'()*", "!'()*;/?:@&=+$,#"):
        quoted = quote(bare, safe=safe, errors="replace")
        yield from (quoted, _lower_escapes(quoted), quote(quoted, safe=safe))
    yield quote_plus(bare, errors="replace")


def _in_shells(bare: str) -> Iterator[str]:
    yield shlex.quote(bare)
    yield bare.replace("'", "'\"'\"'")
    yield bare.replace("'", "'\\''")
    yield re.sub(r'([\\"$`])', r"\\\1", bare)
    yield re.sub(r"([^\w@%+=:,./-])", r"\\\1", bare)  # bash's printf %q
    yield bare.replace("$", "$$")  # compose's
    named = {"\a": "a", "\b": "b", "\t": "t", "\n": "n", "\v": "v", "\f": "f", "\r": "r", "\\": "\\", "'": "'"}
    yield "".join(
        f"\\{named[char]}"
        if char in named
        else char
        if char.isascii() and char.isprintable()
        else "".join(f"\\{byte:03o}" for byte in char.encode(errors="replace"))
        for char in bare
    )


def _in_documents(bare: str) -> Iterator[str]:
    escaped = html.escape(bare)
    yield from (escaped, html.escape(bare, quote=False))
    yield escaped.replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
    yield escaped.replace("&#x27;", "&#39;")
    yield bare.replace("'", "''")  # YAML's and SQL's


def _lower_escapes(quoted: str) -> str:
    """`%2f` for `%2F`, as some libraries write it."""
    return re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), quoted)


def _in_base64(secret: bytes) -> Iterator[str]:
    """As it stands in the base64 of whatever it is a part of, `user:secret` above all: it can begin in three ways."""
    whole = base64.b64encode(secret).decode().rstrip("=")
    for width in _BASE64_WIDTHS:
        # The lines of a text that is wrapped; a short last one tells little.
        yield from (line for at in range(0, len(whole), width) if len(line := whole[at : at + width]) >= _TELLING)
    for before in range(3):
        text = base64.b64encode(bytes(before) + secret).decode().rstrip("=")
        # The first and the last character hang on what stands beside it.
        first = -(-before * 4 // 3)
        last = (before + len(secret)) * 4 // 3
        yield text[first:last]
        yield text[first:last].replace("+", "-").replace("/", "_")
