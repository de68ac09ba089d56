"""Reading runs and validations back, in the shape that people are shown. Uses the role that only reads."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from janitor.domain.errors import NotFoundError
from janitor.domain.identity import run_id_for
from janitor.domain.money.places import MONEY_PLACES, places_for
from janitor.domain.states import InstanceState, RunKind, RunPurpose, RunStatus, ValidationStatus
from janitor.domain.views import RunView, ValidationView
from janitor.protocol.terms.statuses import CacheState
from janitor.services.report.details import ReportDetails, details_of, level_of
from janitor.settings import Settings
from janitor.stores import costs
from janitor.stores.costs import NO_COST, Cost
from janitor.stores.database import Connection, transaction
from janitor.stores.queries import named_queries

SHORTEST_PREFIX = 6
_NEAR = 5


def running_runs(settings: Settings) -> list[RunView]:
    """Runs that haven't ended, newest first.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.reader_url) as connection:
        summaries = list(named_queries().running_run_summaries(connection, deployment=settings.deployment))
        return [_run_view(connection, summary) for summary in summaries]


def run_view(settings: Settings, run_id: str) -> RunView:
    """One run.

    Args:
        run_id: The uuid, its beginning (at least six characters), or Airflow's own run id.

    Raises:
        NotFoundError: There is none, or several begin so; it names runs that are near.
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.reader_url) as connection:
        return _run_view(connection, _find(connection, settings.deployment, run_id.strip()), phases=True)


def find_run_view(settings: Settings, airflow_run_id: str) -> RunView | None:
    """The run of an Airflow run, or None as long as it isn't planned."""
    run_id = run_id_for(settings.deployment, airflow_run_id)
    with transaction(settings.reader_url) as connection:
        summary = named_queries().run_summary(connection, run_id=run_id)
        return _run_view(connection, summary) if summary else None


def repository_history(settings: Settings, repo: str, limit: int) -> list[ValidationView]:
    """The last validations of a repository, newest first.

    Args:
        repo: ``name`` or ``organization/name``.
        limit: Most entries, at least 1.

    Raises:
        NotFoundError: It was never validated here; it names repositories that are near.
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.reader_url) as connection:
        queries = named_queries()
        rows = list(
            queries.overviews_of_repository(
                connection, deployment=settings.deployment, repository_name=repo, count=max(limit, 1)
            )
        )
        if rows:
            return validation_views(connection, rows, phases=True)
        known = [
            row["repository_name"] for row in queries.known_repository_names(connection, deployment=settings.deployment)
        ]
    if not known:
        raise NotFoundError("nothing was validated here yet; start with `make run`")
    near = difflib.get_close_matches(repo, known, n=3, cutoff=0.4) or known[:_NEAR]
    raise NotFoundError(f"repository {repo!r} was never validated here; known: {', '.join(near)}")


def _find(connection: Connection, deployment: str, wanted: str) -> Mapping[str, Any]:
    queries = named_queries()
    exact_or_longer = len(wanted) >= SHORTEST_PREFIX
    escaped = wanted.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    found = (
        list(queries.find_run(connection, deployment=deployment, wanted=wanted, prefix=escaped))
        if exact_or_longer
        else []
    )
    if len(found) == 1:
        summary: Mapping[str, Any] = queries.run_summary(connection, run_id=found[0]["run_id"])
        return summary
    if found:
        raise NotFoundError(f"several runs begin with {wanted!r}: {', '.join(str(row['run_id']) for row in found)}")
    recent = [str(row["run_id"]) for row in queries.recent_run_ids(connection, deployment=deployment, count=_NEAR)]
    if not recent:
        raise NotFoundError("there is no run here yet; start one with `make run`")
    rule = "" if exact_or_longer else f" (give at least {SHORTEST_PREFIX} characters)"
    raise NotFoundError(f"there is no run {wanted!r}{rule}; the latest are: {', '.join(recent)}")


def _run_view(connection: Connection, summary: Mapping[str, Any], *, phases: bool = False) -> RunView:
    rows = list(named_queries().overviews_of_run(connection, run_id=summary["run_id"]))
    cost = costs.costs_of_runs(connection, [summary["run_id"]]).get(summary["run_id"], NO_COST)
    validations = _unplaced_views(connection, rows, phases=phases)
    # The parts of its cost are all here: the ledger need not be asked for them again, at every look at a run.
    places = places_for([each.cost_usd for each in validations], cost.usd)
    return RunView(
        run_id=summary["run_id"],
        airflow_run_id=summary["airflow_run_id"],
        config_path=summary["config_file_path"],
        trigger=summary["trigger"],
        started_at=summary["started_at"],
        completed_at=summary["completed_at"],
        timeout=timedelta(minutes=float(summary["timeout_minutes"])),
        timeout_enforced=summary["timeout_enforced"],
        status=RunStatus(summary["status"]),
        total_repositories=summary["total_repositories"],
        validations=tuple(replace(each, cost_places=places) for each in validations),
        cost_usd=cost.usd,
        cost_is_final=cost.is_final,
        kind=RunKind(summary["kind"]),
        status_reason=summary["status_reason"],
        cache=CacheState(summary["cache"]) if summary["cache"] else None,
        cache_detail=summary["cache_detail"],
        unexpected_errors=summary["unexpected_errors"],
        purpose=RunPurpose(summary["purpose"]),
    )


def validation_views(
    connection: Connection, rows: Sequence[Mapping[str, Any]], *, phases: bool
) -> list[ValidationView]:
    """Rows of `validation_overview` as people are shown them; `phases` as for `details_of`."""
    run_ids = list({row["run_id"] for row in rows})
    places = costs.places_of_runs(connection, costs.costs_of_runs(connection, run_ids))
    return [
        replace(each, cost_places=places.get(each.run_id, MONEY_PLACES))
        for each in _unplaced_views(connection, rows, phases=phases)
    ]


def _unplaced_views(connection: Connection, rows: Sequence[Mapping[str, Any]], *, phases: bool) -> list[ValidationView]:
    """The same, where it isn't told yet with how many places their costs are written."""
    ids = [row["validation_id"] for row in rows]
    details = details_of(connection, ids, phases=phases)
    known = costs.costs_of_validations(connection, ids)
    return [_validation_view(row, details, known.get(row["validation_id"], NO_COST)) for row in rows]


