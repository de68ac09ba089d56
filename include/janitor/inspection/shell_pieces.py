"""Splits shell text into its commands, without a shell: quotes and comments are known, nothing is run or expanded."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""\\. | '[^']*' | "(?:\\.|[^"\\])*" | (?P<comment>(?<!\S)\#[^\n]*)
    | (?P<separator> && | \|\|? | ; | \n | (?<![>&])&(?![&>]) ) | .""",
    re.DOTALL | re.VERBOSE,
)
_REDIRECTION = re.compile(r"(?:1|&)?>>?\|?(.*)")
_REDIRECTED = re.compile(
    r"""\\. | '[^']*' | "(?:\\.|[^"\\])*"
    | (?P<redirection> (?:(?<!\S)\d+)? (?P<operator> &>>? | >[>|&]? | <(?:<<?-?|[>&])? ) (?!\() [ \t]*
      (?P<file> (?: \\. | '[^']*' | "(?:\\.|[^"\\])*" | [^\s<>|&;()] )* ) )
    | .""",
    re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True, kw_only=True)
class ShellCommand:
    """One command, as it is written."""

    text: str
    may_fail: bool
    """Whether the text says what is done instead (`||`). A `;` is no such word: it depends on the shell's options."""
    is_instead: bool
    """Whether it is only run if the one before it fails."""
    follows: str = ""
    """What stands between it and the one before it: `&&`, `||`, `|`, `;`, `&`, a line's end; empty for the first."""


def pieces_of(text: str) -> list[tuple[str, str]]:
    """Commands with the separator behind each: `&&`, `||`, `|`, `;`, `&`, a newline; empty ones among them."""
    parts: list[tuple[str, str]] = []
    current = ""
    for match in _TOKEN.finditer(re.sub(r"\\\n", " ", text)):
        if match["separator"]:
            parts.append((current.strip(), match["separator"]))
            current = ""
        elif not match["comment"]:
            current += match[0]
    parts.append((current.strip(), ""))
    return parts


def commands_of(text: str) -> list[ShellCommand]:
    """The commands of a RUN instruction, in order."""
    parts = pieces_of(text)
    found = []
    terminator = ""
    for index in range(len(parts) - 1, -1, -1):
        command, separator = parts[index]
        # A failure goes to where a chain of `&&` ends.
        terminator = terminator if separator == "&&" else separator
        is_instead = index > 0 and parts[index - 1][1] == "||"
        if command:
            follows = parts[index - 1][1] if index > 0 else ""
            may_fail = terminator == "||"
            found.append(ShellCommand(text=command, may_fail=may_fail, is_instead=is_instead, follows=follows))
    return found[::-1]


@dataclass(frozen=True, kw_only=True)
class Redirection:
    """Where a shell takes a command's input from, or puts its output."""

    operator: str
    file: str


def without_redirections(text: str) -> tuple[str, list[Redirection]]:
    """A command as its program sees it, and what the shell took out of it.

    A `<` or `>` outside quotes is one wherever it stands: `numpy<2` is `numpy` that reads a file named 2.
    """
    found: list[Redirection] = []
    left = ""
    for match in _REDIRECTED.finditer(text):
        if match["redirection"]:
            found.append(Redirection(operator=match["operator"], file=match["file"]))
            left += " "
        else:
            left += match[0]
    return left, found


def written_files(words: Sequence[str]) -> list[str]:
    """The files that a command's output goes to."""
    found = []
    for word, following in zip(words, (*words[1:], ""), strict=True):
        if match := _REDIRECTION.fullmatch(word):
            target = match[1] or following
            if target and not target.startswith(("/dev/", "&")):
                found.append(target)
    return found
