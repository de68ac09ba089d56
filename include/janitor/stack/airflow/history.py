"""Pruning what Airflow keeps of the reaper's and the pools' passes: thousands of DAG runs a day, which nobody else
removes.

`airflow db clean` does it. It touches runs of before a point in time alone, and always leaves a DAG's last scheduled
run, from which the scheduler goes on; so it is safe beside a scheduler at work.
Source: Airflow 3.3, `airflow db clean --help` and `airflow.utils.db_cleanup`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import datetime, timedelta

import psycopg

from janitor.domain.errors import StackError
from janitor.stack.state.layout import Layout
from janitor.stack.supervisor.logged_command import run_logged

KEPT = timedelta(days=2)
PRUNED_DAGS = ("reap_instances", "gpu_pool")
_WORTHWHILE = 500
"""The command takes seconds, so that it waits for some hours' worth of runs."""
_BATCH = 10_000
_TIMEOUT = timedelta(minutes=2)
"""Forty thousand runs, two weeks, take about ten seconds."""
_CONNECT_TIMEOUT_SECONDS = 5


def prune_history(
    layout: Layout, database_url: str, environment: Mapping[str, str], now: datetime, *, worthwhile: int = _WORTHWHILE
) -> int:
    """Remove the runs of the DAGs that only make passes that are older than two days, with all that belongs to them.

    Args:
        layout: Where the log is.
        database_url: Airflow's metadata database, migrated.
        environment: Environment of the command.
        now: The present.
        worthwhile: Fewer old runs than this stay.

    Returns:
        How many runs went.

    Raises:
        StackError: It failed; what it had removed by then is gone, and nothing else.
    """
    before = now - KEPT
    old = _count(database_url, before)
    if old < worthwhile:
        return 0
    log = layout.log_of("airflow-history")
    run_logged(
        (
            *(sys.executable, "-m", "airflow", "db", "clean", "--yes", "--dag-ids", ",".join(PRUNED_DAGS)),
            # What belongs to a run (task instances, their XComs, …) goes with it; every one of these tables names the
            # DAG, so that nothing of another DAG is touched.
            *("--tables", "dag_run,log"),
            *("--clean-before-timestamp", before.isoformat()),
            *("--skip-archive", "--batch-size", str(_BATCH)),
        ),
        name="`airflow db clean`",
        log=log,
        environment=environment,
        folder=layout.airflow_home,
        timeout=_TIMEOUT,
    )
    # Without `--error-on-cleanup-failure`: Airflow 3.3.2 asks the table `deadline` for a column that it lacks.
    left = _count(database_url, before)
    if left > len(PRUNED_DAGS):  # a DAG's last scheduled run always stays
        raise StackError(f"`airflow db clean` left {left} of {old} old runs; see {log}")
    return old - left


def _count(database_url: str, before: datetime) -> int:
    try:
        with psycopg.connect(database_url, connect_timeout=_CONNECT_TIMEOUT_SECONDS) as connection:
            row = connection.execute(
                "select count(*) from dag_run where dag_id = any(%s) and start_date < %s", (list(PRUNED_DAGS), before)
            ).fetchone()
    except psycopg.Error as exc:
        raise StackError(f"Airflow's database can't be read: {exc}") from exc
    return int(row[0]) if row else 0
