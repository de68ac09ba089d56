"""A handler that broke, from its red report to a patch that `git am` takes.

A scripted model repairs it, the gate lets it through, the real validator proves it, and people have it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from uuid import UUID, uuid4

from janitor.domain.experiment.experiment import Experiment, ExperimentPurpose, Observed, Repeated
from janitor.domain.repair.gate import refusal_of
from janitor.domain.repair.proposal import Failure, Proposal
from janitor.domain.repair.publication import Publication
from janitor.domain.repair.states import RepairState
from janitor.protocol.repair_proof import RepairProof
from janitor.protocol.terms.statuses import CheckStatus
from janitor.services.experiments.here import LocalLaboratory
from janitor.services.repair.by_agent import propose_by_agent
from janitor.services.repair.prove import prove
from janitor.services.repair.publish.publish import publish
from janitor.services.workspaces.manager import WorkspaceManager
from janitor.settings import Settings, load_settings
from tests.integration.agent.conftest import needs_root
from tests.integration.agent.endpoint import Endpoint
from tests.integration.validator.conftest import git, handler
from tests.support.deployment import ROOT
from tests.support.experiments import plan_of
from tests.support.reports import check_of, report_of

pytestmark = needs_root

BROKEN = handler("return {'answer': collections.Mapping}", before="import collections")
FIX = {"path": "handler.py", "old": "collections.Mapping", "new": "len(job['input'])"}


def test_a_handler_bug_becomes_a_proved_patch(
    variables: dict[str, str], make_worker: Callable[..., Path], package_cache: Path, tmp_path: Path
) -> None:
    folder = make_worker(BROKEN)
    laboratory = LocalLaboratory(
        tmp_path / "laboratory", environment={**os.environ, "UV_CACHE_DIR": str(package_cache)}
    )
    failure = _red(folder, laboratory)
    reason = next(each.reason for each in failure.repeated.report.checks if each.status is CheckStatus.FAIL)
    assert reason is not None
    submit = {
        "summary": "Count the input instead of a name that Python removed",
        "root_cause": "collections.Mapping is gone since Python 3.10.",
        "evidence": [reason[:200]],
        "files": ["handler.py"],
        "confidence": 0.9,
    }
    steps = [{"tool": "replace_in_file", "args": FIX}, {"tool": "submit_repair", "args": submit}]
    with Endpoint(steps) as endpoint:
        settings = _with_model(variables, endpoint)
        manager = WorkspaceManager.of(settings)
        with manager.workspace(uuid4().hex, failure.repeated.plan.url, failure.repeated.commit_sha) as workspace:
            proposal = propose_by_agent(settings, failure, workspace)
            assert isinstance(proposal, Proposal), proposal
            read = _reader(workspace.path)
            assert refusal_of(proposal.patch, by=proposal.by, name=proposal.name, read=read) is None
            proof = prove(laboratory, failure, proposal, key="a repair", limit_usd=Decimal(1))
            assert proof.state is RepairState.PROVEN, proof.reason
            assert proof.patched is not None
            assert proof.control is not None
            publication = Publication(
                shard_id="run/acme/worker-a/0123abcd",
                failure=failure,
                proposal=proposal,
                patched=proof.patched,
                control=proof.control,
                proof_usd=proof.cost_usd,
                proposal_usd=proposal.cost_usd,
                broken_since=None,
            )
            done = publish(settings, publication, workspace, into_bucket=False)
    assert done.state is RepairState.PUBLISHED, done
    assert done.where is not None
    document = RepairProof.from_json((Path(done.where) / "proof.json").read_bytes())
    assert document.proposal_usd is None
    assert document.validator_sha256 is not None
    git(folder, "am", str(Path(done.where) / "repair.mail"))
    assert (folder / "handler.py").read_text() == BROKEN.replace("collections.Mapping", "len(job['input'])")
    assert git(folder, "rev-parse", "HEAD^{tree}") == git(folder, "rev-parse", f"{_tree_of(folder)}")


def _red(folder: Path, laboratory: LocalLaboratory) -> Failure:
    """The failure as the validator itself finds it."""
    commit = git(folder, "rev-parse", "HEAD").strip()
    checks = check_of("build"), check_of("handler_local", CheckStatus.FAIL)
    known = report_of(UUID(int=1), UUID(int=2), *checks, repository="acme/worker-a", commit=commit)
    repeated = Repeated(
        validation_id=uuid4(),
        plan=plan_of(folder.as_uri()),
        commit_sha=commit,
        signature="",
        instance_type=None,
        report=known,
    )
    first = Experiment(experiment_id=uuid4(), purpose=ExperimentPurpose.CONTROL, repeated=repeated, patch=None)
    seen = laboratory.observe(first)
    assert seen.observed is Observed.RED, seen.reason
    assert seen.report is not None
    assert seen.signature is not None
    repeated = replace(repeated, signature=seen.signature, report=seen.report)
    return Failure(repeated=repeated, last_good=None, last_good_at=None, changes=None)


def _with_model(variables: dict[str, str], endpoint: Endpoint) -> Settings:
    agent = {"JANITOR_AGENT_MODEL": "openai:local-model", "JANITOR_AGENT_BASE_URL": f"{endpoint.url}/v1"}
    return load_settings("local", environ={**variables, **agent}, project_root=ROOT)


def _reader(tree: Path) -> Callable[[str], bytes | None]:
    return lambda path: (tree / path).read_bytes() if (tree / path).is_file() else None


def _tree_of(folder: Path) -> str:
    """The tree of the commit with the one line changed, made by hand."""
    git(folder, "checkout", "--quiet", "-b", "by-hand", "HEAD^")
    (folder / "handler.py").write_text(BROKEN.replace("collections.Mapping", "len(job['input'])"))
    git(folder, "commit", "--quiet", "--all", "--message", "by hand")
    return "by-hand^{tree}"
