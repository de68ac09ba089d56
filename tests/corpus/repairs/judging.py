"""Makes a case's repository and its world, sees it red, has a repair proposed and proved, and asks the oracle.

The oracle is the same validator on the repaired files, with test cases that were nowhere before: what is proved and
red there is a false proof.
"""

from __future__ import annotations

import json
import os
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from janitor.domain.culprit.culprit import Limits
from janitor.domain.experiment.experiment import Experiment, ExperimentPurpose, Observation, Observed, Repeated
from janitor.domain.repair.diff import read_diff
from janitor.domain.repair.gate import Refusal, refusal_of
from janitor.domain.repair.hunks import patched
from janitor.domain.repair.proof import Proof
from janitor.domain.repair.proposal import Abstained, Failure, Proposal
from janitor.domain.repair.states import RepairState
from janitor.domain.result.provenance_changes import PartChange, changes_between
from janitor.protocol.report import Report
from janitor.protocol.terms.statuses import EngineChoice, ReportStatus
from janitor.services.culprit.notebook import Memory
from janitor.services.culprit.search import find_culprit
from janitor.services.experiments.here import LocalLaboratory
from janitor.services.repair.propose import propose
from janitor.services.repair.prove import prove
from janitor.services.repair.registry_tags import RegistryTags
from janitor.services.repair.renames import renames_of
from janitor.services.repair.resolver import Resolver
from janitor.services.repair.world import World
from janitor.services.workspaces.git import Git
from tests.corpus.repairs.case import REGISTRY, SDK_LINE, SERVICE, RepairCase, Truth
from tests.corpus.repairs.sdk import SDK
from tests.corpus.repairs.service import Service, service
from tests.corpus.workers import BASE
from tests.support.git_origins import Origin
from tests.support.package_index import PackageIndex
from tests.support.repairs import judged as placeholder
from tests.support.repairs import plan_of
from tests.support.tag_registry import TagRegistry

_CULPRIT_STEPS = 12


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What came of a case."""

    case: RepairCase
    red: Observation
    proposed: Proposal | Abstained | None
    """None where there was nothing to repair."""
    refusal: Refusal | None = None
    proof: Proof | None = None
    oracle: Observation | None = None
    """Of what is proved."""
    seconds: float = 0.0

    @property
    def state(self) -> str:
        """What a shard would end as."""
        if self.proposed is None:
            return "left alone"
        if isinstance(self.proposed, Abstained):
            return RepairState.ABSTAINED.value
        if self.refusal is not None:
            return RepairState.BLOCKED.value
        return self.proof.state.value if self.proof is not None else "?"

    @property
    def is_false_proof(self) -> bool:
        """Whether it is proved, and isn't repaired."""
        return self.state == RepairState.PROVEN.value and (
            self.oracle is None or self.oracle.observed is not Observed.GREEN or self.case.truth is not Truth.RECIPE
        )

    @property
    def problem(self) -> str | None:
        """What isn't as the case says; None where all is."""
        if self.is_false_proof:
            why = self.oracle.reason if self.oracle is not None else "nobody asked the oracle"
            return f"FALSE PROOF: {why}"
        report, wanted = self.red.report, self.case.signature
        seen = (report.failing_check, report.reason_code) if report is not None else None
        if wanted is not None and seen != wanted:
            return f"is red by {seen}, not by {wanted}: {self.red.reason}"
        if self.case.truth is Truth.RECIPE and self.state != RepairState.PROVEN.value:
            return f"{self.state}: {self.why}"
        if isinstance(self.proposed, Proposal) and self.case.recipe not in (None, self.proposed.name):
            return f"repaired by {self.proposed.name}, not by {self.case.recipe}"
        return None

    @property
    def why(self) -> str:
        """In a line."""
        if isinstance(self.proposed, Abstained):
            return self.proposed.reason
        if self.refusal is not None:
            return str(self.refusal)
        return self.proof.reason if self.proof is not None else self.red.reason


def judge(case: RepairCase, folder: Path, packages: Path) -> Judged:
    """See what comes of a case.

    Args:
        case: Which one.
        folder: An empty folder.
        packages: Where uv keeps what it has fetched, for all cases.
    """
    started = time.monotonic()
    with ExitStack() as stack:
        place = _Place(case, folder, packages, stack)
        found = place.carried_out()
    return replace(found, seconds=time.monotonic() - started)


