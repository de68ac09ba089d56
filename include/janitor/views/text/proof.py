"""How far a verdict was proved, what it says nothing of, and what is worth a look, as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import zip_longest

from janitor.domain.views import ValidationView
from janitor.protocol.terms.proven import Note, ProofLevel, Unproven, UnprovenKind
from janitor.views.text.marks import one_line

_SHOWN = 8
_LEVELS = {
    ProofLevel.IMAGE: "its image was built and started, and its handler ran in it",
    ProofLevel.ENVIRONMENT: "its handler ran in a Python environment in place of its image",
}
_KINDS = {
    UnprovenKind.NOT_RUN: "not run",
    UnprovenKind.HOST: "the machine's own",
    UnprovenKind.NOT_ASKED: "not asked",
}


def proof_lines(validation: ValidationView) -> list[str]:
    """The level in words, the notes, and what is unproven by kind; none where nothing is known.

    Args:
        validation: With its notes and with what is unproven.
    """
    level = level_text(validation)
    lines = [f"Proof: {level}"] if level is not None else []
    rest = f"janitor report {one_line(validation.repository_name)}"
    return [*lines, *note_lines(validation.notes, rest), *unproven_lines(validation.unproven, rest)]


def level_text(validation: ValidationView) -> str | None:
    """`environment (required: image): its handler ran in …`; None where no level is known."""
    level, required = validation.proof_level, validation.required_proof
    if level is None:
        return None
    asked = f" (required: {required.value})" if required not in (None, level) and required is not None else ""
    return f"{level.value}{asked}: {_LEVELS[level]}"


def told_line(told: Note | Unproven) -> str:
    """`traceback_logged: handler.py:7: a traceback was logged`, `not run: Dockerfile:7: RUN pytest`."""
    return f"{told.code if isinstance(told, Note) else _KINDS[told.kind]}: {_placed(told)}"


def note_lines(notes: Sequence[Note], rest: str) -> list[str]:
    """Each note with its code and its place, at most as many as are read at a glance.

    Args:
        notes: In their order.
        rest: Where all of them are.
    """
    lines = [f"  {told_line(note)}" for note in notes[:_SHOWN]]
    more = len(notes) - len(lines)
    return _titled("Notes:", [*lines, f"  … and {more} more: {rest}"] if more else lines)


def unproven_lines(unproven: Sequence[Unproven], rest: str) -> list[str]:
    """What a verdict says nothing of, by kind; of many, some of each kind. `rest` as for `note_lines`."""
    shown = _some_of_each_kind(unproven)
    lines = [f"  {told_line(each)}" for each in shown]
    left = Counter(each.kind for each in unproven)
    left.subtract(each.kind for each in shown)
    counted = ", ".join(f"{left[kind]} {words}" for kind, words in _KINDS.items() if left[kind])
    if counted:
        lines.append(f"  … and {left.total()} more ({counted}): {rest}")
    return _titled("Not proven:", lines)


def _titled(title: str, lines: Sequence[str]) -> list[str]:
    return [title, *lines] if lines else []


def _some_of_each_kind(unproven: Sequence[Unproven]) -> list[Unproven]:
    """As many as are shown, taken from the kinds in turn, and put together by kind."""
    kinds: Iterable[list[Unproven]] = ([each for each in unproven if each.kind is kind] for kind in _KINDS)
    in_turn = [each for turn in zip_longest(*kinds) for each in turn if each is not None]
    order = list(_KINDS)
    return sorted(in_turn[:_SHOWN], key=lambda each: order.index(each.kind))


def _placed(told: Note | Unproven) -> str:
    """`Dockerfile:7: RUN pytest`."""
    if told.file is None:
        return one_line(told.text)
    line = f":{told.line}" if told.line is not None else ""
    return f"{one_line(told.file)}{line}: {one_line(told.text)}"
