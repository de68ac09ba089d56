"""Signatures, differences and what stands of a repository, inside a caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from janitor.domain.result.report_diff import (
    Change,
    Mark,
    Outcome,
    Remembered,
    ReportDifference,
    RepositoryStanding,
    Seen,
    Standing,
)
from janitor.domain.states import ValidationStatus
from janitor.protocol.terms.proven import ProofLevel
from janitor.protocol.terms.statuses import CheckStatus, Engine
from janitor.protocol.text.signature import FailureSignature
from janitor.stores.database import Connection
from janitor.stores.queries import named_queries
from janitor.stores.records import ValidationRecord

_KEPT_CHANGES = (Change.NEW, Change.FIXED, Change.STILL_FAILING)


@dataclass(frozen=True, kw_only=True)
class EarlierValidation:
    """A final validation of the past, as the rows tell it."""

    seen: Seen
    failing_check: str | None
    reason_code: str | None
    summary: str | None


def finished_at(connection: Connection, validation_id: UUID) -> datetime:
    """When a final validation became final."""
    moment: datetime = named_queries().finished_at(connection, validation_id=validation_id)
    return moment


def keep_signature(connection: Connection, validation_id: UUID, signature: FailureSignature) -> None:
    """Write a validation's signature; one that it has already stays."""
    queries = named_queries()
    queries.insert_signature(
        connection,
        signature=signature.id,
        check_name=signature.check,
        reason_code=signature.reason_code,
        line=signature.line,
        title=signature.title,
    )
    queries.set_signature(connection, validation_id=validation_id, signature=signature.id)


def signature_of_validation(connection: Connection, validation_id: UUID) -> tuple[str | None, str | None]:
    """The signature of a validation's failure and its title; None where it has none."""
    row = named_queries().signature_of_validation(connection, validation_id=validation_id)
    return (None, None) if row is None else (row["signature"], row["title"])


def lock_standing(connection: Connection, validation: ValidationRecord) -> RepositoryStanding | None:
    """What is known of the validation's repository, held against others until the transaction ends.

    Returns:
        None where nothing was ever kept, so that it must be made from the history.
    """
    queries, repository = named_queries(), _repository(validation)
    queries.insert_standing(connection, **repository)
    document = queries.lock_standing(connection, **repository)["standing"]
    return _standing_of(document) if document else None


def keep_standing(connection: Connection, validation: ValidationRecord, standing: RepositoryStanding) -> None:
    """Write what is known of the validation's repository now."""
    named_queries().update_standing(connection, **_repository(validation), standing=Jsonb(_standing_document(standing)))


def earlier_validations(connection: Connection, validation: ValidationRecord, count: int) -> list[EarlierValidation]:
    """The repository's last final validations before this one, the oldest first."""
    rows = named_queries().earlier_validations(
        connection, **_repository(validation), validation_id=validation.validation_id, count=count
    )
    return [
        EarlierValidation(
            seen=Seen(
                mark=Mark(at=row["finished_at"], run_id=row["run_id"], validation_id=row["validation_id"]),
                status=ValidationStatus(row["status"]),
                commit_sha=row["commit_sha"],
                signature=row["signature"],
                checks={name: CheckStatus(status) for name, status in row["checks"].items()},
                engine=Engine(row["engine"]) if row["engine"] else None,
                failing_check=row["failing_check"],
            ),
            failing_check=row["failing_check"],
            reason_code=row["status_reason_code"],
            summary=row["status_summary"],
        )
        for row in reversed(list(rows))
    ]


def report_document(connection: Connection, validation_id: UUID) -> Any | None:
    """The decoded report of a validation, as it was kept."""
    return named_queries().report_document(connection, validation_id=validation_id)


def insert_difference(connection: Connection, validation_id: UUID, difference: ReportDifference) -> None:
    """Keep a report's difference; the checks that pass as before are left out."""
    queries, verdict = named_queries(), difference.verdict
    since, previous, cause_since = verdict.since, verdict.previous, verdict.cause_since
    queries.insert_report_difference(
        connection,
        validation_id=validation_id,
        change=verdict.change.value,
        outcome=verdict.outcome.value if verdict.outcome else None,
        since_at=since.at if since else None,
        since_run_id=since.run_id if since else None,
        since_validation_id=since.validation_id if since else None,
        previous_at=previous.at if previous else None,
        previous_run_id=previous.run_id if previous else None,
        previous_validation_id=previous.validation_id if previous else None,
        cause_changed=verdict.cause_changed,
        cause_since_at=cause_since.at if cause_since else None,
        cause_since_run_id=cause_since.run_id if cause_since else None,
        flaky=verdict.flaky,
        changes=Jsonb(difference.changes.to_dict()) if difference.changes is not None else None,
        proof_level=_written(verdict.level),
        previous_proof_level=_written(verdict.previous_level),
    )
    for name, check in difference.checks.items():
        if check.change in _KEPT_CHANGES and check.since is not None:
            queries.insert_check_difference(
                connection,
                validation_id=validation_id,
                check_name=name,
                change=check.change.value,
                since_at=check.since.at,
                since_run_id=check.since.run_id,
                since_validation_id=check.since.validation_id,
                flaky=check.flaky,
                proof_level=_written(check.level),
                previous_proof_level=_written(check.previous_level),
            )


def _written(level: ProofLevel | None) -> str | None:
    return None if level is None else level.value


def _repository(validation: ValidationRecord) -> dict[str, str]:
    return {
        "deployment": validation.deployment,
        "organization": validation.organization,
        "repository_name": validation.repository_name,
    }


def _standing_document(standing: RepositoryStanding) -> dict[str, Any]:
    return {
        "verdict": _one_document(standing.verdict) if standing.verdict else None,
        "checks": {name: _one_document(check) for name, check in standing.checks.items()},
    }


def _one_document(standing: Standing) -> dict[str, Any]:
    return {
        "outcome": standing.outcome.value,
        "since": _mark_document(standing.since),
        "last": _mark_document(standing.last),
        "cause": standing.cause,
        "cause_since": _mark_document(standing.cause_since) if standing.cause_since else None,
        "level": _written(standing.level),
        "recent": [[each.outcome.value, each.commit_sha, _written(each.level)] for each in standing.recent],
    }


def _mark_document(mark: Mark) -> dict[str, str]:
    return {"at": mark.at.isoformat(), "run_id": str(mark.run_id), "validation_id": str(mark.validation_id)}


def _standing_of(document: Mapping[str, Any]) -> RepositoryStanding:
    return RepositoryStanding(
        verdict=_one_of(document["verdict"]) if document["verdict"] else None,
        checks={name: _one_of(check) for name, check in document["checks"].items()},
    )


def _one_of(document: Mapping[str, Any]) -> Standing:
    return Standing(
        outcome=Outcome(document["outcome"]),
        since=_mark_of(document["since"]),
        last=_mark_of(document["last"]),
        cause=document["cause"],
        cause_since=_mark_of(document["cause_since"]) if document["cause_since"] else None,
        level=_level_of(document.get("level")),
        recent=tuple(_remembered_of(*each) for each in document["recent"]),
    )


def _remembered_of(outcome: str, commit_sha: str | None, level: str | None = None) -> Remembered:
    """What was kept before levels were has none."""
    return Remembered(Outcome(outcome), commit_sha, _level_of(level))


def _level_of(written: str | None) -> ProofLevel | None:
    return None if written is None else ProofLevel(written)


def _mark_of(document: Mapping[str, str]) -> Mark:
    return Mark(
        at=datetime.fromisoformat(document["at"]),
        run_id=UUID(document["run_id"]),
        validation_id=UUID(document["validation_id"]),
    )
