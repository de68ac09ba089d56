"""How accuracy is told: a line for each case, the matrix, the kinds, and JSON for scripts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from janitor.protocol.terms.statuses import EngineChoice, ReportStatus
from janitor.protocol.text.plain_text import without_commands
from tests.accuracy.judging import Judged
from tests.accuracy.tally import Mark, Tally

_MOST_REASON = 160
_COLUMNS = ("success", "noted", "failed", "error", "timed_out", "incomplete", "none")
"""A success with notes is told apart from a plain one; `none` is no report at all."""


def case_line(judged: Judged) -> str:
    """`✓ name: failed by build, file_missing [failed]`, with what was wrong about it."""
    said, mark = judged.said, judged.mark
    by = f" by {said.check}, {said.code}" if said.check else ""
    level = f", {said.proof_level.value}" if said.proof_level else ""
    unproven = f", {said.unproven} unproven" if said.unproven else ""
    status = said.status.value if said.status is not None else "no verdict"
    wrong = "" if mark is Mark.RIGHT else f" - {mark.value.upper()}"
    line = f"{'✓' if mark is Mark.RIGHT else '✗'} {judged.labelled.name}: {status}{by}{level}{unproven}"
    line += f" ({said.seconds:.0f} s) [{judged.labelled.expectation.words}]{wrong}"
    details = [f"note: {note}" for note in said.notes]
    details += [said.reason] if said.reason else []
    return "\n".join([line, *(f"    {_short(text)}" for text in details)])


def closing_lines(judged: Sequence[Judged]) -> Iterator[str]:
    """The matrix, the kinds, and the count."""
    counts = Counter((_expected(each), _seen(each)) for each in judged)
    rows = sorted({expected for expected, _ in counts})
    width = max(len(row) for row in (*rows, "expected \\ seen")) + 2
    columns = [column for column in _COLUMNS if any(counts[row, column] for row in rows)]
    yield "expected \\ seen".ljust(width) + "".join(column.rjust(12) for column in columns)
    for row in rows:
        yield row.ljust(width) + "".join(str(counts[row, column] or "·").rjust(12) for column in columns)
    yield ""
    tally = tally_of(judged)
    yield from tally.lines()
    yield ""
    total = tally.total
    wrong = len(judged) - total[Mark.RIGHT]
    yield (
        f"{len(judged)} cases, {wrong} wrong: {total[Mark.FALSE_GREEN]} false greens, "
        f"{total[Mark.FALSE_BLAME]} false blames, {total[Mark.UNDECIDED]} undecided"
    )


def tally_of(judged: Sequence[Judged]) -> Tally:
    """The marks by kind."""
    return Tally.of((each.labelled.expectation.kind, each.mark) for each in judged)


def document(judged: Sequence[Judged], *, folder: str, engine: EngineChoice, seconds: float) -> dict[str, Any]:
    """Everything, for scripts."""
    return {
        "folder": folder,
        "engine": engine.value,
        "seconds": round(seconds, 1),
        "cases": [_case(each) for each in judged],
        **tally_of(judged).document(),
    }


def _case(judged: Judged) -> dict[str, Any]:
    said = judged.said
    return {
        "name": judged.labelled.name,
        "expected": judged.labelled.expectation.words,
        "kind": judged.labelled.expectation.kind,
        "mark": judged.mark.value,
        "status": said.status.value if said.status is not None else None,
        "check": said.check,
        "reason_code": said.code,
        "reason": said.reason,
        "notes": list(said.notes),
        "proof_level": said.proof_level.value if said.proof_level is not None else None,
        "unproven": said.unproven,
        "seconds": round(said.seconds, 1),
    }


def _expected(judged: Judged) -> str:
    return judged.labelled.expectation.words


def _seen(judged: Judged) -> str:
    status = judged.said.status
    if status is ReportStatus.SUCCESS and judged.said.notes:
        return "noted"
    return status.value if status is not None else "none"


def _short(text: str) -> str:
    """Words of a repository, on one line and without what a terminal or a CI system obeys."""
    line = " ".join(without_commands(text).split())
    return line if len(line) <= _MOST_REASON else f"{line[: _MOST_REASON - 1]}…"
