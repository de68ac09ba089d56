"""The search as a recipe asks for it: which of several changes broke a repository."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from janitor.domain.culprit.culprit import Limits
from janitor.domain.experiment.experiment import Laboratory
from janitor.domain.repair.proposal import Abstained, Failure
from janitor.domain.result.provenance_changes import PartChange
from janitor.services.culprit.notebook import PostgresNotebook
from janitor.services.culprit.question import search_key
from janitor.services.culprit.search import OnStep, find_culprit
from janitor.settings import Settings

Asked = Callable[[Failure, Sequence[PartChange]], Sequence[PartChange] | Abstained]


def culprit_by_experiment(
    settings: Settings,
    laboratory: Laboratory,
    tree: Path,
    *,
    here: bool = False,
    limits: Limits | None = None,
    on_step: OnStep | None = None,
) -> Asked:
    """What a recipe is given, so that it can ask.

    Args:
        settings: Of the deployment; its Postgres keeps the steps, so that a shard that is tried again pays nothing
            twice.
        laboratory: Carries out the experiments.
        tree: The repository at the failure's commit.
        here: Whether the laboratory is this machine.
        limits: How far a search goes.
        on_step: Told of each step.
    """

    def asked(failure: Failure, _: Sequence[PartChange]) -> Sequence[PartChange] | Abstained:
        key = search_key(failure, here=here)
        notebook = PostgresNotebook(settings, key=key, validation_id=failure.repeated.validation_id)
        found = find_culprit(laboratory, failure, tree=tree, notebook=notebook, limits=limits, on_step=on_step)
        return (
            found.changes if found.is_found else Abstained(reason=f"which release broke it isn't found: {found.reason}")
        )

    return asked
