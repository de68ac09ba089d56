"""Runs and their validations, for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from janitor.domain.views import ProgressView, RunSummary, RunView, ValidationView
from janitor.views.differences import difference_dict
from janitor.views.phases import phases_dict

_PLACES = 4


def run_dict(run: RunView, now: datetime) -> dict[str, Any]:
    """One run with its validations."""
    return {
        "run_id": str(run.run_id),
        "airflow_run_id": run.airflow_run_id,
        "config_path": run.config_path,
        "trigger": run.trigger,
        "status": run.status.value,
        "started_at": _instant(run.started_at),
        "completed_at": _instant(run.completed_at),
        "duration_seconds": _seconds(run.duration(now)),
        "timeout_seconds": _seconds(run.timeout),
        "timeout_enforced": run.timeout_enforced,
        "remaining_seconds": _seconds(run.remaining(now)),
        "total_repositories": run.total_repositories,
        "successful": run.successful,
        "cost_usd": _money(run.cost_usd),
        "cost_final": run.cost_is_final,
        "kind": run.kind.value,
        "purpose": run.purpose.value,
        "status_reason": run.status_reason,
        "cache": run.cache.value if run.cache else None,
        "cache_detail": run.cache_detail,
        "unexpected_errors": run.unexpected_errors,
        "validations": validation_dicts(run.validations, now),
    }


def summary_dict(run: RunSummary, now: datetime) -> dict[str, Any]:
    """One run without its validations; the keys are those of `run_dict`."""
    return {
        "run_id": str(run.run_id),
        "airflow_run_id": run.airflow_run_id,
        "config_path": run.config_path,
        "trigger": run.trigger,
        "purpose": run.purpose.value,
        "status": run.status.value,
        "started_at": _instant(run.started_at),
        "completed_at": _instant(run.completed_at),
        "duration_seconds": _seconds(run.duration(now)),
        "total_repositories": run.total_repositories,
        "successful": run.successful,
        "cost_usd": _money(run.cost_usd),
        "cost_final": run.cost_is_final,
    }


def validation_dicts(validations: Sequence[ValidationView], now: datetime) -> list[dict[str, Any]]:
    """Validations, in the order given."""
    return [_validation_dict(each, now) for each in validations]


def _validation_dict(validation: ValidationView, now: datetime) -> dict[str, Any]:
    return {
        "validation_id": str(validation.validation_id),
        "run_id": str(validation.run_id),
        "repository": validation.repository_name,
        "organization": validation.organization,
        "prompt": validation.prompt,
        "status": validation.status.value,
        "reason_code": validation.reason_code,
        "failing_check": validation.failing_check,
        "summary": validation.summary,
        "instance_id": validation.instance_id,
        "instance_type": validation.instance_type,
        "instance_state": validation.instance_state.value if validation.instance_state else None,
        "commit_sha": validation.commit_sha,
        "commit": validation.commit.to_dict() if validation.commit else None,
        "engine": validation.engine,
        "proof_level": validation.proof_level.value if validation.proof_level else None,
        "required_proof": validation.required_proof.value if validation.required_proof else None,
        "note_count": validation.note_count,
        "notes": [note.to_dict() for note in validation.notes],
        "unproven": [each.to_dict() for each in validation.unproven],
        "gpu_required": validation.gpu_required,
        "started_at": _instant(validation.started_at),
        "launched_at": _instant(validation.launched_at),
        "deadline_at": _instant(validation.deadline_at),
        "finished_at": _instant(validation.finished_at),
        "execution_seconds": _seconds(validation.elapsed(now)),
        "timeout_enforced": validation.timeout_enforced,
        "build_succeeded": validation.build_succeeded,
        "container_succeeded": validation.container_succeeded,
        "gpu_available": validation.gpu_available,
        "cuda_detected": validation.cuda_detected,
        "log_stream": validation.log_stream,
        "cost_usd": _money(validation.cost_usd),
        "cost_final": validation.cost_is_final,
        "signature": validation.signature,
        "cause": validation.signature_title,
        "difference": difference_dict(validation.difference),
        "phases": phases_dict(validation.phases),
        "place": {"file": validation.place.file, "line": validation.place.line} if validation.place else None,
        "progress": _progress_dict(validation.progress),
        "usual_seconds": _seconds(validation.usual_time),
    }


def _progress_dict(progress: ProgressView | None) -> dict[str, str | None] | None:
    if progress is None:
        return None
    return {
        "check": progress.check,
        "phase": progress.phase,
        "status": progress.status.value if progress.status else None,
        "since": _instant(progress.since),
    }


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(timezone.utc).isoformat()


def _seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else round(duration.total_seconds(), 3)


def _money(amount: Decimal | None) -> str | None:
    """Unrounded; zeros that Postgres adds behind the fourth place are left out."""
    if amount is None:
        return None
    whole, _, places = f"{amount:f}".partition(".")
    places = places[:_PLACES] + places[_PLACES:].rstrip("0")
    return f"{whole}.{places}" if places else whole
