"""Reads back what Python's repr printed, as far as it can be read back.

A job's result reaches the log only as a repr. Most are literals; what isn't (`<generator object …>`, `array([…])`,
`ValueError('x')`) must be told from text within a string that merely looks like it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from janitor.diagnosis.handler.stated_errors import states_error

_UNREADABLE = (ValueError, SyntaxError, TypeError, MemoryError, RecursionError)
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")


class TokenKind(str, Enum):
    """What a piece of a repr is."""

    TEXT = "text"  # a string literal
    OBJECT = "object"  # <…>
    WORD = "word"  # a name or a number
    SIGN = "sign"  # a bracket, comma, colon or the like


_AS_PRINTED = (TokenKind.WORD, TokenKind.SIGN)


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
    except _UNREADABLE:
        return Parsed(tokens=tokens, is_literal=False, value=None)


@dataclass(frozen=True, kw_only=True)
class TokenError:
    """An error within a repr that can't be read back."""

    name: str
    value: Any
    """What stands under the name; None for an exception object."""
    depth: int
    """How many brackets are open around it."""


def error_in_tokens(tokens: tuple[Token, ...]) -> TokenError | None:
    """An error within a repr that is no literal or was cut: an exception object, or a key `error` with what states one.

    What stands behind the key must be there as a whole and readable: half a text is none.
    """
    depth = 0
    for index, token in enumerate(tokens):
        following = tokens[index + 1] if index + 1 < len(tokens) else None
        if token.kind is TokenKind.SIGN:
            depth += (token.value in _OPENING) - (token.value in _CLOSING)
        called = token.kind is TokenKind.WORD and following == Token(TokenKind.SIGN, "(")
        if called and token.value.endswith(("Error", "Exception")):
            return TokenError(name=token.value, value=None, depth=depth)
        keyed = token.kind is TokenKind.TEXT and following == Token(TokenKind.SIGN, ":")
        if keyed and token.value.strip().lower() == "error":
            value = _value_at(tokens, index + 2)
            if states_error(value):
                return TokenError(name="error", value=value, depth=depth)
    return None


def end_of_value(tokens: tuple[Token, ...], start: int) -> int:
    """Where the comma or bracket stands that ends the value that begins here; past the end if nothing ends it."""
    depth = 0
    for index in range(start, len(tokens)):
        sign = tokens[index].value if tokens[index].kind is TokenKind.SIGN else ""
        if depth == 0 and (sign == "," or sign in _CLOSING):
            return index
        depth += (sign in _OPENING) - (sign in _CLOSING)
    return len(tokens)


def _value_at(tokens: tuple[Token, ...], start: int) -> Any:
    """The value that begins here; None where it isn't whole or can't be read back."""
    end = end_of_value(tokens, start)
    if end == len(tokens):
        return None
    value = "".join(token.value if token.kind in _AS_PRINTED else repr(token.value) for token in tokens[start:end])
    try:
        return ast.literal_eval(value)
    except _UNREADABLE:
        return None


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
