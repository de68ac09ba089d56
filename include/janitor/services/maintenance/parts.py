"""The workshop of a deployment: its recipes, its gate, its laboratory, and the way to people."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from janitor.domain.experiment.experiment import Laboratory
from janitor.domain.repair.gate import refusal_of
from janitor.domain.repair.proof import Proof
from janitor.domain.repair.proposal import Abstained, Failure, Proposal
from janitor.domain.repair.shard import Repair, Shard
from janitor.domain.workspace.holder import Holder
from janitor.services.experiments.here import LocalLaboratory
from janitor.services.maintenance.workshop import Edge, Given, Proved, Workshop
from janitor.services.repair.prove import prove
from janitor.services.workspaces.manager import WorkspaceManager
from janitor.settings import Settings


def workshop_of(
    settings: Settings,
    *,
    max_cost_usd: Decimal | None = None,
    reached: Callable[[str, Edge], None] | None = None,
    holder: Holder | None = None,
) -> Workshop:
    """What the shards of a deployment are worked with.

    Args:
        settings: Of the deployment.
        max_cost_usd: What the repairs of a run may cost together.
        reached: Told of each edge of a shard.
        holder: This process; default: as far as it can tell.

    Raises:
        SettingsError: The environment has no database yet.
    """
    laboratory = laboratory_of(settings)
    return Workshop(
        settings=settings,
        manager=WorkspaceManager.of(settings, holder=holder),
        propose=_propose,
        gate=_gate,
        prove=_Prover(laboratory),
        publish=_publish,
        max_cost_usd=max_cost_usd,
        **({} if reached is None else {"reached": reached}),
    )


def laboratory_of(settings: Settings) -> Laboratory:
    """Where experiments are carried out."""
    return LocalLaboratory(settings.state_dir / "experiments")


def _propose(failure: Failure, tree: Path) -> Proposal | Abstained:
    return Abstained(reason="no recipe is installed")


def _gate(proposal: Proposal, read: Callable[[str], bytes | None]) -> str | None:
    refusal = refusal_of(proposal.patch, by=proposal.by, name=proposal.name, read=read)
    return None if refusal is None else str(refusal)


class _Prover:
    def __init__(self, laboratory: Laboratory) -> None:
        self._laboratory = laboratory

    def __call__(self, failure: Failure, proposal: Proposal, *, key: str, limit_usd: Decimal | None) -> Proved:
        return proved_by(prove(self._laboratory, failure, proposal, key=key, limit_usd=limit_usd))


def proved_by(proof: Proof) -> Proved:
    """What is written down of a proof."""
    return Proved(
        state=proof.state,
        reason=proof.reason,
        proof_validation_id=None if proof.patched is None else proof.patched.validation_id,
        control_validation_id=None if proof.control is None else proof.control.validation_id,
        cost_usd=proof.cost_usd if proof.cost_usd is not None else proof.known_cost_usd or None,
    )


def _publish(shard: Shard, repair: Repair, failure: Failure) -> Given:
    return Given(published_as="patch", url=shard.artefact_prefix)
