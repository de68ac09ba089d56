"""The one task of `reap_instances`, and what a person who triggers it may choose."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from airflow.sdk import Param, get_current_context, task

from janitor.domain.errors import JanitorError
from janitor.domain.log_lines import LineLogger
from janitor.orchestration.failures import as_airflow_failure, failed_task
from janitor.orchestration.metrics import tell_gauges
from janitor.orchestration.wiring import current_settings
from janitor.services.badges import publish_badges
from janitor.services.news.delivering import tell_news
from janitor.services.reap.passes import ReapError, ReapReport, reap_once

log = LineLogger(__name__)


def reap_params() -> dict[str, Param]:
    """The DAG's params."""
    return {
        "dry_run": Param(
            False,
            type="boolean",
            title="Dry run",
            description="Only say in the task's log what a pass would do; change nothing anywhere.",
        ),
    }


@task
def reap() -> dict[str, Any]:
    """Make one pass; fails when something went wrong or an instance is alive that should not be.

    Messages that are due are sent after it, whatever came of it; one that can't be sent doesn't fail it.
    """
    dry_run = bool(get_current_context()["params"]["dry_run"])
    try:
        settings = current_settings()
        try:
            report = reap_once(settings, dry_run=dry_run)
        finally:
            if not dry_run:
                tell_news(settings)
                tell_gauges(settings)
                publish_badges(settings)
    except ReapError as exc:
        _log(exc.report)
        raise
    except JanitorError as exc:
        raise as_airflow_failure(exc) from exc
    _log(report)
    trouble = list(report.problems)
    if report.still_alive:
        trouble.append(f'still alive: {", ".join(report.still_alive)}; see runbook "Instance left"')
    if trouble:
        raise failed_task(*trouble)
    # Counts alone: a pass every few minutes must not fill Airflow's database.
    return {name: len(value) for name, value in asdict(report).items() if isinstance(value, tuple) and value}


def _log(report: ReapReport) -> None:
    for name, value in asdict(report).items():
        if value:
            log.info("%s: %s", name.replace("_", " "), value)
