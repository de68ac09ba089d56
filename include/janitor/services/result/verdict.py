"""The last word on a run: is every repository successful, is every row there, is nothing left."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from janitor.domain.error_lines import FOUND, UNSEARCHED, UnexpectedErrors
from janitor.domain.states import RunKind, RunStatus, ValidationStatus
from janitor.protocol.text.plain_text import one_line
from janitor.services.ending import terminate as terminating
from janitor.services.money.budget import settle_reservations
from janitor.services.money.kept_costs import keep_costs
from janitor.services.news.telling import write_messages_if_possible
from janitor.services.report.error_scan import scan_log
from janitor.services.result import record as recording
from janitor.settings import Settings
from janitor.stores import validations as store
from janitor.stores.database import transaction
from janitor.stores.queries import named_queries


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A run's end: its status, and in words what is wrong, if anything."""

    status: RunStatus
    successful: int
    total: int
    problems: tuple[str, ...]
    structural: tuple[str, ...] = ()
    """Of the problems those that no repository has: rows that are missing, instances that are left, and of a
    sequential run's log ERROR lines that nobody expects and what of it could not be searched."""


def close_run(settings: Settings, run_id: UUID) -> Verdict | None:
    """Conclude what is still open, judge the run and write its status.

    Returns:
        The verdict, or None when the run was never planned.

    Raises:
        CloudError: AWS can't be asked.
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.writer_url) as connection:
        if store.planned_config_sha256(connection, run_id) is None:
            return None
        unfinished = store.unfinished_validations(connection, run_id)
    for validation_id, _ in unfinished:
        # Its `record` never ran to its end: the row must not stay open for good.
        recording.record_validation(settings, validation_id)
    left = terminating.remaining(settings, terminating.scope_of_run(run_id))
    errors = _unexpected_errors(settings, run_id)
    with transaction(settings.writer_url) as connection:
        summary = named_queries().run_summary(connection, run_id=run_id)
        rows = list(named_queries().overviews_of_run(connection, run_id=run_id))
        verdict = _judge(summary["total_repositories"], rows, left, errors)
        if summary["status"] == RunStatus.CANCELLED.value:
            return Verdict(
                status=RunStatus.CANCELLED,
                successful=verdict.successful,
                total=verdict.total,
                problems=("the run was cancelled", *verdict.problems),
            )
        store.finish_run(connection, run_id, verdict.status, "; ".join(verdict.problems)[:2000] or None)
        write_messages_if_possible(connection, settings)
    settle_reservations(settings)
    keep_costs(settings)
    return verdict


def _unexpected_errors(settings: Settings, run_id: UUID) -> UnexpectedErrors | None:
    """What the log of a sequential run has; None of any other kind, whose log isn't judged."""
    with transaction(settings.writer_url) as connection:
        summary = named_queries().run_summary(connection, run_id=run_id)
    return scan_log(settings, run_id) if RunKind(summary["kind"]) is RunKind.SEQUENTIAL else None


def _judge(
    total: int, rows: list[dict[str, object]], left: list[str], errors: UnexpectedErrors | None = None
) -> Verdict:
    problems = [
        one_line(f"{row['repository_name']}: {row['status']}: {row['status_summary']}")
        for row in rows
        if row["status"] != ValidationStatus.SUCCESS.value
    ]
    structural = []
    if len(rows) != total:
        structural.append(f"{len(rows)} of {total} repositories have a row")
    if left:
        structural.append(f'left in EC2 or in the ledger: {", ".join(left)}; see runbook "Instance left"')
    status = RunStatus.ERROR if structural else RunStatus.FAILED
    if errors is not None and errors.unsearched:
        structural.append(_unsearched(errors))
        if not problems and not errors.count:
            status = RunStatus.ERROR  # nothing is known to be wrong, and nobody knows that nothing is
    if errors is not None and errors.count:
        structural.append(_in_words(errors))
    if not problems and not structural:
        status = RunStatus.SUCCESS
    successful = sum(row["status"] == ValidationStatus.SUCCESS.value for row in rows)
    return Verdict(
        status=status,
        successful=successful,
        total=total,
        problems=(*structural, *problems),
        structural=tuple(structural),
    )


def _unsearched(errors: UnexpectedErrors) -> str:
    which = ", ".join(each.replace("; ", ", ") for each in errors.unsearched)
    return f'{UNSEARCHED} for ERROR lines (see runbook "Unexpected ERROR lines"): {which}'


def _in_words(errors: UnexpectedErrors) -> str:
    lines = f"1 {FOUND}" if errors.count == 1 else f"{errors.count} {FOUND}s"
    # What is between two of them is in none of them, so that they can be told apart again.
    quoted = "; ".join(line.replace("; ", ", ") for line in errors.quoted)
    return f'{lines} in the log (see runbook "Unexpected ERROR lines"): {quoted}'
