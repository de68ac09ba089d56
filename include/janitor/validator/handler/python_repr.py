"""Reads back what Python's repr printed, as far as it can be read back.

A job's result reaches the log only as a repr. Most are literals; what isn't (`<generator object …>`, `array([…])`,
`ValueError('x')`) must be told from text within a string that merely looks like it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

_FALSY_WORDS = frozenset({"None", "False", "0", "0.0", "nan", "inf"})
_FRACTION = re.compile(r"\d*\.\d*[1-9]\d*")
"""How far a model is off, not an error."""


class TokenKind(str, Enum):
    """What a piece of a repr is."""

    TEXT = "text"  # a string literal
    OBJECT = "object"  # <…>
    WORD = "word"  # a name or a number
    SIGN = "sign"  # a bracket, comma, colon or the like


@dataclass(frozen=True)
class Token:
    """A piece of a repr."""

    kind: TokenKind
    value: str
    """For a text, what the literal means; else as printed."""


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """A repr, taken apart."""

    tokens: tuple[Token, ...]
    is_literal: bool
    value: Any
    """The value, if it is a literal; objects in it are the text that was printed for them."""

    @property
    def objects(self) -> tuple[str, ...]:
        """What was printed for objects, outside of strings."""
        return tuple(token.value for token in self.tokens if token.kind is TokenKind.OBJECT)


def parse_repr(text: str) -> Parsed:
    """Take a repr apart."""
    tokens = tuple(_tokens(text))
    literal = "".join(repr(token.value) if token.kind is TokenKind.OBJECT else token.value for token in _raw(text))
    try:
        return Parsed(tokens=tokens, is_literal=True, value=ast.literal_eval(literal.strip()))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return Parsed(tokens=tokens, is_literal=False, value=None)


def error_in_tokens(tokens: tuple[Token, ...]) -> str | None:
    """An error within a repr that is no literal: a key `error` with something behind it, or an exception object."""
    for index, token in enumerate(tokens):
        following = tokens[index + 1] if index + 1 < len(tokens) else None
        called = token.kind is TokenKind.WORD and following == Token(TokenKind.SIGN, "(")
        if called and token.value.endswith(("Error", "Exception")):
            return token.value
        keyed = token.kind is TokenKind.TEXT and following == Token(TokenKind.SIGN, ":")
        if keyed and token.value.strip().lower() == "error" and not _is_falsy(tokens[index + 2 : index + 4]):
            return "error"
    return None


def _is_falsy(value: tuple[Token, ...]) -> bool:
    if not value:
        return True
    first = value[0]
    if first.kind is TokenKind.TEXT:
        return not first.value
    if first.kind is TokenKind.WORD:
        return first.value in _FALSY_WORDS or _FRACTION.fullmatch(first.value) is not None
    closing = {"[": "]", "{": "}", "(": ")"}.get(first.value)
    return closing is not None and len(value) > 1 and value[1] == Token(TokenKind.SIGN, closing)


def _tokens(text: str) -> Iterator[Token]:
    for token in _raw(text):
        if token.kind is TokenKind.TEXT:
            try:
                yield Token(TokenKind.TEXT, str(ast.literal_eval(token.value)))
            except (ValueError, SyntaxError, MemoryError):
                yield Token(TokenKind.TEXT, token.value.strip("'\""))
        elif token.value.strip():
            yield token


def _raw(text: str) -> Iterator[Token]:
    """Pieces exactly as printed, blanks included."""
    index = 0
    while index < len(text):
        character = text[index]
        if character in "'\"":
            end = _string_end(text, index)
            yield Token(TokenKind.TEXT, text[index:end])
        elif character == "<":
            end = _object_end(text, index)
            yield Token(TokenKind.OBJECT, text[index:end])
        elif character.isalnum() or character in "_.":
            end = index + 1
            while end < len(text) and (text[end].isalnum() or text[end] in "_."):
                end += 1
            yield Token(TokenKind.WORD, text[index:end])
        else:
            end = index + 1
            yield Token(TokenKind.SIGN, character)
        index = end


def _string_end(text: str, start: int) -> int:
    quote = text[start]
    index = start + 1
    while index < len(text):
        if text[index] == "\\":
            index += 1
        elif text[index] == quote:
            return index + 1
        index += 1
    return len(text)


def _object_end(text: str, start: int) -> int:
    """Past the matching `>`: objects can be printed within objects."""
    depth = 0
    for index in range(start, len(text)):
        if text[index] == "<":
            depth += 1
        elif text[index] == ">":
            depth -= 1
            if depth == 0:
                return index + 1
    return len(text)
