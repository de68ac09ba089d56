"""Makes a case's two worlds, sees it green in the one and red in the other, and has the culprit searched for."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from janitor.domain.config.fields import Market
from janitor.domain.config.repository_plan import RepositoryPlan
from janitor.domain.culprit.culprit import Culprit, Limits
from janitor.domain.experiment.experiment import Repeated
from janitor.domain.repair.proposal import Failure
from janitor.domain.result.provenance_changes import changes_between
from janitor.protocol.report import Report
from janitor.protocol.terms.statuses import ReportStatus
from janitor.services.culprit.notebook import Memory
from janitor.services.culprit.search import find_culprit
from tests.corpus.culprits.case import NOW, WORLD, CulpritCase, Truth
from tests.corpus.culprits.laboratory import EngineLaboratory

COMMIT, OTHER_COMMIT = "a" * 40, "b" * 40


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What was said of a case."""

    case: CulpritCase
    culprit: Culprit

    @property
    def named(self) -> frozenset[str]:
        """What was named: packages by name, other things by their kind."""
        if not self.culprit.is_found:
            return frozenset()
        return frozenset(each.name or each.part.value for each in self.culprit.changes)

    @property
    def is_wrong(self) -> bool:
        """Whether something was named that isn't the culprit."""
        return self.culprit.is_found and self.named not in self.case.culprits

    @property
    def problem(self) -> str | None:
        """What isn't as the case says; None where it is."""
        if self.is_wrong:
            return f"WRONG: named {sorted(self.named)}, it is {[sorted(each) for each in self.case.culprits]}"
        if self.case.truth is Truth.FOUND and not self.culprit.is_found:
            return f"not found: {self.culprit.reason}"
        if self.case.says not in self.culprit.reason:
            return f"doesn't say {self.case.says!r}: {self.culprit.reason}"
        if len(self.culprit.steps) > self.case.most:
            return f"{len(self.culprit.steps)} experiments, at most {self.case.most} were to be needed"
        return None


def why_not(case: CulpritCase, cache: Path) -> str | None:
    """Why a case can't be judged on this machine; None where it can."""
    uv = [str(Path(sys.executable).parent / "uv")]
    for minor in case.needs_python:
        found = subprocess.run(
            [*uv, "python", "find", "--no-python-downloads", minor], capture_output=True, check=False
        )
        if found.returncode != 0:
            return f"there is no Python {minor} here"
    if case.is_real:
        argv = [*uv, "pip", "compile", "--quiet", "--no-header", "--cache-dir", str(cache), "-"]
        done = subprocess.run(
            [*argv, "--exclude-newer", case.then_date or ""],
            input="idna\n",
            text=True,
            capture_output=True,
            check=False,
        )
        if done.returncode != 0:
            return "no package index that knows when its files came is reached"
    return None


def judge(case: CulpritCase, folder: Path, cache: Path) -> Judged:
    """Search a case's culprit.

    Args:
        case: The case.
        folder: An empty folder of its own.
        cache: uv's, for all cases.
    """
    world, index = folder / "world", folder / "index"
    for each in (world, index, folder / "then", folder / "now"):
        each.mkdir()
    places = {NOW: str(index), WORLD: str(world)}
    repository = _repository(case, folder / "repository", case.dockerfile_before or case.dockerfile, places)
    for release in case.then:
        release.write(index)
    _write(world, case.then_files, places)
    laboratory = EngineLaboratory(
        repository=repository,
        scratch=folder / "then",
        cache=cache,
        installer=_installer(case, index, case.then_date),
        commit=OTHER_COMMIT if case.commit_changed else COMMIT,
    )
    good = laboratory.validate()
    assert good is not None
    assert good.status is ReportStatus.SUCCESS, f"{case.name} isn't green then: {good.summary}"
    for release in case.now:
        release.write(index)
    for name in case.gone:
        (index / name).unlink()
    _write(world, case.now_files, places)
    _repository(case, repository, case.dockerfile, places)
    laboratory = EngineLaboratory(
        repository=repository,
        scratch=folder / "now",
        cache=cache,
        installer=_installer(case, index, case.now_date),
        commit=COMMIT,
    )
    bad = laboratory.validate()
    assert bad is not None
    assert bad.status is ReportStatus.FAILED, f"{case.name} isn't red now: {bad.summary}"
    failure = failure_of(good, bad)
    limits = Limits(max_steps=60, within=timedelta(minutes=20))
    culprit = find_culprit(laboratory, failure, tree=repository, notebook=Memory(key=case.name), limits=limits)
    return Judged(case=case, culprit=culprit)


def failure_of(good: Report, bad: Report) -> Failure:
    """The failure that two reports make."""
    assert bad.signature is not None
    plan = RepositoryPlan(
        name=bad.repository.name,
        organization=bad.repository.organization,
        url=bad.repository.url,
        prompt=bad.prompt,
        gpu_required=False,
        timeout=timedelta(minutes=20),
        instance_types=("g5.xlarge",),
        market=Market.SPOT,
    )
    return Failure(
        repeated=Repeated(
            validation_id=UUID(bad.validation_id),
            plan=plan,
            commit_sha=bad.repository.commit_sha or "",
            signature=bad.signature.id,
            instance_type=None,
            report=bad,
        ),
        last_good=good,
        last_good_at=good.finished_at,
        changes=changes_between(good, bad),
    )


def _repository(case: CulpritCase, folder: Path, dockerfile: str, places: Mapping[str, str]) -> Path:
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()
    files = {"Dockerfile": dockerfile, "requirements.txt": case.requirements, "app.py": case.app, **case.files}
    _write(folder, files, places)
    return folder


def _write(folder: Path, files: Mapping[str, str], places: Mapping[str, str]) -> None:
    for name, text in files.items():
        path, filled = folder / name, text
        for word, place in places.items():
            filled = filled.replace(word, place)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(filled)


def _installer(case: CulpritCase, index: Path, date: str | None) -> dict[str, str]:
    if date is not None:
        return {"UV_EXCLUDE_NEWER": date}
    named = {} if NOW in case.requirements + case.dockerfile else {"UV_FIND_LINKS": str(index)}
    return {"UV_NO_INDEX": "1", "UV_OFFLINE": "1", **named}
