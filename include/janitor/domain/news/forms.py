"""A message as text: plain, as GitHub's Markdown, as Slack's markup. The one place where it gets its form.

What is quoted can't be read as anything else: in plain text it is one line without controls; in Markdown and in Slack
it stands as code, where neither mentions nor links, headings, references and HTML mean anything.

Source: docs.github.com, "Basic writing and formatting syntax"; api.slack.com, "Formatting text for app surfaces".
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from janitor.domain.news.message import Link, Message, Piece, Quoted
from janitor.protocol.text.github import code
from janitor.protocol.text.plain_text import one_line

LONGEST_QUOTE = 300
LONGEST_TITLE = 200
_NOTHING = "(nothing)"
_OWN_MARKUP = re.compile(r"([\\`*_\[\]<>#|~&])")


def title(message: Message) -> str:
    """The headline as a subject or an issue's title: one line, without markup."""
    return one_line(_plain(message.headline), limit=LONGEST_TITLE)


def plain(message: Message) -> str:
    """For people and mail: the headline, then a line for each fact."""
    return "\n".join([_plain(message.headline), *(f"{line.label}: {_plain(line.pieces)}" for line in message.lines)])


def markdown(message: Message) -> str:
    """For an issue or its comment."""
    lines = [f"- **{line.label}**: {_markdown(line.pieces)}" for line in message.lines]
    return "\n".join([_markdown(message.headline), "", *lines])


def slack(message: Message) -> str:
    """For Slack's `text` with mrkdwn."""
    lines = [f"*{line.label}*: {_slack(line.pieces)}" for line in message.lines]
    return "\n".join([f"*{_slack(message.headline)}*", *lines])


def _plain(pieces: Iterable[Piece]) -> str:
    return one_line("".join(_plain_piece(piece) for piece in pieces))


def _plain_piece(piece: Piece) -> str:
    if isinstance(piece, Quoted):
        return one_line(piece.text, limit=LONGEST_QUOTE) or _NOTHING
    if isinstance(piece, Link):
        return piece.text if piece.url == piece.text else f"{piece.text} {piece.url}"
    return piece


def _markdown(pieces: Iterable[Piece]) -> str:
    return "".join(_markdown_piece(piece) for piece in pieces)


def _markdown_piece(piece: Piece) -> str:
    if isinstance(piece, Quoted):
        return code(piece.text, limit=LONGEST_QUOTE) or _NOTHING
    if isinstance(piece, Link):
        return f"[{_OWN_MARKUP.sub(_BACKSLASH, piece.text)}](<{_address(piece.url)}>)"
    return _OWN_MARKUP.sub(_BACKSLASH, piece)


_BACKSLASH = r"\\\1"


def _slack(pieces: Iterable[Piece]) -> str:
    return "".join(_slack_piece(piece) for piece in pieces)


def _slack_piece(piece: Piece) -> str:
    if isinstance(piece, Quoted):
        text = _slack_text(one_line(piece.text, limit=LONGEST_QUOTE)).replace("`", "'")
        return f"`{text}`" if text else _NOTHING
    if isinstance(piece, Link):
        return f"<{_slack_text(_address(piece.url))}|{_slack_text(piece.text).replace('|', '/')}>"
    return _slack_text(piece)


def _slack_text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _address(url: str) -> str:
    """Our own addresses have none of these; one that has them can't end its link early."""
    return re.sub(r"[\s<>|`]", lambda found: f"%{ord(found[0]):02X}", url)
