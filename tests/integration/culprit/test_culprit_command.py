"""`janitor culprit` whole: a worker that a release broke, the real validator on this machine, and real rows."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from janitor.cli.exit_codes import ExitCode
from janitor.domain.experiment.experiment import Experiment, ExperimentPurpose, Observed
from janitor.protocol.report import Report
from janitor.protocol.terms.statuses import CheckStatus
from janitor.services.experiments.here import LocalLaboratory
from janitor.settings import Settings
from janitor.stores import validations as store
from janitor.stores.database import transaction
from tests.corpus.culprits.catalogue import broken, calls, good
from tests.integration.validator.conftest import SDK, git, handler, make_repository, make_worker, package_cache
from tests.support.experiments import plan_of, repeated_of
from tests.support.package_index import Wheel
from tests.support.reports import (
    History,
    answering,
    check_of,
    conclusion_of,
    end_validation,
    report_of,
    reporting,
    trouble,
)
from tests.support.rows import insert_run

__all__ = ["make_repository", "make_worker", "package_cache"]

HANDLER = handler("return {'work': alpha.work()}", before="import alpha\n")


@dataclass
class Broken:
    """A worker that is green, and red since a release."""

    url: str
    commit: str
    good: Report
    bad: Report

    def in_rows(self, settings: Settings, report: Report) -> UUID:
        """A run of the fleet that ended with this report."""
        config = (
            "repositories:\n"
            f'  - {{name: worker-a, organization: acme, prompt: look at it, url: "{self.url}", gpu_required: false}}\n'
        )
        run_id, [validation_id] = insert_run(settings.writer_url, deployment=settings.deployment, config=config)
        with transaction(settings.reader_url) as connection:
            validation = store.get_validation(connection, validation_id)
        end_validation(settings.writer_url, validation_id, conclusion_of(answering(report, validation)))
        return run_id


@pytest.fixture
def index() -> Iterator[Path]:
    """Where the packages are; an installer of another user reads it."""
    with tempfile.TemporaryDirectory(prefix="janitor-index-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture
def upstream(
    make_worker: Callable[..., Path], tmp_path: Path, index: Path, package_cache: Path
) -> Callable[..., Broken]:
    """A worker as the validator sees it then, and once these releases are there."""

    def make(*releases: Wheel) -> Broken:
        for release in (calls("alpha", "1.0", "core"), good("core", "1.0"), good("harmless", "1.0")):
            release.write(index)
        requirements = f"--find-links {index}\n{SDK}alpha\nharmless\n"
        worker = make_worker(
            HANDLER, {"requirements.txt": requirements, ".dockerignore": "*\n!*.py\n!*.txt\n!*.json\n"}
        )
        commit = git(worker, "rev-parse", "HEAD").strip()
        environment = {**os.environ, "UV_CACHE_DIR": str(package_cache)}
        laboratory = LocalLaboratory(tmp_path / "seen", environment=environment)
        then = observed(laboratory, worker, commit, Observed.GREEN)
        for release in (calls("alpha", "1.1", "core"), good("harmless", "1.1"), *releases):
            release.write(index)
        now = observed(laboratory, worker, commit, Observed.RED)
        return Broken(url=worker.as_uri(), commit=commit, good=then, bad=now)

    return make


def observed(laboratory: LocalLaboratory, worker: Path, commit: str, expected: Observed) -> Report:
    stub = report_of(uuid4(), uuid4(), check_of("build"), commit=commit)
    experiment = Experiment(
        experiment_id=uuid4(),
        purpose=ExperimentPurpose.CULPRIT,
        repeated=repeated_of(stub, plan_of(worker.as_uri())),
        patch=None,
    )
    seen = laboratory.observe(experiment)
    assert seen.observed is expected, seen.reason
    assert seen.report is not None
    return seen.report


def test_the_release_is_named_and_the_second_time_from_the_rows(
    janitor: Any,
    settings: Settings,
    upstream: Callable[..., Broken],
    package_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(package_cache))
    worker = upstream(broken("core", "2.0"))
    worker.in_rows(settings, worker.good)
    run_id = worker.in_rows(settings, worker.bad)
    code, out, err = janitor("culprit", "worker-a", "--here", "--max-steps", "2")
    assert code == ExitCode.NOT_SUCCESSFUL, err
    assert "stopped at its limit of 2 steps" in out
    assert "1. nothing put back" in out
    code, out, err = janitor("culprit", "acme/worker-a", "--here", "--run", str(run_id)[:8])
    assert code == ExitCode.OK, out + err
    assert "Culprit: core 1.0 → 2.0" in out
    assert "What worked: core==1.0" in out
    code, out, err = janitor("culprit", "worker-a", "--here", "--json")
    assert code == ExitCode.OK, err
    answer = json.loads(out)
    assert answer["state"] == "found"
    assert answer["changes"] == [{"part": "package", "name": "core", "before": "1.0", "after": "2.0"}]
    assert [each["outcome"] for each in answer["steps"][:2]] == ["red", "green"]
    kept = [path for path in (tmp_path / "state" / "experiments").iterdir() if path.is_dir()]
    assert len(kept) == len(answer["steps"]), "each was carried out once"
    with transaction(settings.reader_url) as connection:
        [left] = connection.execute("select count(*) as held from workspace_leases where state = 'held'").fetchall()
    assert left["held"] == 0


def test_a_release_that_can_not_be_built_is_named(
    janitor: Any,
    settings: Settings,
    upstream: Callable[..., Broken],
    package_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(package_cache))
    worker = upstream(Wheel(name="core", version="2.0", is_buildable=False))
    assert worker.bad.failing_check == "build"
    worker.in_rows(settings, worker.good)
    worker.in_rows(settings, worker.bad)
    code, out, err = janitor("culprit", "worker-a", "--here")
    assert code == ExitCode.OK, out + err
    assert "Culprit: core 1.0 → unknown" in out


RED = reporting(check_of("build"), check_of("handler_local", CheckStatus.FAIL))


@pytest.mark.parametrize(
    ("ends", "code", "words"),
    [
        ([], ExitCode.USAGE, "nothing was validated here yet"),
        ([reporting(check_of("handler_local"))], ExitCode.USAGE, "is success, and a culprit is that of a failure"),
        (
            [lambda *_: trouble("launch_failed", "no instance")],
            ExitCode.USAGE,
            "is error, and a culprit is that of a failure",
        ),
        ([RED], ExitCode.NOT_SUCCESSFUL, "no success of this repository is known"),
        (
            [reporting(check_of("handler_local"), commit="a" * 40), RED],
            ExitCode.NOT_SUCCESSFUL,
            "the commit changed: green at aaaaaaaaaaaa, red at 0123456789ab",
        ),
    ],
)
def test_where_there_is_nothing_to_search_it_says_so(
    janitor: Any, history: History, ends: list[Any], code: ExitCode, words: str
) -> None:
    for end in ends:
        history.run(end)
    answer, out, err = janitor("culprit", "worker-a", "--here")
    assert answer == code, out + err
    assert words in " ".join((out + err).split())
