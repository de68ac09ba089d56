"""Proved repairs as values, and a hostile one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from janitor.domain.config.fields import Market, RepairWay
from janitor.domain.config.repository_plan import RepositoryPlan
from janitor.domain.experiment.experiment import Observation, Observed, Repeated
from janitor.domain.repair.proposal import Failure, Proposal, ProposedBy
from janitor.domain.repair.publication import Publication
from janitor.domain.result.provenance_changes import Changed, CommitRange, PartChange, ProvenanceChanges
from janitor.protocol.order.patch import Patch
from janitor.protocol.report import Report
from janitor.protocol.terms.statuses import CheckStatus
from janitor.services.repair.publish.publish import publish
from janitor.services.workspaces.manager import WorkspaceManager
from janitor.settings import load_settings
from tests.support.deployment import ROOT
from tests.support.reports import BEGIN, COMMIT, check_of, report_of

DIFF = """\
diff --git a/requirements.txt b/requirements.txt
--- a/requirements.txt
+++ b/requirements.txt
@@ -1,2 +1,2 @@
-numpy>=1
+numpy>=1,<2
 torch
"""


def publication_of(
    *,
    url: str = "https://github.com/acme/worker.git",
    commit: str = COMMIT,
    way: RepairWay = RepairWay.PATCH,
    diff: str = DIFF,
    ref: str | None = None,
    cause: str = "numpy has no attribute bool8",
    patched: Observed = Observed.GREEN,
    **changes: Any,
) -> Publication:
    """A repair that is proved, unless something is changed.

    Args:
        changes: Of the proposal.
    """
    patch = Patch.of(diff)
    red = _report(url, commit, check_of("build", CheckStatus.FAIL, reason=cause))
    assert red.signature is not None
    green = replace(_report(url, commit, check_of("build"), check_of("handler_local")), patch_sha256=patch.sha256)
    again = replace(_report(url, commit, check_of("build", CheckStatus.FAIL, reason=cause)), run_id=str(uuid4()))
    plan = RepositoryPlan(
        name="worker",
        organization="acme",
        url=url,
        ref=ref,
        prompt="look at it",
        gpu_required=False,
        timeout=timedelta(minutes=30),
        instance_types=("g5.xlarge",),
        market=Market.ON_DEMAND,
        repair=way,
        env={"MODEL_KEY": "hunter2-is-not-enough"},
    )
    repeated = Repeated(
        validation_id=UUID(red.validation_id),
        plan=plan,
        commit_sha=commit,
        signature=red.signature.id,
        instance_type="g5.xlarge",
        report=red,
    )
    parts = (PartChange(part=Changed.PACKAGE, name="numpy", before="1.26.4", after="2.0.0"),)
    changed = ProvenanceChanges(commits=CommitRange(before=commit, after=commit), parts=parts)
    proposal = Proposal(
        by=ProposedBy.RECIPE,
        name="pin_below",
        patch=patch,
        summary="Keep numpy below 2",
        root_cause="numpy 2.0.0 removed bool8, which the handler uses.",
        evidence=("AttributeError: module 'numpy' has no attribute 'bool8'",),
    )
    return Publication(
        shard_id="run-1/acme/worker/0123abcd",
        failure=Failure(repeated=repeated, last_good=green, last_good_at=BEGIN - timedelta(days=2), changes=changed),
        proposal=replace(proposal, **changes),
        patched=_observed(green, patched),
        control=_observed(again, Observed.RED),
        proof_usd=Decimal("0.1234"),
        proposal_usd=Decimal(0),
        broken_since=BEGIN - timedelta(days=1),
    )


def publish_in_a_process(environment: dict[str, str], publication: Publication, run_id: str) -> None:
    """Publish, in a process that is killed meanwhile."""
    settings = load_settings("local", environ=environment, project_root=ROOT)
    repeated = publication.failure.repeated
    manager = WorkspaceManager.of(settings)
    with manager.workspace(run_id, repeated.plan.url, repeated.commit_sha) as workspace:
        publish(settings, publication, workspace, into_bucket=False)


def _report(url: str, commit: str, *checks: Any) -> Report:
    report = report_of(uuid4(), uuid4(), *checks, repository="acme/worker", commit=commit)
    return replace(report, repository=replace(report.repository, url=url))


def _observed(report: Report, observed: Observed) -> Observation:
    return Observation(
        observed=observed,
        reason=report.summary,
        signature=report.signature.id if report.signature is not None else None,
        report=report,
        validation_id=UUID(report.validation_id),
        cost_usd=Decimal("0.06"),
    )
