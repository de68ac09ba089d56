"""Counts what was right and what was wrong, each kind apart: one kind that is blamed is not lost in a total."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from janitor.protocol.terms.statuses import ReportStatus

_WIDEST = 72


class Mark(str, Enum):
    """What became of one case."""

    RIGHT = "right"
    FALSE_GREEN = "false green"  # a success that must not be
    FALSE_BLAME = "false blame"  # the repository is said to be at fault, and isn't
    UNDECIDED = "undecided"  # no word on the repository where one was due
    OTHER_REASON = "other reason"  # the right verdict, and another check or reason than the one that carries it


def mark_of(status: ReportStatus | None, *, is_right: bool) -> Mark:
    """The mark of a verdict that is right, or isn't; None where there was none at all."""
    if is_right:
        return Mark.RIGHT
    if status is ReportStatus.SUCCESS:
        return Mark.FALSE_GREEN
    return Mark.FALSE_BLAME if status is ReportStatus.FAILED else Mark.UNDECIDED


@dataclass
class Tally:
    """Marks by kind."""

    counts: dict[str, dict[Mark, int]] = field(default_factory=lambda: defaultdict(lambda: dict.fromkeys(Mark, 0)))

    @classmethod
    def of(cls, marks: Iterable[tuple[str, Mark]]) -> Tally:
        """Count pairs of kind and mark."""
        tally = cls()
        for kind, mark in marks:
            tally.counts[kind][mark] += 1
        return tally

    @property
    def total(self) -> Mapping[Mark, int]:
        """Over all kinds."""
        return {mark: sum(counts[mark] for counts in self.counts.values()) for mark in Mark}

    def lines(self) -> Iterator[str]:
        """A table: a line for each kind, then the total."""
        shown = [mark for mark in Mark if mark is not Mark.OTHER_REASON or self.total[mark]]
        width = min(max(len(kind) for kind in (*self.counts, "kind")), _WIDEST)
        yield f"{'kind':<{width}}  cases" + "".join(f"  {_plural(mark)}" for mark in shown)
        for kind, counts in (*sorted(self.counts.items()), ("all", self.total)):
            name = kind if len(kind) <= width else f"{kind[: width - 1]}…"
            cells = "".join(f"  {counts[mark] or '·':>{len(_plural(mark))}}" for mark in shown)
            yield f"{name:<{width}}  {sum(counts.values()):>5}{cells}"

    def document(self) -> dict[str, object]:
        """The same for scripts."""
        kinds = [
            {"kind": kind, "cases": sum(counts.values()), **{_key(mark): counts[mark] for mark in Mark}}
            for kind, counts in sorted(self.counts.items())
        ]
        total = {mark.value.replace(" ", "_"): count for mark, count in self.total.items()}
        return {"kinds": kinds, "total": total}


def _plural(mark: Mark) -> str:
    return f"{mark.value}s" if mark in (Mark.FALSE_GREEN, Mark.FALSE_BLAME) else mark.value


def _key(mark: Mark) -> str:
    return _plural(mark).replace(" ", "_")
