"""What a recipe is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from janitor.domain.repair.proposal import Abstained, Failure
from janitor.domain.repair.writing import Edit
from janitor.protocol.report import Check
from janitor.services.repair.facts import WorkerTree
from janitor.services.repair.world import World


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What a recipe would change."""

    edits: Mapping[str, Edit]
    """By path."""
    summary: str
    """What it does, in a line of at most 72 characters."""
    root_cause: str
    """What was wrong, in one or two sentences."""
    evidence: tuple[str, ...]
    """Lines of the report, or changes of the world, word by word."""


class Recipe(Protocol):
    """One kind of repair."""

    @property
    def name(self) -> str:
        """In small letters."""
        ...

    @property
    def repairs(self) -> str:
        """Which cause, for people."""
        ...

    @property
    def how(self) -> str:
        """By what, for people."""
        ...

    def draft(self, failure: Failure, worker: WorkerTree, world: World) -> Draft | Abstained | None:
        """What it would change; None where the failure is none of its kind.

        Raises:
            UnknownError: What it has to know of the world can't be had.
        """
        ...


def failing_check(failure: Failure) -> Check | None:
    """The check that decided."""
    report = failure.repeated.report
    return next((check for check in report.checks if check.name == report.failing_check), None)


def reason_of(failure: Failure) -> str:
    """What the failing check says."""
    check = failing_check(failure)
    return (check.reason if check is not None else None) or failure.repeated.report.summary


def code_of(failure: Failure) -> str | None:
    """The failing check's code."""
    return failure.repeated.report.reason_code


def failed_with(failure: Failure, *codes: str) -> Iterator[Check]:
    """The checks that failed with one of these codes, whether or not they decided."""
    for check in failure.repeated.report.checks:
        if check.status.value == "fail" and check.reason_code in {str(code) for code in codes}:
            yield check


def told(failure: Failure) -> Iterator[str]:
    """What the failing check tells, line by line: its reason first, then the ends of its logs."""
    check = failing_check(failure)
    yield from reason_of(failure).splitlines()
    for evidence in check.evidence if check is not None else ():
        yield from evidence.tail.splitlines()
