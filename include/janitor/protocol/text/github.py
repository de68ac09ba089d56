"""Text for GitHub's workflow commands and Markdown, in which nothing that a repository wrote means anything.

Source: https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions#setting-an-error-message
"""

from __future__ import annotations

import re

from janitor.protocol.text.plain_text import one_line, without_commands

_DATA = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY = {**_DATA, ":": "%3A", ",": "%2C"}
_LONGEST = 400
_MARKUP = re.compile(r"([\\`*_{}\[\]<>()#+!|~&@-])")


def data(text: str) -> str:
    """The message of a workflow command."""
    return _escaped(text, _DATA)


def property_value(text: str) -> str:
    """A property of a workflow command, such as its title."""
    return _escaped(text, _PROPERTY)


def markdown(text: str) -> str:
    """A text on one line in which nothing is markup."""
    return _MARKUP.sub(r"\\\1", one_line(text, limit=_LONGEST))


def code(text: str, *, limit: int = _LONGEST) -> str:
    """A text as a span of code, fenced by more backticks than any row of them within: neither mentions nor links,
    headings, references and HTML mean anything in it. Empty for an empty text."""
    text = one_line(text, limit=limit)
    if not text:
        return ""
    longest = max((len(row) for row in re.findall(r"`+", text)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {text} {fence}" if longest else f"{fence}{text}{fence}"


def _escaped(text: str, table: dict[str, str]) -> str:
    return "".join(table.get(character, character) for character in without_commands(text))
