"""# sweep_workspaces

Looks after the working trees of repairs, once in ten passes of the reaper.

| it finds | it does |
|---|---|
| a lease that is held and renewed | nothing, ever |
| a lease whose holder is provably dead | keeps the work as a patch, removes the tree, ends the lease |
| a lease whose time is over, of whose holder nothing is known | gives it free; the tree stays where it is |
| a tree that no lease is known of | tells of it |
| a shard that nobody works on any more | ends it as failed, with the reason |

The task is red when something can't be removed; the next one tries again. The same by hand:
`make cleanup-worktrees`, and with `DRY_RUN=1` it only says what it would do; here that is the key `dry_run`. What to do
about it is in runbook.md, "Maintenance".
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.sdk import dag

from janitor.orchestration.maintenance.tasks import sweep_everything
from janitor.orchestration.reap_tasks import reap_params
from janitor.orchestration.wiring import parsing_settings


@dag(  # type: ignore[untyped-decorator]  # Airflow's classes are not followed
    schedule=parsing_settings().reap_interval * 10,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    params=reap_params(),
    doc_md=__doc__,
    tags=["janitor"],
)
def sweep_workspaces() -> None:
    """Wire the task: not retried, as the next one comes soon."""
    sweep_everything.override(retries=0, execution_timeout=timedelta(minutes=10))()


sweep_workspaces()
