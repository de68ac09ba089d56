"""Splits a Dockerfile into instructions: parser directives, comments, continuations and heredocs.

Source: https://docs.docker.com/reference/dockerfile/ and BuildKit's frontend/dockerfile/parser.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass

_DIRECTIVE = re.compile(r"#\s*([a-zA-Z][\w-]*)\s*=\s*(\S.*)")
_DIRECTIVES = frozenset({"syntax", "escape", "check"})
_WORD = re.compile(r"""(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+|\s+|\\$""", re.DOTALL)
_HEREDOC = re.compile(r"\d*<<(-?)([^<]+)", re.DOTALL)
_TAKES_HEREDOC = frozenset({"RUN", "COPY", "ADD"})
_FLAG = re.compile(r"--([a-z][\w-]*)(?:=(\"[^\"]*\"|'[^']*'|\S*))?(?:\s+|$)")
_TAKES_FLAGS = frozenset({"FROM", "RUN", "COPY", "ADD", "HEALTHCHECK"})
_INSTRUCTIONS = _TAKES_FLAGS | {
    *("ARG", "CMD", "ENTRYPOINT", "ENV", "EXPOSE", "LABEL", "MAINTAINER", "ONBUILD", "SHELL", "STOPSIGNAL", "USER"),
    *("VOLUME", "WORKDIR"),
}
MOST_INSTRUCTIONS = 2_000
"""What a Dockerfile may have here; an image of Docker's has at most 127 layers."""


class DockerfileSyntaxError(Exception):
    """BuildKit would refuse this Dockerfile.

    Attributes:
        line: Where, from 1; the message begins with it.
    """

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(f"line {line}: {problem}")
        self.line = line


@dataclass(frozen=True, kw_only=True)
class Heredoc:
    """A text that an instruction brings along."""

    name: str
    """Ends it; COPY and ADD take it for the file's name too."""
    body: str
    is_expanded: bool
    """Whether COPY and ADD replace variables in it: the name stands without quotes."""


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """One instruction."""

    keyword: str
    """In upper case."""
    value: str
    """What follows the keyword and its flags, continuations joined."""
    flags: tuple[tuple[str, str], ...]
    """`--name=value` in order; an empty value for a bare `--name`."""
    line: int
    """Of its keyword, from 1."""
    heredocs: tuple[Heredoc, ...] = ()

    def flag(self, name: str) -> str | None:
        """The value of a flag, or None."""
        return next((value for key, value in self.flags if key == name), None)

    def exec_form(self) -> list[str] | None:
        """The words of the JSON form, or None for the shell form."""
        if not self.value.startswith("["):
            return None
        try:
            words = json.loads(self.value)
        except (ValueError, RecursionError):
            return None
        if isinstance(words, list) and all(isinstance(word, str) for word in words):
            return words
        return None

    def words(self) -> list[str]:
        """Arguments of COPY, ADD or ARG, in either form, quotes taken away; heredoc markers are left out."""
        if (exact := self.exec_form()) is not None:
            return exact
        if not self.heredocs:
            return split_words(self.value)
        return [word for raw in _raw_words(self.value) if not _HEREDOC.fullmatch(raw) for word in split_words(raw)]

    def triggered(self) -> Instruction | None:
        """For ONBUILD, the instruction that is run in a stage that builds on this one."""
        keyword, rest = [*re.split(r"\s+", self.value, maxsplit=1), ""][:2]
        if self.keyword != "ONBUILD" or keyword.upper() not in _INSTRUCTIONS - {"ONBUILD", "FROM", "MAINTAINER"}:
            return None
        flags, value = _flags(keyword.upper(), rest)
        return Instruction(
            keyword=keyword.upper(), value=value.strip(), flags=flags, line=self.line, heredocs=self.heredocs
        )


def split_words(text: str) -> list[str]:
    """Words as a shell would make them; text with an unbalanced quote is split at blanks."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        return list(lexer)
    except ValueError:
        return text.split()


@dataclass(frozen=True, kw_only=True)
class LexedDockerfile:
    """A Dockerfile's instructions, and the character that continues lines and escapes variables."""

    instructions: tuple[Instruction, ...]
    escape: str


def lex(text: str) -> LexedDockerfile:
    """Split a Dockerfile into instructions.

    Raises:
        DockerfileSyntaxError: Unknown instruction, or a heredoc without its end.
    """
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    escape = _escape_directive(lines)
    # One that is escaped itself continues nothing.
    continued = re.compile(rf"(?<!{re.escape(escape)}){re.escape(escape)}[ \t]*$")
    found: list[Instruction] = []
    index = 0
    while index < len(lines):
        number = index + 1
        logical, index = _logical_line(lines, index, continued)
        if not logical:
            continue
        keyword, rest = [*re.split(r"\s+", logical, maxsplit=1), ""][:2]
        keyword = keyword.upper()
        if keyword not in _INSTRUCTIONS:
            raise DockerfileSyntaxError(number, f"unknown instruction {keyword[:40]!r}")
        if len(found) >= MOST_INSTRUCTIONS:
            raise DockerfileSyntaxError(number, f"at most {MOST_INSTRUCTIONS} instructions are read")
        heredocs, index = _heredocs(keyword, rest, lines, index, number)
        flags, value = _flags(keyword, rest)
        found.append(
            Instruction(keyword=keyword, value=value.strip(), flags=flags, line=number, heredocs=tuple(heredocs))
        )
    return LexedDockerfile(instructions=tuple(found), escape=escape)


def _escape_directive(lines: list[str]) -> str:
    """Directives stand before everything else, comments and blank lines included."""
    seen: set[str] = set()
    for number, line in enumerate(lines, start=1):
        match = _DIRECTIVE.fullmatch(line.strip())
        name = match.group(1).lower() if match else ""
        if match is None or name not in _DIRECTIVES or name in seen:
            break
        seen.add(name)
        if name == "escape":
            if match.group(2) not in ("\\", "`"):
                raise DockerfileSyntaxError(number, "the escape character must be \\ or `")
            return match.group(2)
    return "\\"


def _logical_line(lines: list[str], index: int, continued: re.Pattern[str]) -> tuple[str, int]:
    """Join a line with those that continue it; comments and blank lines in between don't end it."""
    parts: list[str] = []
    while index < len(lines):
        line = lines[index]
        index += 1
        stripped = line.strip()
        if stripped.startswith("#") or (not stripped and parts):
            continue
        match = continued.search(line)
        parts.append(line[: match.start()] if match else line)
        if not match:
            break
    return "".join(parts).strip(), index


def _heredocs(keyword: str, rest: str, lines: list[str], index: int, number: int) -> tuple[list[Heredoc], int]:
    # ONBUILD RUN <<EOF exists too, and takes its body just the same.
    inner = rest.split(None, 1)[0].upper() if keyword == "ONBUILD" and rest else keyword
    found: list[Heredoc] = []
    if inner not in _TAKES_HEREDOC or "<<" not in rest:
        return found, index
    for word in _raw_words(rest):
        match = _HEREDOC.fullmatch(word)
        names = split_words(match.group(2)) if match else []
        if match is None or len(names) != 1:
            continue  # `<< n`, a shift, is none: marker and name are one word
        name, body = names[0], list[str]()
        while True:
            if index >= len(lines):
                raise DockerfileSyntaxError(number, f"the heredoc {name!r} has no end")
            line = lines[index]
            index += 1
            line = line.lstrip("\t") if match.group(1) else line
            if line == name:
                break
            body.append(line)
        found.append(Heredoc(name=name, body="\n".join(body), is_expanded=name == match.group(2)))
    return found, index


def _raw_words(text: str) -> list[str]:
    """Words with their quotes and escapes; what comes after an unbalanced quote is left out."""
    found, index = list[str](), 0
    while index < len(text) and (match := _WORD.match(text, index)):
        index = match.end()
        if not match.group().isspace():
            found.append(match.group())
    return found


def _flags(keyword: str, rest: str) -> tuple[tuple[tuple[str, str], ...], str]:
    flags: list[tuple[str, str]] = []
    index = len(rest) - len(rest.lstrip())
    while keyword in _TAKES_FLAGS and (match := _FLAG.match(rest, index)):
        flags.append((match.group(1), (match.group(2) or "").strip("\"'")))
        index = match.end()
    return tuple(flags), rest[index:]
