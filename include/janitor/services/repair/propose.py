"""Proposes a repair: the recipes in their order, and nothing where none is sure.

Invariant: the tree is read and never written, and nothing of it is run.
"""

from __future__ import annotations

from pathlib import Path

from janitor.domain.repair.proposal import Abstained, Failure, Proposal, ProposedBy
from janitor.domain.repair.writing import diff_of
from janitor.protocol.order.patch import LONGEST_PATCH, Patch
from janitor.services.repair.facts import WorkerTree
from janitor.services.repair.recipes.recipe import Draft, Recipe
from janitor.services.repair.recipes.table import RECIPES
from janitor.services.repair.world import UnknownError, World

NO_MODEL = "no model"
"""Why the rest isn't proposed where recipes are all there is."""


def propose(failure: Failure, tree: Path, world: World) -> Proposal | Abstained:
    """A change that may repair a failure.

    Args:
        failure: What is to be repaired.
        tree: The checkout of its commit.
        world: What may be asked outside of it.

    Returns:
        The first recipe's that is sure; else why none is, which begins with `no model`.
    """
    plan = failure.repeated.plan
    worker = WorkerTree(tree, plan.dockerfile, dict(plan.build_args))
    unsure: list[str] = []
    for recipe in RECIPES:
        found = _asked(recipe, failure, worker, world)
        if isinstance(found, Draft):
            return _proposal(recipe, found)
        if found is not None:
            unsure.append(f"{recipe.name}: {found.reason}")
    return Abstained(reason=f"{NO_MODEL}; {'; '.join(unsure)}" if unsure else f"{NO_MODEL}; no recipe is for it")


def _asked(recipe: Recipe, failure: Failure, worker: WorkerTree, world: World) -> Draft | Abstained | None:
    try:
        found = recipe.draft(failure, worker, world)
    except UnknownError as exc:
        return Abstained(reason=str(exc))
    if isinstance(found, Draft) and len(diff_of(found.edits)) not in range(1, LONGEST_PATCH + 1):
        return Abstained(reason="it would change nothing, or more than anybody reviews")
    return found


def _proposal(recipe: Recipe, draft: Draft) -> Proposal:
    return Proposal(
        by=ProposedBy.RECIPE,
        name=recipe.name,
        patch=Patch.of(diff_of(draft.edits)),
        summary=draft.summary,
        root_cause=draft.root_cause,
        evidence=draft.evidence,
    )
