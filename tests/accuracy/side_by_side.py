"""Judges cases side by side with one artefact of the validator, each case in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from janitor.validator.packaging import build_artefact

C = TypeVar("C")
S = TypeVar("S")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where one case is judged."""

    artefact: Path
    """The validator."""
    packages: Path
    """Where downloaded packages are kept, for all cases."""
    folder: Path
    """An empty folder for everything else."""


def side_by_side(
    cases: Sequence[C], judge: Callable[[C, Place], S], folder: Path, *, jobs: int
) -> Iterator[tuple[int, S | str]]:
    """Each case's number, when it is judged, with what was seen of it, or why nothing was.

    Args:
        cases: Begun in this order.
        judge: Judges one.
        folder: An empty folder for all of them.
        jobs: Cases at a time.
    """
    artefact = build_artefact(folder).path
    packages = folder / "packages"
    packages.mkdir()

    def one(number: int) -> S | str:
        own = folder / f"case-{number}"
        own.mkdir()
        try:
            return judge(cases[number], Place(artefact=artefact, packages=packages, folder=own))
        except Exception as error:  # a case that can't be judged is named, and the others go on
            return f"{type(error).__name__}: {error}"[:2_000]

    with ThreadPoolExecutor(max_workers=jobs) as pool:
        running = {pool.submit(one, number): number for number in range(len(cases))}
        for future in as_completed(running):
            yield running[future], future.result()
