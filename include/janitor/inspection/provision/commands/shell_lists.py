"""What becomes of a shell text if single commands of it surely fail: which failure ends it, and which doesn't.

A text is a sequence of lists, a list is pipelines joined by `&&` and `||`. What stands in conditions, loops, functions
and brackets is not followed: nothing is sure of it, nor of what it may have ended.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from janitor.inspection.shell_pieces import pieces_of

_QUOTED = re.compile(r"""\\.|'[^']*'|"(?:\\.|[^"\\])*\"""", re.DOTALL)
_COMPOUND = frozenset(
    {
        *("if", "then", "elif", "else", "fi", "for", "while", "until", "do", "done", "case", "esac", "select"),
        *("function", "{", "}", "((", "[[("),
    }
)
_ENDS = re.compile(r"(?:exit|return|exec)\b")
_EXIT = re.compile(r"exit(?:\s+(\d+))?$")


class End(str, Enum):
    """What becomes of a command."""

    WELL = "well"  # it surely ends with 0
    BADLY = "badly"  # it surely ends otherwise
    OPEN = "open"


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A command that surely fails, and with it what it is a part of."""

    command: str
    """As it is written."""
    reason: str


@dataclass(frozen=True, kw_only=True)
class Ended:
    """What becomes of one command."""

    end: End
    failure: Failure | None = None
    """Why it ends badly."""


OPEN = Ended(end=End.OPEN)
WELL = Ended(end=End.WELL)
Judge = Callable[[str, int], Ended]
"""Tells of a simple command, by its text and its place among the pieces, what becomes of it."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A simple command in its text."""

    text: str
    place: int
    """Among all pieces of the text."""
    before: str
    """What joins it to the one before it: `&&`, `||`, `|`; `;` for all that only separates."""
    after: str
    """The same to the one after it; `&` where it runs in the background."""
    is_plain: bool
    """Whether it stands in no condition, loop, function or bracket."""


def pieces(text: str) -> list[Piece]:
    """The simple commands of a shell text, in their order."""
    found: list[Piece] = []
    depth, blocks, before = 0, 0, ";"
    for place, (command, after) in enumerate(_joined(text)):
        bare = _QUOTED.sub("''", command)
        depth_before = depth
        depth = max(depth + bare.count("(") - bare.count(")"), 0)
        words = bare.split()
        first = words[0] if words else ""
        blocks += first in ("if", "for", "while", "until", "case", "select", "{", "function") or bare.endswith("{")
        is_plain = not (depth_before or depth or blocks or first in _COMPOUND or bare.startswith("(") or "()" in bare)
        blocks -= first in ("fi", "done", "esac", "}")
        blocks = max(blocks, 0)
        found.append(Piece(text=command, place=place, before=before, after=after, is_plain=is_plain))
        before = after if after in ("&&", "||", "|") else ";"
    return found


def _joined(text: str) -> list[tuple[str, str]]:
    """Commands with what comes after each: a newline behind `&&` or `|` joins as well."""
    found: list[tuple[str, str]] = []
    for command, separator in pieces_of(text):
        if command:
            found.append((command, separator))
        elif found and found[-1][1] not in ("&&", "||", "|"):
            found[-1] = (found[-1][0], separator if separator.strip() else found[-1][1])
    return [(command, ";" if after in ("\n", "") else after) for command, after in found]


@dataclass(frozen=True, kw_only=True)
class ShellOptions:
    """How a shell was started."""

    errexit: bool = False
    """`set -e`: it ends with the first list that fails."""
    pipefail: bool = False
    """`set -o pipefail`: a pipeline fails with any of its commands."""


