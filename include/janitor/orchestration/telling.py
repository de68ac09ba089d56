"""What the web UI tells of a validation and of a run: the log of a task, its name in the grid, the note of the run.

Invariant: telling decides nothing. Whatever can't be told is said in the log, and the task ends as it would have.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any
from uuid import UUID

from janitor.domain.errors import JanitorError
from janitor.domain.log_lines import LineLogger
from janitor.domain.states import RunKind, ValidationStatus
from janitor.protocol.text.plain_text import one_line
from janitor.services.airflow.client import AirflowClient
from janitor.services.report.log_link import log_url
from janitor.services.report.validation import checked_validation
from janitor.settings import Settings
from janitor.views.text.marks import words_of
from janitor.views.text.verdicts import grounds, verdict_lines

_LONGEST_NAME = 200
"""Characters. Source: Airflow's column for the name of a mapped task, 250."""
_LONGEST_NOTE = 1_000
"""Characters. Source: Airflow's REST API, DAGRunPatchBody."""

log = LineLogger(__name__)


def tell_verdict(settings: Settings, validation_id: UUID) -> tuple[str, ...]:
    """Say in the task's log what a verdict stands on; returns the verdict itself, for the log's end.

    Empty where it isn't final yet or can't be read.
    """
    try:
        told = checked_validation(settings, validation_id)
        if not told.validation.status.is_final:
            return ()
        address = log_url(settings, validation_id, known=told.validation)
    except JanitorError as exc:
        log.warning("the verdict can't be told here: %s", exc)
        return ()
    for line in grounds(told.validation, told.checks, log_url=address):
        log.info("%s", line)
    return tuple(verdict_lines(told.validation, told.checks, datetime.now(timezone.utc)))


def name_in_grid(context: Any, repository: str, status: ValidationStatus) -> None:
    """Call a mapped task `worker-basic: timed out`, so that Airflow's one colour for every failure isn't all there is.

    Args:
        context: Of the task.
        repository: What it was called while it went on.
        status: How it ended.
    """
    name = one_line(f"{repository}: {words_of(status)}", limit=_LONGEST_NAME)
    context["repository"] = name
    # A task that ends by an exit isn't named anew by its template.
    context["ti"].rendered_map_index = name


def note_run(settings: Settings, airflow_run_id: str, text: str, kind: RunKind = RunKind.PARALLEL) -> None:
    """Put a note on the run, which Airflow shows beside it."""
    try:
        with AirflowClient(settings, kind) as airflow:
            airflow.note(airflow_run_id, one_line(text, limit=_LONGEST_NOTE))
    except JanitorError as exc:
        log.warning("the run gets no note: %s", exc)