def _validation_view(row: Mapping[str, Any], details: ReportDetails, cost: Cost) -> ValidationView:
    run_id: UUID = row["run_id"]
    return ValidationView(
        validation_id=row["validation_id"],
        run_id=run_id,
        repository_name=row["repository_name"],
        organization=row["organization"],
        prompt=row["custom_prompt"],
        status=ValidationStatus(row["status"]),
        instance_id=row["instance_id"],
        instance_type=row["instance_type"],
        instance_state=InstanceState(row["instance_state"]) if row["instance_state"] else None,
        commit_sha=row["commit_sha"],
        commit=details.commit(row["validation_id"]),
        machine=details.machine(row["validation_id"]),
        engine=row["engine"],
        gpu_required=row["gpu_required"],
        required_proof=level_of(row["required_proof"]),
        proof_level=level_of(row["proof_level"]),
        note_count=row["note_count"] or 0,
        notes=details.notes(row["validation_id"]),
        unproven=details.unproven(row["validation_id"]),
        started_at=row["created_at"],
        launched_at=row["launched_at"],
        deadline_at=row["deadline_at"],
        finished_at=row["finished_at"],
        execution_time=row["execution_time"],
        timeout_enforced=row["timeout_enforced"],
        build_succeeded=row["build_succeeded"],
        container_succeeded=row["container_succeeded"],
        gpu_available=row["gpu_available"],
        cuda_detected=row["cuda_detected"],
        failing_check=row["failing_check"],
        reason_code=row["status_reason_code"],
        summary=row["status_summary"],
        log_stream=row["log_stream"],
        cost_usd=cost.usd,
        cost_is_final=cost.is_final,
        signature=row["signature"],
        signature_title=row["signature_title"],
        difference=details.difference(row),
        place=details.place(row["validation_id"]),
        phases=details.phases(row["validation_id"]),
        purpose=RunPurpose(row["purpose"]),
    )
