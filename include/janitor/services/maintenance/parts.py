"""The workshop of a deployment: its recipes, its gate, its laboratory, and the way to people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from pydantic import SecretStr

from janitor.domain.config.fields import RepairWay
from janitor.domain.culprit.culprit import CulpritStep, Limits
from janitor.domain.errors import ConflictError
from janitor.domain.experiment.experiment import Laboratory
from janitor.domain.repair.gate import refusal_of
from janitor.domain.repair.proof import Proof
from janitor.domain.repair.proposal import Abstained, Failure, Proposal
from janitor.domain.repair.publication import Publication
from janitor.domain.repair.shard import Repair, Shard
from janitor.domain.workspace.holder import Holder
from janitor.services.culprit.for_recipes import culprit_by_experiment
from janitor.services.culprit.search import OnStep
from janitor.services.experiments.by_airflow import AirflowLaboratory
from janitor.services.experiments.here import LocalLaboratory
from janitor.services.maintenance.failures import broken_since
from janitor.services.maintenance.work_shard import proposal_of
from janitor.services.maintenance.workshop import Edge, Given, Proved, Workshop
from janitor.services.repair.proposing import propose_repair
from janitor.services.repair.prove import prove
from janitor.services.repair.publish.publish import publish
from janitor.services.repair.registry_tags import RegistryTags
from janitor.services.repair.renames import renames_of
from janitor.services.repair.resolver import Resolver
from janitor.services.repair.world import World
from janitor.services.workspaces.manager import NETWORK_VARIABLES, Workspace, WorkspaceManager
from janitor.settings import Settings
from janitor.settings.process import search_path
from janitor.settings.variables import secrets_of
from janitor.stores import repairs as repair_store
from janitor.stores.database import transaction

_SHORTEST_SECRET = 8
"""Characters."""

LaboratoryOf = Callable[[str, Failure], Laboratory]
"""Makes what carries a shard's experiments out."""


def workshop_of(
    settings: Settings,
    *,
    max_cost_usd: Decimal | None = None,
    reached: Callable[[str, Edge], None] | None = None,
    holder: Holder | None = None,
    laboratory: LaboratoryOf | None = None,
    way: RepairWay | None = None,
    on_step: OnStep | None = None,
) -> Workshop:
    """What the shards of a deployment are worked with.

    Args:
        settings: Of the deployment.
        max_cost_usd: What the repairs of a run may cost together.
        reached: Told of each edge of a shard.
        holder: This process; default: as far as it can tell.
        laboratory: Default: the DAG that validates, and this machine for what ran on no instance.
        way: No more than this is done to give a repair to people; None: what each repository says.
        on_step: Told of each experiment of a search for the culprit.

    Raises:
        SettingsError: The environment has no database yet.
    """
    parts = _Parts(
        settings=settings,
        laboratory=laboratory or (lambda shard_id, failure: laboratory_of(settings, shard_id, failure)),
        way=way,
        max_cost_usd=max_cost_usd,
        on_step=on_step or (lambda _: None),
    )
    return Workshop(
        settings=settings,
        manager=WorkspaceManager.of(settings, holder=holder),
        propose=parts.propose,
        gate=parts.gate,
        prove=parts.prove,
        publish=parts.publish,
        max_cost_usd=max_cost_usd,
        **({} if reached is None else {"reached": reached}),
    )


def laboratory_of(settings: Settings, shard_id: str, failure: Failure) -> Laboratory:
    """Where the experiments of a shard are carried out: where its failure was."""
    if failure.repeated.instance_type is None or not settings.has_airflow_login:
        return LocalLaboratory(settings.state_dir / "experiments")
    return AirflowLaboratory(settings, asked_by=shard_id)


