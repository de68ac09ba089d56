"""Changes of a Dockerfile's text, instruction by instruction, with comments and layout as they are."""

from __future__ import annotations

import re
from collections.abc import Callable

from janitor.inspection.dockerfile.lexer import Instruction, lex


def lines_of(text: str, line: int) -> tuple[int, int]:
    """Where the instruction that begins in a line begins and ends in the text, comments within it included."""
    instructions = lex(text).instructions
    starts = [each.line for each in instructions]
    after = next((start for start in sorted(starts) if start > line), None)
    lines = text.splitlines(keepends=True)
    end = len(lines) if after is None else after - 1
    # What follows the instruction and belongs to the next one: blank lines and comments.
    while end > line and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
        end -= 1
    offset = sum(map(len, lines[: line - 1]))
    return offset, offset + sum(map(len, lines[line - 1 : end]))


def changed_instruction(text: str, line: int, change: Callable[[str], str]) -> str:
    """The Dockerfile with another text for the instruction that begins in a line."""
    start, end = lines_of(text, line)
    return text[:start] + change(text[start:end]) + text[end:]


def replace_word(piece: str, old: str, new: str) -> tuple[str, int]:
    """A piece of a Dockerfile with a word replaced wherever it stands as one, quoted or not; and how often."""
    pattern = rf"(?<![^\s\"'\[,=])(?:\./)?{re.escape(old.removeprefix('./'))}/?(?=[\s\"',\]\\]|$)"
    return re.subn(pattern, lambda _: new, piece)


def mentions(text: str, name: str, *, but: tuple[int, int]) -> bool:
    """Whether a name stands anywhere but in one place of the text."""
    outside = text[: but[0]] + "\n" + text[but[1] :]
    pattern = rf"(?<![\w.-]){re.escape(name)}(?![\w.-])"
    return re.search(pattern, outside) is not None


def instruction_at(text: str, line: int) -> Instruction | None:
    """The instruction that begins in a line."""
    return next((each for each in lex(text).instructions if each.line == line), None)
