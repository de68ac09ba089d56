"""The commands of a RUN instruction one by one: what is surely run, where, and with which input."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from janitor.inspection.dockerfile.expand import expand
from janitor.inspection.dockerfile.lexer import split_words
from janitor.inspection.shell_pieces import Redirection, ShellCommand, commands_of, without_redirections

_LONGEST = 65_536
_MOST_COMMANDS = 2_000
_ARITHMETIC = re.compile(r"\$\(\([^()]{0,200}\)\)")
_SUBSTITUTION = re.compile(r"\$\([^()]{0,500}\)|`[^`]{0,500}`")
_UNREADABLE = re.compile(r"\$\(|<\(|>\(|`|\(\)\s{0,8}[{(]|(?m:^|[;&|(])[ \t]*(?:case|function|select|eval|trap)\s")
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)\+?=(.*)", re.DOTALL)
_OPENS = frozenset({"if", "while", "until", "for"})
_CLOSES = frozenset({"fi", "done"})
_WITHIN = frozenset({"then", "else", "elif", "do"})
_STRICT = re.compile(r"-[a-zA-Z]*e[a-zA-Z]*")


@dataclass(frozen=True, kw_only=True)
class RunCommand:
    """One command."""

    words: tuple[str, ...]
    """Without redirections; variables with a known value are replaced, `$` stays in all others."""
    text: str
    """As it is written."""
    is_sure: bool
    """Whether it is run in every build that succeeds."""
    redirections: tuple[Redirection, ...] = ()
    is_nested: bool = False
    """Whether it is run in a subshell, which takes its folder with it."""
    ends_nested: bool = False


def run_commands(text: str, environment: Mapping[str, str], *, is_strict: bool = False) -> list[RunCommand] | None:
    """The commands of a shell text, in order; None where they can't be told.

    Args:
        text: Of a RUN instruction or a script.
        environment: The variables that are known.
        is_strict: Whether the shell stops at the first command that fails.
    """
    text = _SUBSTITUTION.sub("$_", _ARITHMETIC.sub("0", text.replace("\\\n", " ")))
    if len(text) > _LONGEST or _UNREADABLE.search(_without_single_quotes(text)):
        return None
    commands = commands_of(text)
    if len(commands) > _MOST_COMMANDS:
        return None
    return _Walk(environment, is_strict=is_strict).walk(commands)


def _without_single_quotes(text: str) -> str:
    return re.sub(r"'[^']*'", "''", text)


class _Walk:
    def __init__(self, environment: Mapping[str, str], *, is_strict: bool) -> None:
        self._variables = dict(environment)
        self._is_strict = is_strict
        self._depth = 0
        self._nested = 0

    def walk(self, commands: list[ShellCommand]) -> list[RunCommand] | None:
        found: list[RunCommand] = []
        for chain, is_last in _chains(commands):
            has_choice = any(command.may_fail or command.is_instead for command in chain)
            for index, command in enumerate(chain):
                is_reached = index == 0 or (not has_choice and (is_last or self._is_strict))
                each = self._one(command, is_sure=is_reached and not command.is_instead)
                if each is not None:
                    found.append(each)
        return found if self._depth == 0 and self._nested == 0 else None

    def _one(self, command: ShellCommand, *, is_sure: bool) -> RunCommand | None:
        plain, redirections = without_redirections(command.text)
        plain = plain.strip()
        opened = len(plain) - len(plain.lstrip("( "))
        opens = plain[:opened].count("(")
        self._nested += opens
        is_nested = self._nested > 0
        words = split_words(expand(plain[opened:], self._variables, keeps_unknown=True).text)
        ends = 0
        while words and words[-1].endswith(")") and self._nested > 0 and "$(" not in words[-1]:
            words[-1] = words[-1][:-1]
            words = words if words[-1] else words[:-1]
            self._nested -= 1
            ends += 1
        left = self._out_of_blocks(words)
        if left is None:
            return None
        words = self._without_assignments(left)
        if words[:1] == ["set"]:
            self._is_strict = self._is_strict or any(_STRICT.fullmatch(word) for word in words[1:])
        if not words and not redirections and not ends:
            return None
        return RunCommand(
            words=tuple(words),
            text=command.text,
            is_sure=is_sure and self._depth == 0,
            redirections=tuple(redirections),
            is_nested=is_nested,
            ends_nested=ends > 0,
        )

    def _out_of_blocks(self, words: list[str]) -> list[str] | None:
        """The words of a command without the shell's own words around it; None where nothing is left."""
        while words:
            first = words[0]
            if first == "for":
                self._depth += 1
                self._variables.pop(words[1] if len(words) > 1 else "", None)
                return None
            if first in _OPENS:
                self._depth += 1
            elif first in _CLOSES:
                self._depth -= 1
                return None
            elif first not in _WITHIN and first not in ("!", "{", "}", "time"):
                return words
            words = words[1:]
        return None

    def _without_assignments(self, words: list[str]) -> list[str]:
        start = 1 if words[:1] in (["export"], ["readonly"], ["local"], ["declare"]) else 0
        end = start
        while end < len(words) and (match := _ASSIGNMENT.fullmatch(words[end])):
            # What the command alone gets is gone afterwards; what stays is then not known.
            if "$" in match[2] or end - start > 0 or len(words) > end + 1:
                self._variables.pop(match[1], None)
            else:
                self._variables[match[1]] = match[2]
            end += 1
        return words[end:] if end > start or not start else []


def _chains(commands: list[ShellCommand]) -> list[tuple[list[ShellCommand], bool]]:
    """Commands that depend on each other, and whether they are the last ones, whose success is the text's."""
    chains: list[list[ShellCommand]] = []
    for command in commands:
        if command.follows in ("&&", "||", "|") and chains:
            chains[-1].append(command)
        else:
            chains.append([command])
    return [(chain, index == len(chains) - 1) for index, chain in enumerate(chains)]
