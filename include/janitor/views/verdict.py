"""A verdict in words: status, how far it was proved, how many notes it has. Whatever shows one says it so.

Invariant: a level or a note that isn't known is left out, never guessed.
"""

from __future__ import annotations

from typing import Protocol

from janitor.domain.states import ValidationStatus
from janitor.protocol.terms.proven import ProofLevel


class Verdict(Protocol):
    """The part of a validation, or of how it was concluded, that is said."""

    @property
    def status(self) -> ValidationStatus: ...

    @property
    def proof_level(self) -> ProofLevel | None: ...

    @property
    def note_count(self) -> int | None: ...


def verdict_text(verdict: Verdict, *details: str, word: str | None = None) -> str:
    """`success (4m32s, $0.02, environment), 2 notes`; without details and level `success, 2 notes`.

    Args:
        verdict: What is said.
        details: What stands in the brackets before the level, such as what it took.
        word: Takes the place of the status' own.
    """
    text = word or verdict.status.value.replace("_", " ")
    level = [verdict.proof_level.value] if verdict.proof_level is not None else []
    if inside := [*details, *level]:
        text += f" ({', '.join(inside)})"
    return text + (f", {notes_text(verdict.note_count)}" if verdict.note_count else "")


def notes_text(count: int) -> str:
    """`1 note`, `2 notes`."""
    return f"{count} {'note' if count == 1 else 'notes'}"
