"""Experiments on this machine, with the real validator in the venv engine."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from janitor.domain.experiment.experiment import Observed, Repeated
from janitor.protocol.order.patch import Patch
from janitor.protocol.terms.proven import ProofLevel
from janitor.protocol.terms.statuses import CheckStatus, Engine
from janitor.services.experiments.here import LocalLaboratory
from tests.integration.validator.conftest import DOCKERFILE, git, handler
from tests.support.experiments import again, change_of, experiment_of, plan_of, repeated_of
from tests.support.reports import check_of, report_of


@pytest.fixture
def broken(make_worker: Callable[..., Path]) -> tuple[Repeated, Patch]:
    """A worker that has lost its Dockerfile, as a validation found it once, and its repair."""
    folder = make_worker(handler('return {"answer": 42}'), {"Dockerfile": None})
    commit = git(folder, "rev-parse", "HEAD").strip()
    (folder / "Dockerfile").write_text(DOCKERFILE)
    report = report_of(UUID(int=1), UUID(int=2), check_of("layout", CheckStatus.FAIL), commit=commit)
    return repeated_of(report, plan_of(folder.as_uri())), change_of(folder)


def test_red_without_the_patch_and_green_with_it(laboratory: LocalLaboratory, broken: tuple[Repeated, Patch]) -> None:
    repeated, patch = broken
    tried = experiment_of(repeated, patch)
    control, patched = laboratory.observe(experiment_of(repeated)), laboratory.observe(tried)
    assert control.observed is Observed.RED, control.reason
    assert patched.observed is Observed.GREEN, patched.reason
    assert control.report is not None
    assert patched.report is not None
    assert control.report.signature is not None
    assert control.signature == control.report.signature.id
    assert (control.report.patch_sha256, patched.report.patch_sha256) == (None, patch.sha256)
    # One judge, in the repeated one's engine, of the very commit.
    judges = {each.provenance.validator_sha256 for each in (control.report, patched.report) if each.provenance}
    assert len(judges - {None}) == 1
    assert patched.report.engine is Engine.VENV
    assert {each.repository.commit_sha for each in (control.report, patched.report)} == {repeated.commit_sha}
    # What is required of a success is judged here, whatever the report says of itself.
    strict = replace(repeated, plan=replace(repeated.plan, required_proof=ProofLevel.IMAGE))
    seen = laboratory.observe(replace(tried, repeated=strict))
    assert (seen.observed, "proof_too_low" in seen.reason) == (Observed.INCONCLUSIVE, True)


def test_the_same_experiment_is_carried_out_once(
    laboratory: LocalLaboratory, broken: tuple[Repeated, Patch], tmp_path: Path
) -> None:
    experiment = experiment_of(broken[0])
    first = laboratory.observe(experiment)
    assert first.observed is Observed.RED, first.reason
    (tmp_path / "repository-1" / ".git").rename(tmp_path / "gone")
    # Another process that asks again, after the first one has died.
    assert LocalLaboratory(tmp_path / "laboratory").observe(experiment) == first
    assert laboratory.observe(again(experiment)).observed is Observed.INCONCLUSIVE


def test_a_report_that_was_changed_on_disk_is_not_believed(
    laboratory: LocalLaboratory, broken: tuple[Repeated, Patch], tmp_path: Path
) -> None:
    experiment = experiment_of(broken[0])
    assert laboratory.observe(experiment).observed is Observed.RED
    kept = tmp_path / "laboratory" / str(experiment.experiment_id) / "report.json"
    kept.write_bytes(kept.read_bytes().replace(b"look at it", b"look there"))
    seen = laboratory.observe(experiment)
    assert (seen.observed, "report_unproven" in seen.reason) == (Observed.INCONCLUSIVE, True)


def test_a_patch_that_does_not_fit_blames_nobody(laboratory: LocalLaboratory, broken: tuple[Repeated, Patch]) -> None:
    patch = Patch.of("--- a/handler.py\n+++ b/handler.py\n@@ -1 +1 @@\n-of another commit\n+x\n")
    seen = laboratory.observe(experiment_of(broken[0], patch))
    assert (seen.observed, "patch_unapplied" in seen.reason) == (Observed.INCONCLUSIVE, True)


def test_one_that_is_not_done_in_time_tells_nothing(
    broken: tuple[Repeated, Patch], tmp_path: Path, package_cache: Path
) -> None:
    environment = {**os.environ, "UV_CACHE_DIR": str(package_cache)}
    hurried = LocalLaboratory(tmp_path / "hurried", environment=environment, limit=timedelta(seconds=1))
    seen = hurried.observe(experiment_of(*broken))
    assert (seen.observed, "timed_out" in seen.reason) == (Observed.INCONCLUSIVE, True)


def test_secrets_are_not_given_on_this_machine(laboratory: LocalLaboratory, broken: tuple[Repeated, Patch]) -> None:
    repeated, patch = broken
    secret = replace(repeated, plan=replace(repeated.plan, secrets={"HF_TOKEN": "models/hf-token"}))
    assert "needs secrets" in laboratory.observe(experiment_of(secret, patch)).reason
