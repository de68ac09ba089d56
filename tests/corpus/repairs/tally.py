"""Counts what came of the cases, by subject."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from janitor.domain.repair.proposal import Proposal
from tests.corpus.repairs.case import RepairCase, Truth
from tests.corpus.repairs.judging import Judged

_COLUMNS = ("cases", "repairable", "by recipe", "attempted", "proven", "false", "abstained", "wrongly", "blocked")


@dataclass(frozen=True)
class Tally:
    """What came of the cases.

    Args:
        judged: Each with what came of it, or why nothing did.
    """

    judged: Sequence[Judged | tuple[RepairCase, str]]

    @property
    def known(self) -> list[Judged]:
        """Those that could be judged."""
        return [each for each in self.judged if isinstance(each, Judged)]

    @property
    def wrong(self) -> dict[str, str]:
        """What isn't as the cases say, by name."""
        broken = {each[0].name: each[1] for each in self.judged if isinstance(each, tuple)}
        return broken | {each.case.name: each.problem for each in self.known if each.problem is not None}

    @property
    def false_proofs(self) -> list[str]:
        """The cases that are proved and not repaired."""
        return [each.case.name for each in self.known if each.is_false_proof]

    def counts(self, judged: Iterable[Judged]) -> dict[str, int]:
        """By column."""
        every = list(judged)
        return dict(
            zip(
                _COLUMNS,
                (
                    len(every),
                    sum(each.case.truth in (Truth.RECIPE, Truth.AGENT) for each in every),
                    sum(each.case.truth is Truth.RECIPE for each in every),
                    sum(isinstance(each.proposed, Proposal) for each in every),
                    sum(each.state == "proven" for each in every),
                    sum(each.is_false_proof for each in every),
                    sum(each.state == "abstained" for each in every),
                    sum(each.state == "abstained" and each.case.truth is Truth.RECIPE for each in every),
                    sum(each.state == "blocked" for each in every),
                ),
                strict=True,
            )
        )

    @property
    def proven_share(self) -> float:
        """Of what can be repaired by anybody, so much is proven by recipes alone."""
        counts = self.counts(self.known)
        return counts["proven"] / counts["repairable"] if counts["repairable"] else 0.0

    def lines(self) -> list[str]:
        """For people."""
        subjects = list(dict.fromkeys(each.case.subject for each in self.known))
        width = max((len(subject) for subject in subjects), default=7)
        rows = [f"{'':{width}}  " + "  ".join(_COLUMNS) + "  minutes"]
        for subject in subjects:
            rows.append(self._row(f"{subject:{width}}", [one for one in self.known if one.case.subject == subject]))
        rows.append(self._row(f"{'held out':{width}}", [one for one in self.known if one.case.held_out]))
        rows.append(self._row(f"{'all':{width}}", self.known))
        rows.append(
            f"{len(self.judged)} cases, {len(self.wrong)} not as they say; {len(self.false_proofs)} false proofs;"
            f" {self.proven_share:.0%} of what can be repaired is proven by recipes alone; without a price"
        )
        return ["", *rows, *(f"✗ {name}: {why}" for name, why in self.wrong.items())]

    def _row(self, title: str, judged: list[Judged]) -> str:
        counts = self.counts(judged)
        cells = "  ".join(f"{counts[column]:{len(column)}}" for column in _COLUMNS)
        return f"{title}  {cells}  {sum(each.seconds for each in judged) / 60:7.1f}"

    def document(self) -> dict[str, Any]:
        """For programs. Costs are null: experiments on this machine have no price that is known."""
        subjects = list(dict.fromkeys(each.case.subject for each in self.known))
        return {
            "all": self.counts(self.known),
            "held_out": self.counts(each for each in self.known if each.case.held_out),
            "subjects": {
                name: self.counts(each for each in self.known if each.case.subject == name) for name in subjects
            },
            "proven_share": round(self.proven_share, 3),
            "false_proofs": self.false_proofs,
            "wrong": self.wrong,
            "cases": [self._case(each) for each in self.known],
        }

    @staticmethod
    def _case(each: Judged) -> dict[str, Any]:
        proposed = each.proposed if isinstance(each.proposed, Proposal) else None
        return {
            "name": each.case.name,
            "subject": each.case.subject,
            "truth": each.case.truth.value,
            "held_out": each.case.held_out,
            "state": each.state,
            "why": each.why,
            "recipe": None if proposed is None else proposed.name,
            "patch_lines": 0 if proposed is None else proposed.patch.text.count("\n"),
            "seconds": round(each.seconds, 1),
            "cost_usd": None,
        }
