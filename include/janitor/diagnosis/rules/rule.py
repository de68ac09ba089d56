"""A rule of classification: words that are looked for, whose fault they show, and an example that proves it.

Rules stand in tables, in their order: the first that matches decides. A rule enters a table with an example that it,
and no rule before it, matches; a test tries each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from janitor.protocol.terms.reason_codes import ReasonCode

_LONGEST_LINE = 300
LOOPBACK = re.compile(r"(?i)(?<![\w.])(?:127\.\d+\.\d+\.\d+|localhost|0\.0\.0\.0|\[?::1\]?)(?!\w|\.\w)")
"""An address of the loopback interface, or the one that stands for all interfaces; not a part of another address."""


class Blame(str, Enum):
    """Whose fault it is."""

    REPOSITORY = "repository"
    WORLD = "world"  # the network, a server, the instance, or a place that is not the image


class Source(str, Enum):
    """Where the words are looked for."""

    BUILD = "build"  # what a build, an installation or git prints
    ENGINE = "engine"  # what BuildKit and the docker command say themselves
    STEP = "step"  # what a tool within a step of the build prints
    INSTALL = "install"  # what pip or uv prints in the venv engine
    GIT = "git"  # what git prints that talks to a server
    WORKER = "worker"  # the end of what the worker prints


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """A cause that was recognised."""

    repository_at_fault: bool
    code: ReasonCode
    reason: str
    """With the line that shows it."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Words that show a cause."""

    pattern: re.Pattern[str]
    source: Source
    blame: Blame
    code: ReasonCode
    reason: str
    """For people; the words that were found follow it."""
    example: str
    """What a tool has printed."""
    is_remote: bool = False
    """Whether words about the loopback interface show nothing: what answers there is the worker's own."""

    def trouble(self, shown: str) -> Trouble:
        """The cause, with the words that show it."""
        return Trouble(
            repository_at_fault=self.blame is Blame.REPOSITORY, code=self.code, reason=f"{self.reason}: {shown}"
        )


def worded(code: ReasonCode, reason: str, words: str, example: str, *, source: Source, blame: Blame) -> Rule:
    """A rule for the words of a tool: in capitals or not, and `^` is the start of any line."""
    pattern = re.compile(words, re.IGNORECASE | re.MULTILINE)
    return Rule(pattern=pattern, source=source, blame=blame, code=code, reason=reason, example=example)


def first_trouble(text: str, rules: Iterable[Rule]) -> Trouble | None:
    """The cause by the first rule that matches, with the line of the match; None if no rule does."""
    for rule in rules:
        if match := rule.pattern.search(text):
            return rule.trouble(line_at(text, match.start()))
    return None


def line_at(text: str, position: int) -> str:
    """The line of a position, shortened."""
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    return " ".join(text[start : end if end >= 0 else len(text)].split())[:_LONGEST_LINE]
