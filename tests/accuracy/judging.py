"""Has a labelled repository judged by the validator's artefact, as an instance would, and compares the verdict."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from janitor.protocol.report import Check, Report
from janitor.protocol.terms.proven import ProofLevel
from janitor.protocol.terms.statuses import EngineChoice, ReportStatus
from janitor.validator.settings import Settings
from tests.accuracy.repositories import Labelled, make_checkout
from tests.accuracy.side_by_side import Place, side_by_side
from tests.accuracy.tally import Mark, mark_of
from tests.integration.validator.conftest import validators


@dataclass(frozen=True, kw_only=True)
class Said:
    """What the validator said of a repository."""

    status: ReportStatus | None
    """None where there is no report."""
    check: str | None = None
    code: str | None = None
    reason: str | None = None
    notes: tuple[str, ...] = ()
    proof_level: ProofLevel | None = None
    unproven: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A repository, and what was said of it."""

    labelled: Labelled
    said: Said

    @property
    def mark(self) -> Mark:
        """Whether that is right."""
        status = self.said.status
        allows = self.labelled.expectation.allows
        is_right = status is not None and allows(status, has_note=bool(self.said.notes))
        return mark_of(status, is_right=is_right)


def judge_folder(
    labelled: Sequence[Labelled],
    *,
    engine: EngineChoice,
    jobs: int,
    seconds: float,
    tell: Callable[[Judged], None],
) -> list[Judged]:
    """Judge repositories side by side, in their order; `tell` gets each when it is judged."""
    judge = partial(_judge, engine=engine, seconds=seconds)
    judged: dict[int, Judged] = {}
    with tempfile.TemporaryDirectory(prefix="janitor-accuracy-") as name:
        for number, seen in side_by_side(labelled, judge, Path(name), jobs=jobs):
            said = Said(status=None, reason=f"could not be judged: {seen}") if isinstance(seen, str) else seen
            judged[number] = Judged(labelled=labelled[number], said=said)
            tell(judged[number])
    return [judged[number] for number in sorted(judged)]


def _judge(labelled: Labelled, place: Place, *, engine: EngineChoice, seconds: float) -> Said:
    checkout = make_checkout(labelled, place.folder / "worker")
    reaches_an_engine = Settings.from_environment().docker
    with validators(place.artefact, place.packages, place.folder) as start:
        result = start(checkout, seconds=seconds, engine=engine.value, environment=reaches_an_engine).result()
    if result.report is None:
        return Said(status=None, reason=f"no report: {result.output[-1_000:]}", seconds=result.seconds)
    return said_by(result.report)


def said_by(report: Report) -> Said:
    """What a report says."""
    deciding = next((check for check in report.checks if check.name == report.failing_check), None)
    return Said(
        status=report.status,
        check=report.failing_check,
        code=report.reason_code,
        reason=deciding.reason if deciding is not None else None,
        notes=tuple(_notes(report.checks)),
        proof_level=report.proof_level,
        unproven=len(report.unproven),
        seconds=report.duration_seconds,
    )


def _notes(checks: Sequence[Check]) -> Iterator[str]:
    for check in checks:
        for note in check.notes:
            place = f" ({note.file}{f':{note.line}' if note.line else ''})" if note.file else ""
            yield f"{check.name}/{note.code}: {note.text}{place}"
