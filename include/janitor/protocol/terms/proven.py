"""How far a report's verdict reaches: what a green says was proved, what it leaves unproven, and what is worth a look.

Every text in it may come from the repository. None of it changes a check's status: a note is no fail, and what is
unproven is no skip.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Annotated

from janitor.protocol.codec import Part
from janitor.protocol.values import Range, Text

MAX_NOTES_PER_CHECK = 20
MAX_UNPROVEN = 100
MAX_TOLD_CHARACTERS = 500
MAX_FILE_CHARACTERS = 500
CODE_PATTERN = r"[a-z][a-z0-9_]{0,63}"
File = Annotated[str, Text(MAX_FILE_CHARACTERS)]
"""Path in the repository."""
Line = Annotated[int, Range(1, 10**9)]


class ProofLevel(str, Enum):
    """What was exercised."""

    IMAGE = "image"  # the image was built and started, and the handler ran in it
    ENVIRONMENT = "environment"  # the Python environment was built, and the handler ran in that; not in the image

    @property
    def rank(self) -> int:
        """More is more proof."""
        return 2 if self is ProofLevel.IMAGE else 1


class UnprovenKind(str, Enum):
    """Why something was not proven."""

    NOT_RUN = "not_run"  # an instruction of the Dockerfile that was not run
    HOST = "host"  # the machine stood in for the image: its libraries, its tools, the rights of its user
    NOT_ASKED = "not_asked"  # a question that nobody here could answer, such as a registry's


@dataclass(frozen=True, kw_only=True)
class Unproven(Part):
    """Something that the verdict says nothing of."""

    kind: UnprovenKind
    text: Annotated[str, Text(MAX_TOLD_CHARACTERS)]
    """One line for people."""
    file: File | None = None
    line: Line | None = None


@dataclass(frozen=True, kw_only=True)
class Note(Part):
    """Something that is worth a look and decides nothing: the rule that saw it can't be sure."""

    code: Annotated[str, Text(64, CODE_PATTERN)]
    """A reason code."""
    text: Annotated[str, Text(MAX_TOLD_CHARACTERS)]
    """One line for people."""
    file: File | None = None
    line: Line | None = None