@dataclass(frozen=True)
class _Parts:
    settings: Settings
    laboratory: LaboratoryOf
    way: RepairWay | None
    max_cost_usd: Decimal | None
    on_step: OnStep

    def propose(self, failure: Failure, workspace: Workspace, *, shard_id: str) -> Proposal | Abstained:
        steps: list[CulpritStep] = []

        def on_step(step: CulpritStep) -> None:
            steps.append(step)
            self.on_step(step)

        found = propose_repair(
            self.settings, failure, workspace, self._world(shard_id, failure, workspace, on_step=on_step)
        )
        searched = sum((step.cost_usd for step in steps if step.cost_usd is not None), Decimal(0))
        return found if found.cost_usd is None else replace(found, cost_usd=found.cost_usd + searched)

    def gate(self, proposal: Proposal, read: Callable[[str], bytes | None]) -> str | None:
        refusal = refusal_of(
            proposal.patch, by=proposal.by, name=proposal.name, read=read, secrets=_secrets_of(self.settings)
        )
        return None if refusal is None else str(refusal)

    def prove(
        self, failure: Failure, proposal: Proposal, *, shard_id: str, key: str, limit_usd: Decimal | None
    ) -> Proved:
        return proved_by(prove(self.laboratory(shard_id, failure), failure, proposal, key=key, limit_usd=limit_usd))

    def publish(self, shard: Shard, repair: Repair, failure: Failure, workspace: Workspace) -> Given:
        proposal = proposal_of(repair)
        # What is known of its experiments is taken from where it is kept: nothing is carried out a second time.
        laboratory = self.laboratory(repair.shard_id, failure)
        proof = prove(laboratory, failure, proposal, key=str(repair.repair_id), limit_usd=None)
        if proof.patched is None or proof.control is None:
            raise ConflictError(f"the experiments of repair {repair.repair_id} aren't known any more: {proof.reason}")
        publication = Publication(
            shard_id=shard.shard_id,
            failure=self._told(failure),
            proposal=proposal,
            patched=proof.patched,
            control=proof.control,
            proof_usd=proof.cost_usd,
            proposal_usd=proposal.cost_usd,
            broken_since=broken_since(self.settings, shard.validation_id),
        )
        published = publish(self.settings, publication, workspace, attempt=shard.attempt)
        return Given(
            state=published.state, published_as=published.way.value, url=published.where, reason=published.reason
        )

    def _told(self, failure: Failure) -> Failure:
        """The failure, whose repository gets no more than was asked for."""
        plan, ways = failure.repeated.plan, list(RepairWay)
        if self.way is None or ways.index(self.way) >= ways.index(plan.repair):
            return failure
        return replace(failure, repeated=replace(failure.repeated, plan=replace(plan, repair=self.way)))

    def _left(self, run_id: str) -> Decimal:
        """What a run may still spend."""
        with transaction(self.settings.reader_url) as connection:
            spent = repair_store.spent(connection, self.settings.deployment, run_id)
        return max((self.max_cost_usd or Decimal(0)) - spent, Decimal(0))

    def _world(self, shard_id: str, failure: Failure, workspace: Workspace, *, on_step: OnStep) -> World:
        settings = self.settings
        folder = settings.state_dir / "resolver"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        resolver = Resolver(
            folder=folder,
            index_urls=settings.repair_index_urls,
            search_path=search_path(settings.inherited),
            variables={name: value for name, value in settings.inherited.items() if name in NETWORK_VARIABLES},
        )
        laboratory = self.laboratory(shard_id, failure)
        return World(
            packages=resolver,
            index_urls=settings.repair_index_urls,
            tags=RegistryTags(),
            renamed_to=renames_of(workspace.tree.git, workspace.commit, cwd=workspace.path),
            culprit=culprit_by_experiment(
                settings,
                laboratory,
                workspace.path,
                here=isinstance(laboratory, LocalLaboratory),
                limits=None if self.max_cost_usd is None else Limits(max_usd=self._left(workspace.run.run_id)),
                on_step=on_step,
            ),
        )


def _secrets_of(settings: Settings) -> list[str]:
    """The values of this deployment's secrets; what is so short that any text may hold it is none."""
    kept: list[SecretStr | None] = [getattr(settings, name) for name in sorted(secrets_of(Settings))]
    values = [each.get_secret_value() for each in kept if each is not None]
    return [value for value in values if len(value) >= _SHORTEST_SECRET]


def proved_by(proof: Proof) -> Proved:
    """What is written down of a proof."""
    return Proved(
        state=proof.state,
        reason=proof.reason,
        proof_validation_id=None if proof.patched is None else proof.patched.validation_id,
        control_validation_id=None if proof.control is None else proof.control.validation_id,
        cost_usd=proof.cost_usd if proof.cost_usd is not None else proof.known_cost_usd or None,
    )
