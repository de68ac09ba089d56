"""What is known of a proved repair when people are given it, and how that went."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from janitor.domain.config.fields import RepairWay
from janitor.domain.experiment.experiment import Observation, Observed
from janitor.domain.repair.proposal import Failure, Proposal, ProposedBy
from janitor.domain.repair.states import RepairState

_SHOWN_OF_SIGNATURE = 8


@dataclass(frozen=True, kw_only=True)
class Publication:
    """A repair with its proof."""

    shard_id: str
    failure: Failure
    proposal: Proposal
    patched: Observation
    """With the repair."""
    control: Observation
    """Without it, later."""
    proof_usd: Decimal | None
    """Of both experiments; None: not known."""
    proposal_usd: Decimal | None
    """Of whoever proposed it: 0 for a recipe; None: not known."""
    broken_since: datetime | None
    """The first report with this cause; None: not known."""

    @property
    def way(self) -> RepairWay:
        """How the repository's people want it."""
        return self.failure.repeated.plan.repair

    @property
    def known_proposal_usd(self) -> Decimal | None:
        """What proposing it took. A model's answer is never free: nothing is taken for not known."""
        return None if self.proposal.by is ProposedBy.AGENT and not self.proposal_usd else self.proposal_usd

    @property
    def branch(self) -> str:
        """The same for each repair of this cause."""
        return f"janitor/repair-{self.failure.repeated.signature[:_SHOWN_OF_SIGNATURE]}"

    @property
    def made_at(self) -> datetime:
        """When it was proved: the same at each try, so that its commit is the same one."""
        ends = [each.report.finished_at for each in (self.patched, self.control) if each.report is not None]
        return max([*ends, self.failure.repeated.report.finished_at])


@dataclass(frozen=True, kw_only=True)
class Published:
    """How a publication went."""

    way: RepairWay
    """How people can have it now."""
    where: str | None
    """Address of the pull request, branch and remote, or the patch's place; None where nothing was written."""
    state: RepairState
    """`published`; `proven` where it is worth asking again; `superseded` and `rejected` end it."""
    reason: str
    """In a line, also where all went as wanted."""
    again_after: timedelta | None = None
    """When to ask again, where that is worth it."""


def what_is_unproved(publication: Publication) -> str | None:
    """Why a repair must not be published; None: it is proved.

    Green with this patch and no other, red by the same cause without any, by the same validator in the same engine.
    """
    repeated, patched, control = publication.failure.repeated, publication.patched, publication.control
    if patched.observed is not Observed.GREEN or patched.report is None:
        return f"it isn't green with the patch: {patched.observed.value}, {patched.reason}"
    if control.observed is not Observed.RED or control.report is None:
        return f"it isn't red without the patch: {control.observed.value}, {control.reason}"
    if patched.report.patch_sha256 != publication.proposal.patch.sha256:
        return "its report is of another patch"
    if control.report.patch_sha256 is not None:
        return "the report without the patch is of one with a patch"
    if control.signature != repeated.signature:
        return "without the patch it fails by another cause"
    for report in (patched.report, control.report):
        if report.repository.commit_sha != repeated.commit_sha:
            return "a report is of another commit"
        if report.engine != repeated.report.engine:
            return "a report is of another engine"
    return None
