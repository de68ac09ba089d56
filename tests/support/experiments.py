"""Experiments for tests: what is repeated, and what is changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from janitor.domain.config.fields import Market
from janitor.domain.config.repository_plan import RepositoryPlan
from janitor.domain.experiment.experiment import Experiment, ExperimentPurpose, Repeated
from janitor.protocol.order.patch import Patch
from janitor.protocol.report import Report
from janitor.protocol.report_signature import signature_of
from tests.integration.validator.conftest import git


def plan_of(url: str, *, name: str = "worker-a", timeout: timedelta = timedelta(minutes=5)) -> RepositoryPlan:
    """A repository's plan."""
    return RepositoryPlan(
        name=name,
        organization="acme",
        url=url,
        prompt="look at it",
        gpu_required=False,
        timeout=timeout,
        instance_types=("g5.xlarge", "g4dn.xlarge"),
        market=Market.ON_DEMAND,
    )


def repeated_of(report: Report, plan: RepositoryPlan, *, instance_type: str | None = None) -> Repeated:
    """The validation that ended with a report."""
    signature = signature_of(report)
    assert report.repository.commit_sha is not None
    return Repeated(
        validation_id=uuid4(),
        plan=plan,
        commit_sha=report.repository.commit_sha,
        signature="" if signature is None else signature.id,
        instance_type=instance_type,
        report=report,
    )


def experiment_of(repeated: Repeated, patch: Patch | None = None) -> Experiment:
    """One with a patch, or the control without."""
    purpose = ExperimentPurpose.CONTROL if patch is None else ExperimentPurpose.PATCHED
    return Experiment(experiment_id=uuid4(), purpose=purpose, repeated=repeated, patch=patch)


def again(experiment: Experiment) -> Experiment:
    """The same, as one of its own."""
    return replace(experiment, experiment_id=uuid4())


def change_of(folder: Path, *options: str) -> Patch:
    """What is changed in a repository, as a patch; the repository is then as it was."""
    git(folder, "add", "--all", "--force")
    text = git(folder, "diff", "--cached", *options)
    git(folder, "reset", "--quiet", "--hard")
    return Patch.of(text)
