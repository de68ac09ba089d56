"""A culprit searched for on instances: each experiment is a run of the DAG that validates, and is asked for once."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from janitor.domain.culprit.minimize import Outcome
from janitor.services.culprit.notebook import PostgresNotebook
from janitor.services.culprit.question import failure_asked_about, search_key, tree_of
from janitor.services.culprit.search import find_culprit
from janitor.services.experiments.by_airflow import AirflowLaboratory
from tests.corpus.culprits.catalogue import broken, good
from tests.dags.conftest import REQUIREMENTS
from tests.support.runs import Runs, by_name
from tests.support.workers import make_worker, write_config


@pytest.fixture
def index() -> Iterator[Path]:
    """Where the packages are; an installer of another user reads it."""
    with tempfile.TemporaryDirectory(prefix="janitor-index-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def test_the_release_is_named_by_runs_of_the_dag(runs: Runs, index: Path, tmp_path: Path) -> None:
    good("alpha", "1.0").write(index)
    requirements = f"--find-links {index}\n{REQUIREMENTS}\nalpha\n"
    body = "import alpha\nreturn {'work': alpha.work()}"
    worker = make_worker(tmp_path, "drifting-worker", body=body, requirements=requirements)
    config = write_config(tmp_path / "workers.yaml", [worker.entry()])
    assert by_name(runs.finished(runs.start(config)))["drifting-worker"].status.value == "success"
    broken("alpha", "2.0").write(index)
    assert by_name(runs.finished(runs.start(config)))["drifting-worker"].status.value == "failed"

    settings = runs.settings
    failure = failure_asked_about(settings, "drifting-worker")
    key = search_key(failure)
    notebook = PostgresNotebook(settings, key=key, validation_id=failure.repeated.validation_id)
    laboratory = AirflowLaboratory(settings, asked_by=key, pause=timedelta(seconds=1))
    with tree_of(settings, failure) as tree:
        found = find_culprit(laboratory, failure, tree=tree, notebook=notebook)
        again = find_culprit(laboratory, failure, tree=tree, notebook=notebook)
    assert found.is_found, found.reason
    assert [(each.name, each.before, each.after) for each in found.changes] == [("alpha", "1.0", "2.0")]
    assert [each.outcome for each in found.steps] == [Outcome.RED, Outcome.GREEN, Outcome.GREEN, Outcome.RED]
    assert found.cost_usd > 0
    assert all(each.validation_id is not None for each in found.steps)
    assert again == found
    runs.assert_nothing_left()