def surely_fails(text: str, judge: Judge, options: ShellOptions) -> Failure | None:
    """Why a shell text surely ends badly; None where it may end well.

    Args:
        text: The text.
        judge: Told of every command in its order, whether or not it is surely run.
        options: Of the shell.
    """
    errexit, pipefail = options.errexit, options.pipefail
    may_end_well = False
    last = WELL
    for each in _lists(pieces(text)):
        is_plain = all(piece.is_plain for pipeline in each for piece in pipeline)
        judged = [[_judged(judge, piece) for piece in pipeline] for pipeline in each]
        if not is_plain:
            may_end_well, last = may_end_well or _may_end(each), OPEN
            continue
        first = each[0][0].text
        if options_set := re.match(r"set\s+(.*)", first):
            errexit = errexit or bool(re.search(r"-[a-df-z]*e|-o\s+errexit", options_set[1]))
            errexit = errexit and not re.search(r"\+[a-df-z]*e|\+o\s+errexit", options_set[1])
            pipefail = pipefail or bool(re.search(r"-[a-z]*o\s+pipefail", options_set[1]))
        last, is_ended, is_last = _of_list(each, judged, pipefail=pipefail)
        if is_ended is End.OPEN:
            may_end_well = True
        if last.end is End.BADLY and not may_end_well and (is_ended is End.BADLY or (errexit and is_last)):
            return last.failure
        if is_ended is End.WELL:
            return None
    return last.failure if last.end is End.BADLY and not may_end_well else None


def surely_run(text: str) -> frozenset[int]:
    """The places of the commands that are run in every run of the text that ends well.

    What `&&` joins is, in the last list; in a list with a `||`, and in one after which others go on, it is not.
    """
    found: set[int] = set()
    lists = _lists(pieces(text))
    for index, each in enumerate(lists):
        is_chained = index == len(lists) - 1 and not any(pipeline[0].before == "||" for pipeline in each)
        for pipeline in each if is_chained else each[:1]:
            found |= {piece.place for piece in pipeline if piece.is_plain}
    return frozenset(found)


def _judged(judge: Judge, piece: Piece) -> Ended:
    ended = judge(piece.text, piece.place)
    return ended if piece.is_plain else OPEN


def _lists(found: list[Piece]) -> list[list[list[Piece]]]:
    """Pieces as lists of pipelines."""
    lists: list[list[list[Piece]]] = []
    for piece in found:
        if piece.before == ";" or not lists:
            lists.append([[piece]])
        elif piece.before == "|":
            lists[-1][-1].append(piece)
        else:
            lists[-1].append([piece])
    return lists


def _may_end(pipelines: list[list[Piece]]) -> bool:
    return any(_ENDS.search(piece.text) for pipeline in pipelines for piece in pipeline)


def _of_list(
    pipelines: list[list[Piece]], judged: list[list[Ended]], *, pipefail: bool
) -> tuple[Ended, End | None, bool]:
    """What becomes of a list; whether it ends the whole text (BADLY, WELL, OPEN for perhaps well); and whether it was
    its last pipeline that decided."""
    status, is_last = WELL, True
    ended: End | None = None
    for index, (pipeline, ends) in enumerate(zip(pipelines, judged, strict=True)):
        joint = pipeline[0].before if index else "&&"
        if joint == "&&" and status.end is End.BADLY:
            is_last = False
            continue
        if joint == "||" and status.end is End.WELL:
            continue
        is_sure = status.end is not End.OPEN
        own = _of_pipeline(ends, pipefail=pipefail)
        if pipeline[-1].after == "&":
            own = WELL
        exits = _EXIT.match(pipeline[0].text) if len(pipeline) == 1 else None
        if exits or _may_end([pipeline]):
            is_bad = exits is not None and int(exits[1] or 0) != 0
            if is_sure and exits is not None:
                return own if is_bad else WELL, End.BADLY if is_bad else End.WELL, True
            ended = ended if is_bad else End.OPEN
        status, is_last = _then(joint, status, own), True
    return status, ended, is_last


def _of_pipeline(ends: list[Ended], *, pipefail: bool) -> Ended:
    if pipefail:
        bad = next((each for each in ends if each.end is End.BADLY), None)
        if bad is not None:
            return bad
        return WELL if all(each.end is End.WELL for each in ends) else OPEN
    return ends[-1]


def _then(joint: str, status: Ended, own: Ended) -> Ended:
    if status.end is not End.OPEN:
        return own
    if joint == "&&":
        # Whatever becomes of the first, the whole fails if the second does.
        return own if own.end is End.BADLY else OPEN
    return WELL if own.end is End.WELL else OPEN
