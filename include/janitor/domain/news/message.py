"""A message before it has a form: words of our own, what a repository wrote, and links, kept apart.

Invariant: nothing that came from a repository, a report or a server's answer is a plain `str` of a message; it is
`Quoted`, and each form makes it harmless in its own way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias


class Channel(str, Enum):
    """By which way somebody is told."""

    FILE = "file"  # the local stack's
    SLACK_WEBHOOK = "slack_webhook"
    SLACK_BOT = "slack_bot"
    SNS = "sns"
    EMAIL = "email"
    GITHUB_ISSUES = "github_issues"


class DeliveryKind(str, Enum):
    """What a message is to the news that it belongs to."""

    OPEN = "open"  # the first word of it
    UPDATE = "update"  # something was added
    CLOSE = "close"  # it is over


@dataclass(frozen=True)
class Quoted:
    """What somebody else wrote."""

    text: str


@dataclass(frozen=True)
class Link:
    """An address of our own making, and what it is called."""

    text: str
    url: str


Piece: TypeAlias = str | Quoted | Link


@dataclass(frozen=True, kw_only=True)
class Line:
    """One fact."""

    label: str
    pieces: Sequence[Piece]


@dataclass(frozen=True, kw_only=True)
class Message:
    """What is told."""

    headline: Sequence[Piece]
    lines: Sequence[Line] = ()

    def to_dict(self) -> dict[str, Any]:
        """As it is kept."""
        return {
            "headline": [_piece_dict(piece) for piece in self.headline],
            "lines": [
                {"label": line.label, "pieces": [_piece_dict(piece) for piece in line.pieces]} for line in self.lines
            ],
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Message:
        """As it was kept."""
        return cls(
            headline=tuple(_piece(each) for each in document["headline"]),
            lines=tuple(
                Line(label=each["label"], pieces=tuple(_piece(piece) for piece in each["pieces"]))
                for each in document["lines"]
            ),
        )


def _piece_dict(piece: Piece) -> Any:
    if isinstance(piece, Quoted):
        return {"quoted": piece.text}
    return {"text": piece.text, "url": piece.url} if isinstance(piece, Link) else piece


def _piece(kept: Any) -> Piece:
    if isinstance(kept, str):
        return kept
    return Quoted(kept["quoted"]) if "quoted" in kept else Link(kept["text"], kept["url"])


def news_key_of_cause(signature: str) -> str:
    """By what the news of a cause is known for the same."""
    return f"cause/{signature}"
