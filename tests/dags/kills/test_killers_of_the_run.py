"""The two killers inside the run: each is enough alone, and without both the leak check and the verdict say so.

The timers are half an hour away here, and no reaper's DAG is in the folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from janitor.domain.states import RunStatus, TerminationReason, ValidationStatus
from janitor.services.ending import terminate as terminating
from janitor.settings import Settings
from janitor.stores.database import transaction
from tests.support.runs import Runs, by_name
from tests.support.stack import running_stack
from tests.support.workers import WorkerRepository, write_config

VARIANTS = Path(__file__).parent / "killer_variants"


@pytest.fixture(scope="module")
def variants(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A stack whose DAGs are the variants."""
    with running_stack(tmp_path_factory.mktemp("variants"), {"JANITOR_DAGS_FOLDER": str(VARIANTS)}) as settings:
        yield settings


def _run(settings: Settings, dag_id: str, config: Path) -> tuple[Runs, RunStatus, ValidationStatus, str]:
    runs = Runs(settings.model_copy(update={"airflow_dag_id": dag_id}))
    view = runs.finished(runs.start(config))
    (validation,) = by_name(view).values()
    with transaction(settings.writer_url) as connection:
        row = connection.execute(
            "select termination_reason from instances where run_id = %s", (view.run_id,)
        ).fetchone()
    assert row is not None
    return runs, view.status, validation.status, str(row["termination_reason"])


@pytest.mark.parametrize(
    ("dag_id", "reason"),
    [("only_the_group", TerminationReason.FINISHED), ("only_the_run", TerminationReason.RUN_TEARDOWN)],
)
def test_each_is_enough_alone(
    variants: Settings,
    workers: dict[str, WorkerRepository],
    tmp_path: Path,
    dag_id: str,
    reason: TerminationReason,
) -> None:
    config = write_config(tmp_path / "workers.yaml", [workers["healthy"].entry()])
    runs, run_status, status, kept = _run(variants, dag_id, config)
    assert (run_status, status, kept) == (RunStatus.SUCCESS, ValidationStatus.SUCCESS, reason.value)
    runs.assert_nothing_left()


def test_without_both_the_check_fails_and_the_verdict_is_red(
    variants: Settings, workers: dict[str, WorkerRepository], tmp_path: Path
) -> None:
    config = write_config(tmp_path / "workers.yaml", [workers["healthy"].entry()])
    runs, run_status, status, kept = _run(variants, "neither", config)
    assert (run_status, status, kept) == (RunStatus.ERROR, ValidationStatus.SUCCESS, "None")
    with pytest.raises(AssertionError):
        runs.assert_nothing_left()
    ending = terminating.end_scope(
        variants,
        terminating.scope_of_deployment(variants.deployment),
        TerminationReason.OPERATOR_KILL,
        timeout=timedelta(seconds=30),
    )
    assert len(ending.terminated) == 1
    runs.assert_nothing_left()