class _Place:
    """A case's repository, its servers, and the laboratories of then and now."""

    def __init__(self, case: RepairCase, folder: Path, packages: Path, stack: ExitStack) -> None:
        self.case, self.folder = case, folder
        self.registry = stack.enter_context(TagRegistry(case.tags, needs_token=False))
        self.service: Service = stack.enter_context(service())
        self.now = stack.enter_context(PackageIndex([SDK, *case.now]))
        self.then = stack.enter_context(PackageIndex([SDK, *(case.then or ())]))
        self.packages = packages
        self.of_now, self.of_then = self._laboratory(self.now, "now"), self._laboratory(self.then, "then")
        self.origin = Origin(folder / "worker")
        self.commit = self._committed()

    def carried_out(self) -> Judged:
        case = self.case
        good = None if case.then is None else self._observed(self.of_then, "then").report
        self.service.answers(case.service)
        if case.index_is_down:
            self.now.wheels.clear()
            self.now.is_down = True
        red = self._observed(self.of_now, "red")
        if red.observed is not Observed.RED or red.report is None or red.signature is None:
            return Judged(case=case, red=red, proposed=None)
        failure = self._failure(red, red.report, good)
        proposed = propose(failure, self.origin.path, self._world(self.of_now))
        if isinstance(proposed, Abstained):
            return Judged(case=case, red=red, proposed=proposed)
        refusal = refusal_of(proposed.patch, by=proposed.by, name=proposed.name, read=self._read)
        if refusal is not None:
            return Judged(case=case, red=red, proposed=proposed, refusal=refusal)
        proof = prove(self.of_now, failure, proposed, key=case.name, limit_usd=None)
        oracle = self._oracle(proposed) if proof.state is RepairState.PROVEN else None
        return Judged(case=case, red=red, proposed=proposed, proof=proof, oracle=oracle)

    def _committed(self) -> str:
        """The commits of before, the moves, and the broken state; files that are moved keep their content."""
        case = self.case
        for files in case.before:
            self._write(files)
            self._commit("before")
        for old, new in case.moved:
            (self.origin.path / new).parent.mkdir(parents=True, exist_ok=True)
            self.origin.git("mv", old, new)
        if case.moved:
            self._commit("moved")
        else:
            for old in [path for files in case.before for path, text in files.items() if text is None]:
                (self.origin.path / old).unlink(missing_ok=True)
        self._write({**BASE, "requirements.txt": SDK_LINE, **case.files})
        return self._commit("now")

    def _write(self, files: Mapping[str, str | None]) -> None:
        for name, text in files.items():
            path = self.origin.path / name
            if text is None:
                path.unlink(missing_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace(REGISTRY, self.registry.host).replace(SERVICE, self.service.host))

    def _commit(self, message: str) -> str:
        if not (self.origin.path / ".git").exists():
            self.origin.git("init", "--quiet", "--initial-branch=main", ".")
        self.origin.git("add", "--all", "--force")
        self.origin.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.origin.git("rev-parse", "HEAD")

    def _read(self, path: str) -> bytes | None:
        file = self.origin.path / path
        return file.read_bytes() if file.is_file() and not file.is_symlink() else None

    def _laboratory(self, index: PackageIndex, name: str) -> LocalLaboratory:
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "UV_INDEX_URL": index.url,
            "UV_CACHE_DIR": str(self.packages),
            "UV_HTTP_RETRIES": "0",
            "JANITOR_PRIVATE_HOSTS": "127.0.0.1",
            "DOCKER_HOST": "unix:///nowhere/docker.sock",
        }
        return LocalLaboratory(self.folder / name, engine=EngineChoice.VENV, environment=environment)

    def _observed(self, laboratory: LocalLaboratory, name: str, commit: str | None = None) -> Observation:
        """A validation that repeats nothing."""
        commit = commit or self.commit
        repeated = self._repeated(placeholder(commit=commit), commit, signature="0" * 16)
        experiment = Experiment(
            experiment_id=uuid.uuid5(uuid.NAMESPACE_URL, f"{self.case.name}/{name}"),
            purpose=ExperimentPurpose.CONTROL,
            repeated=repeated,
            patch=None,
        )
        return laboratory.observe(experiment)

    def _repeated(self, report: Report, commit: str, *, signature: str) -> Repeated:
        return Repeated(
            validation_id=uuid.UUID(report.validation_id),
            plan=plan_of(self.origin.url),
            commit_sha=commit,
            signature=signature,
            instance_type=None,
            report=report,
        )

    def _failure(self, red: Observation, report: Report, good: Report | None) -> Failure:
        assert red.signature is not None, "it is red"
        if good is not None and good.status is not ReportStatus.SUCCESS:
            raise ValueError(f"the last success is {good.status.value}: {good.summary}")
        return Failure(
            repeated=self._repeated(report, self.commit, signature=red.signature),
            last_good=good,
            last_good_at=None if good is None else good.finished_at,
            changes=None if good is None else changes_between(good, report),
        )

    def _world(self, laboratory: LocalLaboratory) -> World:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        git = Git(folder=self.folder / "git", search_path=path)
        git.prepare()
        return World(
            packages=Resolver(folder=self.folder / "resolver", index_urls=(self.now.url,), search_path=path),
            index_urls=(self.now.url,),
            tags=RegistryTags({self.registry.host}),
            renamed_to=renames_of(git, self.commit, cwd=self.origin.path),
            culprit=lambda failure, _: self._culprit(laboratory, failure),
        )

    def _culprit(self, laboratory: LocalLaboratory, failure: Failure) -> Sequence[PartChange] | Abstained:
        limits, notebook = Limits(max_steps=_CULPRIT_STEPS), Memory(key=self.case.name)
        found = find_culprit(laboratory, failure, tree=self.origin.path, notebook=notebook, limits=limits)
        return found.changes if found.is_found else Abstained(reason=found.reason)

    def _oracle(self, proposed: Proposal) -> Observation:
        """The repaired files with cases that nobody has seen."""
        for file in read_diff(proposed.patch.text):
            before = self._read(file.old_path)
            self._write({file.path: patched((before or b"").decode(), file.hunks)})
        asked = [
            {"name": f"hidden_{number}", "input": {"text": text}, "timeout": 20_000, "expectedOutput": expected}
            for number, (text, expected) in enumerate(self.case.hidden)
        ]
        tests = self.origin.path / ".runpod" / "tests.json"
        known = json.loads(tests.read_text())["tests"] if tests.is_file() else []
        self._write({".runpod/tests.json": json.dumps({"tests": [*known, *asked]})})
        return self._observed(self.of_now, "oracle", self._commit("oracle"))
