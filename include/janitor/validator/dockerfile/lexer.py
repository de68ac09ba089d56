"""Splits a Dockerfile into instructions: parser directives, comments, continuations and heredocs.

Source: https://docs.docker.com/reference/dockerfile/ and BuildKit's frontend/dockerfile/parser.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass

_DIRECTIVE = re.compile(r"#\s*([a-zA-Z][\w-]*)\s*=\s*(.+?)\s*")
_DIRECTIVES = frozenset({"syntax", "escape", "check"})
_HEREDOC = re.compile(r"""(?<![^\s])\d*<<(-?)\s*(["']?)([A-Za-z_][\w.-]*)\2(?=\s|$|[;&|)])""")
_TAKES_HEREDOC = frozenset({"RUN", "COPY", "ADD"})
_FLAG = re.compile(r"--([a-z][\w-]*)(?:=(\"[^\"]*\"|'[^']*'|\S*))?(?=\s|$)")
_TAKES_FLAGS = frozenset({"FROM", "RUN", "COPY", "ADD", "HEALTHCHECK"})
_INSTRUCTIONS = _TAKES_FLAGS | {
    *("ARG", "CMD", "ENTRYPOINT", "ENV", "EXPOSE", "LABEL", "MAINTAINER", "ONBUILD", "SHELL", "STOPSIGNAL", "USER"),
    *("VOLUME", "WORKDIR"),
}


class DockerfileSyntaxError(Exception):
    """BuildKit would refuse this Dockerfile; the message has the line number."""


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
    heredocs: tuple[str, ...] = ()
    """Bodies of its heredocs."""

    def flag(self, name: str) -> str | None:
        """The value of a flag, or None."""
        return next((value for key, value in self.flags if key == name), None)

    def exec_form(self) -> list[str] | None:
        """The words of the JSON form, or None for the shell form."""
        if not self.value.startswith("["):
            return None
        try:
            words = json.loads(self.value)
        except ValueError:
            return None
        if isinstance(words, list) and all(isinstance(word, str) for word in words):
            return words
        return None

    def words(self) -> list[str]:
        """Arguments of COPY, ADD or ARG, in either form, quotes taken away; heredoc markers are left out."""
        if (exact := self.exec_form()) is not None:
            return exact
        text = _HEREDOC.sub(" ", self.value) if self.heredocs else self.value
        return split_words(text)


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
    continued = re.compile(rf"^(.*?){re.escape(escape)}[ \t]*$", re.DOTALL)
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
            raise DockerfileSyntaxError(f"line {number}: unknown instruction {keyword[:40]!r}")
        bodies, index = _heredocs(keyword, rest, lines, index, number)
        flags, value = _flags(keyword, rest)
        found.append(
            Instruction(keyword=keyword, value=value.strip(), flags=flags, line=number, heredocs=tuple(bodies))
        )
    return LexedDockerfile(instructions=tuple(found), escape=escape)


def _escape_directive(lines: list[str]) -> str:
    """Directives stand before everything else, comments and blank lines included."""
    seen: set[str] = set()
    for line in lines:
        match = _DIRECTIVE.fullmatch(line.strip())
        name = match.group(1).lower() if match else ""
        if match is None or name not in _DIRECTIVES or name in seen:
            break
        seen.add(name)
        if name == "escape" and match.group(2) in ("\\", "`"):
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
        match = continued.match(line)
        parts.append(match.group(1) if match else line)
        if not match:
            break
    return "".join(parts).strip(), index


def _heredocs(keyword: str, rest: str, lines: list[str], index: int, number: int) -> tuple[list[str], int]:
    # ONBUILD RUN <<EOF exists too, and takes its body just the same.
    inner = rest.split(None, 1)[0].upper() if keyword == "ONBUILD" and rest else keyword
    bodies: list[str] = []
    if inner not in _TAKES_HEREDOC:
        return bodies, index
    for dash, _quote, name in _HEREDOC.findall(rest):
        body: list[str] = []
        while True:
            if index >= len(lines):
                raise DockerfileSyntaxError(f"line {number}: the heredoc {name!r} has no end")
            line = lines[index]
            index += 1
            line = line.lstrip("\t") if dash else line
            if line == name:
                break
            body.append(line)
        bodies.append("\n".join(body))
    return bodies, index


def _flags(keyword: str, rest: str) -> tuple[tuple[tuple[str, str], ...], str]:
    flags: list[tuple[str, str]] = []
    if keyword in _TAKES_FLAGS:
        while match := _FLAG.match(rest := rest.lstrip()):
            flags.append((match.group(1), (match.group(2) or "").strip("\"'")))
            rest = rest[match.end() :]
    return tuple(flags), rest
