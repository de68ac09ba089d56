"""What only looks like a repair is none: the gate stops it, and the proof of a real validator does, too."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from janitor.domain.experiment.experiment import Experiment, ExperimentPurpose, Repeated
from janitor.domain.repair.gate import refusal_of
from janitor.domain.repair.proposal import Failure, Proposal, ProposedBy
from janitor.domain.repair.states import RepairState
from janitor.domain.repair.writing import Edit, diff_of
from janitor.protocol.order.patch import Patch
from janitor.protocol.terms.statuses import EngineChoice
from janitor.services.experiments.here import LocalLaboratory
from janitor.services.repair.prove import prove
from tests.corpus.repairs.sdk import SDK
from tests.corpus.workers import BASE, HEALTHY, NO_TEST_INPUT, case, cases_json, handler
from tests.support.git_origins import Origin
from tests.support.package_index import PackageIndex
from tests.support.repairs import judged, plan_of

TESTS = ".runpod/tests.json"
GOOD_CASE, BAD_CASE = case(), case("a b c", expectedOutput={"words": 4})
SLOW = handler('import time\ntime.sleep(3)\nreturn {"words": len(job["input"]["text"].split())}')


@dataclass(frozen=True)
class Trap:
    """A worker that is red, and what somebody calls its repair."""

    files: Mapping[str, str | None]
    fix: Mapping[str, str | None]
    rule: str
    """Which the gate stops it by."""
    says: str | None
    """Why it isn't proved, were it let through; None where the gate alone can tell."""


TRAPS = {
    "the failing case is gone": Trap(
        {"handler.py": HEALTHY, TESTS: cases_json(GOOD_CASE, BAD_CASE)},
        {TESTS: cases_json(GOOD_CASE)},
        "test_file",
        "handler_api asked 1 cases, where it had asked 2",
    ),
    "the failing input is gone": Trap(
        {
            "handler.py": handler('return {"words": len(job["input"]["prompt"])}'),
            "Dockerfile": NO_TEST_INPUT,
            TESTS: cases_json({"input": {"prompt": "a"}, "timeout": 20_000}),
        },
        {"test_input.json": None},
        "test_file",
        "handler_local was fail and is skip",
    ),
    "the expectation is gone": Trap(
        {"handler.py": HEALTHY, TESTS: cases_json(BAD_CASE)},
        {TESTS: cases_json(case("a b c"))},
        "test_file",
        None,
    ),
    "the time is longer": Trap(
        {
            "handler.py": SLOW,
            "test_input.json": None,
            "Dockerfile": NO_TEST_INPUT,
            TESTS: cases_json(case(timeout=1_000)),
        },
        {TESTS: cases_json(case(timeout=60_000))},
        "test_file",
        None,
    ),
}


@pytest.mark.parametrize("name", TRAPS)
def test_what_only_looks_like_a_repair(name: str, tmp_path: Path) -> None:
    trap = TRAPS[name]
    files = {**BASE, "requirements.txt": f"runpod=={SDK.version}\n", **trap.files}
    kept = {path: text for path, text in files.items() if text is not None}
    origin = Origin(tmp_path / "worker")
    commit = origin.commit(kept)
    fix = {path: Edit(before=kept[path], after=after) for path, after in trap.fix.items()}
    proposal = Proposal(
        by=ProposedBy.AGENT,
        name="model",
        patch=Patch.of(diff_of(fix)),
        summary="Repair it",
        root_cause="It was red.",
        evidence=("red",),
    )

    def read(path: str) -> bytes | None:
        return kept[path].encode() if path in kept else None

    refusal = refusal_of(proposal.patch, by=proposal.by, name=proposal.name, read=read)
    assert refusal is not None
    assert refusal.rule == trap.rule
    recipe = refusal_of(proposal.patch, by=ProposedBy.RECIPE, name="documents", read=read)
    assert recipe is not None
    assert recipe.rule == "weaker_test"
    if trap.says is None:
        return
    with PackageIndex([SDK]) as index:
        laboratory = LocalLaboratory(
            tmp_path / "laboratory",
            engine=EngineChoice.VENV,
            environment={
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "HOME": str(tmp_path),
                "UV_INDEX_URL": index.url,
                "UV_CACHE_DIR": str(tmp_path / "cache"),
                "DOCKER_HOST": "unix:///nowhere/docker.sock",
            },
        )
        failure = _failure(laboratory, origin, commit)
        proof = prove(laboratory, failure, proposal, key="trap", limit_usd=None)
    assert proof.state is not RepairState.PROVEN
    assert trap.says in proof.reason


def _failure(laboratory: LocalLaboratory, origin: Origin, commit: str) -> Failure:
    """What the commit is red by."""
    unseen = judged(commit=commit)
    repeated = Repeated(
        validation_id=uuid.UUID(unseen.validation_id),
        plan=plan_of(origin.url),
        commit_sha=commit,
        signature="0" * 16,
        instance_type=None,
        report=unseen,
    )
    red = laboratory.observe(
        Experiment(experiment_id=uuid.uuid4(), purpose=ExperimentPurpose.CONTROL, repeated=repeated, patch=None)
    )
    assert red.report is not None
    assert red.signature is not None, red.reason
    seen = Repeated(
        validation_id=uuid.UUID(red.report.validation_id),
        plan=repeated.plan,
        commit_sha=commit,
        signature=red.signature,
        instance_type=None,
        report=red.report,
    )
    return Failure(repeated=seen, last_good=None, last_good_at=None, changes=None)
