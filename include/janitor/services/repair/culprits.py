"""Which of several changed packages broke a repository, by a search of the culprit: what a recipe asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from janitor.domain.culprit.culprit import Limits
from janitor.domain.experiment.experiment import Laboratory
from janitor.domain.repair.proposal import Abstained, Failure
from janitor.domain.result.provenance_changes import Changed, PartChange
from janitor.services.culprit.notebook import Notebook
from janitor.services.culprit.search import find_culprit


def by_search(
    laboratory: Laboratory, tree: Path, notebook: Notebook, *, limits: Limits | None = None
) -> Callable[[Failure, Sequence[PartChange]], Sequence[PartChange] | Abstained]:
    """For `World.culprit`: experiments tell; the search is written down in `notebook`, and gone on with.

    Args:
        laboratory: Carries out the experiments.
        tree: The repository at the failure's commit.
        notebook: Of this search.
        limits: How far it goes.
    """

    def culprit(failure: Failure, among: Sequence[PartChange]) -> Sequence[PartChange] | Abstained:
        found = find_culprit(laboratory, failure, tree=tree, notebook=notebook, limits=limits)
        if not found.is_found:
            return Abstained(reason=f"which of {len(among)} packages broke it wasn't found: {found.reason}")
        others = [change for change in found.changes if change.part is not Changed.PACKAGE]
        if others:
            return Abstained(reason=f"it is no package that broke it: {found.reason}")
        return found.changes

    return culprit
