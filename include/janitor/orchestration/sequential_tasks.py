"""The tasks of `run_janitor` that aren't EC2's."""

from __future__ import annotations

from airflow.sdk import task

from janitor.domain.states import RunKind
from janitor.orchestration.tasks import planned_entries, verdict_of


@task
def plan_in_turn() -> list[dict[str, str]]:
    """Read and check the configuration, write the run, return one entry for each repository."""
    return planned_entries(RunKind.SEQUENTIAL)


@task
def verdict_in_turn() -> str:
    """Judge the run: its repositories, its log, and whether anything is left; fails unless all is well."""
    return verdict_of(RunKind.SEQUENTIAL)
