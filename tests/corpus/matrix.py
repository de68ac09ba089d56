"""The confusion matrix: what is true of the cases, and what was seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from janitor.protocol.terms.statuses import ReportStatus
from tests.accuracy.tally import Mark, Tally, mark_of
from tests.corpus.case import Case
from tests.corpus.judging import Seen

_ORDER = tuple(ReportStatus)


class Matrix:
    """Counts cases, and names those that are wrong.

    Args:
        judged: Each case with what was seen of it, or why nothing was.
    """

    def __init__(self, judged: Mapping[str, tuple[Case, Seen | str]]) -> None:
        self._judged = judged
        self.counts = Counter((case.truth, seen.status) for case, seen in judged.values() if not isinstance(seen, str))

    @property
    def false_greens(self) -> list[str]:
        """Cases that were called a success and are none."""
        return self._names(Mark.FALSE_GREEN)

    @property
    def false_blames(self) -> list[str]:
        """Cases that were called the repository's fault and aren't."""
        return self._names(Mark.FALSE_BLAME)

    @property
    def wrong(self) -> dict[str, list[str]]:
        """Everything that isn't as it should be, reason codes included."""
        found = {}
        for name, (case, seen) in self._judged.items():
            texts = [f"could not be judged: {seen}"] if isinstance(seen, str) else seen.differs(case)
            if texts:
                found[name] = texts
        return found

    @property
    def tally(self) -> Tally:
        """The cases by subject: right, wrongly green, wrongly blamed, undecided."""
        return Tally.of((case.subject, _mark(case, seen)) for case, seen in self._judged.values())

    def document(self) -> dict[str, object]:
        """The same for scripts."""
        wrong = self.wrong
        return {
            "cases": [
                {
                    "name": name,
                    "subject": case.subject,
                    "truth": case.truth.value,
                    "status": None if isinstance(seen, str) else seen.status.value,
                    "mark": _mark(case, seen).value,
                    "differs": wrong.get(name, []),
                }
                for name, (case, seen) in self._judged.items()
            ],
            **self.tally.document(),
        }

    def _names(self, mark: Mark) -> list[str]:
        return [name for name, (case, seen) in self._judged.items() if _mark(case, seen) is mark]

    def lines(self) -> Iterable[str]:
        """The matrix as text, then the cases that are wrong."""
        width = max(len(status.value) for status in _ORDER) + 2
        yield "true \\ seen".ljust(14) + "".join(status.value.rjust(width) for status in _ORDER)
        for truth in _ORDER:
            cells = (str(self.counts[truth, seen] or "·").rjust(width) for seen in _ORDER)
            yield truth.value.ljust(14) + "".join(cells)
        yield ""
        wrong = self.wrong
        for name, texts in wrong.items():
            case = self._judged[name][0]
            yield f"wrong: {name} ({case.holds})"
            yield from (f"    {text}" for text in texts)
        yield from self.tally.lines()
        yield ""
        yield (
            f"{len(self._judged)} cases, {len(wrong)} wrong: "
            f"{len(self.false_greens)} false greens, {len(self.false_blames)} false blames"
        )


def _mark(case: Case, seen: Seen | str) -> Mark:
    if isinstance(seen, str):
        return Mark.UNDECIDED
    if seen.status is case.truth and seen.differs(case):
        return Mark.OTHER_REASON
    return mark_of(seen.status, is_right=seen.status is case.truth)
