"""# gpu_pool

Looks after the pools of workers, every minute: gives them tasks, and has as many as there is work for.

| it finds | it does |
|---|---|
| a pool that is kept empty, and nothing for it | nothing |
| a worker that booted, or whose task is over | makes it ready, once it is clean |
| a task that waits, and a worker that may have it | claims it for the worker, and sends the order |
| tasks that would wait longer than a boot takes | spawns workers, within the pool's and the deployment's limits |
| a worker that has had nothing to do for too long | drains it, at the second look, down to the pool's minimum |
| a worker without a sign of life, or without its machine | gives its task back at the second look, and ends it |
| a worker that has had its tasks or its time | drains it, then ends it |
| a task past its limit that nobody ends | ends it, and the worker with it |
| anything that an earlier pass left half done | goes on with it first |
| a pool that is stopped, or in no configuration any more | spawns nothing; what it has drains |

Every decision is kept with what it saw: `janitor pool decisions`. The task is red where a provider could not be asked,
or something could not be done; the next pass tries again. The same by hand: `janitor pool run --once`.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.sdk import dag

from janitor.orchestration.pool.tasks import pool_pass
from janitor.orchestration.wiring import parsing_settings

parsing_settings()  # a process without an environment must not take it for any other's


@dag(  # type: ignore[untyped-decorator]  # Airflow's classes are not followed
    schedule=timedelta(minutes=1),
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["janitor"],
)
def gpu_pool() -> None:
    """Wire the task: not retried, as the next pass comes soon, and before whatever else waits for a worker."""
    pool_pass.override(retries=0, execution_timeout=timedelta(minutes=10), priority_weight=900)()


gpu_pool()
