"""Old passes of the reaper and the pools leave Airflow's history, beside a scheduler at work; everything else stays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import psycopg
import pytest

from janitor.domain.states import RunStatus
from janitor.settings import Settings
from janitor.stack.airflow.history import KEPT, PRUNED_DAGS, prune_history
from janitor.stack.environment import airflow_environment, base_environment
from janitor.stack.state.layout import Layout
from janitor.stack.state.secrets import read_secrets
from janitor.stack.state.stack_env import AIRFLOW_DATABASE, AIRFLOW_ROLE, current_ports, database_url
from tests.support.runs import SOON, Runs, eventually
from tests.support.workers import WorkerRepository, write_config


class History:
    """Airflow's metadata database, and the command's environment, of a stack that runs."""

    def __init__(self, settings: Settings) -> None:
        self.layout = Layout.of(settings)
        secrets, ports = read_secrets(self.layout), current_ports(self.layout)
        assert secrets is not None
        assert ports is not None
        self.url = database_url(AIRFLOW_ROLE, secrets.postgres_airflow, AIRFLOW_DATABASE, ports)
        self._environment = base_environment(settings, self.layout) | airflow_environment(
            settings, self.layout, ports, secrets
        )

    def prune(self, before: datetime, *, worthwhile: int = 1) -> int:
        return prune_history(self.layout, self.url, self._environment, before + KEPT, worthwhile=worthwhile)

    def rows(self, query: str, *values: object) -> list[tuple[object, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(query, values).fetchall()  # type: ignore[arg-type]  # named by the caller

    def runs_of(self, dag_id: str, *, ended: bool = True) -> list[tuple[object, ...]]:
        states = ["success", "failed"] if ended else ["success", "failed", "running", "queued"]
        return self.rows(
            "select run_id, start_date from dag_run where dag_id = %s and state = any(%s) order by start_date",
            dag_id,
            states,
        )

    def runs_before(self, dag_id: str, before: datetime) -> int:
        query = "select count(*) from dag_run where dag_id = %s and start_date < %s"
        return int(str(self.rows(query, dag_id, before)[0][0]))

    def tasks_of(self, dag_id: str) -> int:
        return int(str(self.rows("select count(*) from task_instance where dag_id = %s", dag_id)[0][0]))


@pytest.fixture(scope="module")
def history(stack: Settings) -> History:
    return History(stack)


def test_old_passes_go_and_everything_else_stays(
    history: History, runs: Runs, workers: dict[str, WorkerRepository], tmp_path: Path
) -> None:
    run = runs.start(write_config(tmp_path / "workers.yaml", [workers["failing"].entry()]))
    assert runs.finished(run).status is RunStatus.FAILED
    validated = (history.runs_of("validate_workers"), history.tasks_of("validate_workers"))
    assert validated[0]
    assert validated[1]

    def passes(count: int) -> Callable[[], list[tuple[object, ...]] | None]:
        return lambda: found if len(found := history.runs_of(PRUNED_DAGS[0])) >= count else None

    old = eventually(passes(3), within=SOON)
    latest = old[-1][1]
    assert isinstance(latest, datetime)
    others = {dag_id: history.runs_before(dag_id, latest) for dag_id in PRUNED_DAGS[1:]}
    pruned = history.prune(latest)
    left_of_others = {dag_id: history.runs_before(dag_id, latest) for dag_id in PRUNED_DAGS[1:]}
    # A DAG's last scheduled run always stays, old or not.
    assert all(left_of_others[dag_id] <= 1 for dag_id in others), left_of_others
    assert pruned == len(old) - 1 + sum(others.values()) - sum(left_of_others.values())
    left = {row[0] for row in history.runs_of(PRUNED_DAGS[0], ended=False)}
    assert old[-1][0] in left
    assert not left & {row[0] for row in old[:-1]}
    assert history.tasks_of(PRUNED_DAGS[0]) == len(left)
    assert (history.runs_of("validate_workers"), history.tasks_of("validate_workers")) == validated
    assert history.rows("select tablename from pg_tables where tablename like '\\_airflow\\_deleted%%'") == []

    # The scheduler goes on, and what it starts is kept.
    assert history.prune(latest) == 0
    eventually(passes(len(left) + 1), within=SOON)
    assert runs.finished(runs.start(write_config(tmp_path / "again.yaml", [workers["failing"].entry()])))


def test_a_few_old_runs_are_not_worth_the_command(history: History) -> None:
    log = history.layout.log_of("airflow-history")
    log.unlink(missing_ok=True)
    assert history.prune(datetime.now(timezone.utc), worthwhile=1_000_000) == 0
    assert not log.exists()
