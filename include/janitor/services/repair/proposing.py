"""Who proposes: the recipes first, then the model, where one is configured."""

from __future__ import annotations

from dataclasses import replace

from janitor.domain.repair.proposal import Abstained, Failure, Proposal
from janitor.protocol.text.plain_text import one_line
from janitor.services.repair.by_agent import propose_by_agent
from janitor.services.repair.propose import NO_MODEL, propose
from janitor.services.repair.world import World
from janitor.services.workspaces.manager import Workspace
from janitor.settings import Settings

_LONGEST_REASON = 900


def propose_repair(settings: Settings, failure: Failure, workspace: Workspace, world: World) -> Proposal | Abstained:
    """A change that may repair a failure; the gate hasn't seen it yet.

    Args:
        settings: Of the environment; may name a model.
        failure: What is to be repaired.
        workspace: A leased tree of its commit, as it was checked out; it is read and never written.
        world: What recipes may ask outside of it.

    Raises:
        LeaseLostError: The lease is lost.
        WorkspaceError: The run's folder can't be written.
    """
    by_recipe = propose(failure, workspace.path, world)
    if isinstance(by_recipe, Proposal):
        return by_recipe
    by_agent = propose_by_agent(settings, failure, workspace)
    if isinstance(by_agent, Proposal):
        return by_agent
    recipes = by_recipe.reason.removeprefix(NO_MODEL).lstrip("; ")
    return replace(by_agent, reason=one_line(f"{by_agent.reason}; {recipes}", limit=_LONGEST_REASON))
