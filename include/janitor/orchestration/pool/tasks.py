"""The one task of `gpu_pool`."""

from __future__ import annotations

from typing import Any

from airflow.sdk import task

from janitor.domain.errors import JanitorError
from janitor.domain.log_lines import LineLogger
from janitor.orchestration.failures import as_airflow_failure, failed_task
from janitor.orchestration.wiring import current_settings
from janitor.services.pool.cycle import run_pass

log = LineLogger(__name__)


@task
def pool_pass() -> dict[str, Any]:
    """Make one pass over the pools; fails where something could not be done, and the next one tries again."""
    try:
        report = run_pass(current_settings())
    except JanitorError as exc:
        raise as_airflow_failure(exc) from exc
    for pool in report.pools:
        log.info("pool %s: %s", pool.pool, pool.why or "nothing was decided")
        for line in pool.done:
            log.info("pool %s: %s", pool.pool, line)
    for line in (*report.settled, *report.assigned):
        log.info("%s", line)
    if report.every_problem:
        raise failed_task(*report.every_problem)
    # Counts alone: a pass every minute must not fill Airflow's database.
    counts = {"pools": len(report.pools), "assigned": len(report.assigned), "settled": len(report.settled)}
    return {name: count for name, count in counts.items() if count}
