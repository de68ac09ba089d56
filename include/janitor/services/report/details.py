"""What changed with each of some validations, what they are of, and what their phases took: read at once for all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

from janitor.domain.errors import DatabaseError
from janitor.domain.result.history_views import ChangeView, CheckChangeView, PhaseView, PlaceView
from janitor.domain.result.provenance_changes import ProvenanceChanges
from janitor.domain.result.report_diff import Change, Outcome
from janitor.protocol.codec import Part
from janitor.protocol.terms.proven import Note, ProofLevel, Unproven
from janitor.protocol.terms.provenance import Commit, Machine
from janitor.protocol.values import Place
from janitor.stores.database import Connection
from janitor.stores.queries import named_queries

_STORED = Place("", DatabaseError)
P = TypeVar("P", bound=Part)


@dataclass(frozen=True, kw_only=True)
class ReportDetails:
    """By validation."""

    _checks: Mapping[UUID, Sequence[CheckChangeView]] = field(default_factory=dict)
    _phases: Mapping[UUID, Sequence[PhaseView]] = field(default_factory=dict)
    _changes: Mapping[UUID, ProvenanceChanges] = field(default_factory=dict)
    _broken_with: Mapping[UUID, ProvenanceChanges] = field(default_factory=dict)
    _commits: Mapping[UUID, Commit] = field(default_factory=dict)
    _machines: Mapping[UUID, Machine] = field(default_factory=dict)
    _places: Mapping[UUID, PlaceView] = field(default_factory=dict)
    _unproven: Mapping[UUID, Sequence[Unproven]] = field(default_factory=dict)
    _notes: Mapping[UUID, Sequence[Note]] = field(default_factory=dict)

    def difference(self, row: Mapping[str, Any]) -> ChangeView | None:
        """The difference of a row of `validation_overview`."""
        if row["change"] is None:
            return None
        return ChangeView(
            change=Change(row["change"]),
            outcome=Outcome(row["outcome"]) if row["outcome"] else None,
            since_at=row["since_at"],
            since_run_id=row["since_run_id"],
            previous_at=row["previous_at"],
            previous_run_id=row["previous_run_id"],
            cause_changed=row["cause_changed"],
            cause_since_at=row["cause_since_at"],
            cause_since_run_id=row["cause_since_run_id"],
            flaky=row["flaky"],
            level=level_of(row["difference_proof_level"]),
            previous_level=level_of(row["previous_proof_level"]),
            checks=tuple(self._checks.get(row["validation_id"], ())),
            changes=self._changes.get(row["validation_id"]),
            broken_with=self._broken_with.get(row["validation_id"]),
        )

    def commit(self, validation_id: UUID) -> Commit | None:
        """What the report of a validation tells of its commit."""
        return self._commits.get(validation_id)

    def machine(self, validation_id: UUID) -> Machine | None:
        """What the report of a validation tells of its machine."""
        return self._machines.get(validation_id)

    def place(self, validation_id: UUID) -> PlaceView | None:
        """Where the check that decided says to look."""
        return self._places.get(validation_id)

    def unproven(self, validation_id: UUID) -> Sequence[Unproven]:
        """What the report of a validation leaves unproven."""
        return self._unproven.get(validation_id, ())

    def notes(self, validation_id: UUID) -> Sequence[Note]:
        """The notes of the report of a validation."""
        return self._notes.get(validation_id, ())

    def phases(self, validation_id: UUID) -> Sequence[PhaseView]:
        """The phases of a validation, in the order of the pipeline."""
        return tuple(self._phases.get(validation_id, ()))


def details_of(connection: Connection, validation_ids: Sequence[UUID], *, phases: bool) -> ReportDetails:
    """Read the details of some validations.

    Args:
        connection: Of a caller's transaction.
        validation_ids: Which.
        phases: Whether the phases are wanted; their dollars take a look at every second of the instances.
    """
    queries, ids = named_queries(), list(validation_ids)
    checks: defaultdict[UUID, list[CheckChangeView]] = defaultdict(list)
    for row in queries.check_differences_of(connection, validation_ids=ids):
        checks[row["validation_id"]].append(
            CheckChangeView(
                check=row["check_name"],
                change=Change(row["change"]),
                since_at=row["since_at"],
                since_run_id=row["since_run_id"],
                flaky=row["flaky"],
                level=level_of(row["proof_level"]),
                previous_level=level_of(row["previous_proof_level"]),
            )
        )
    took: defaultdict[UUID, list[PhaseView]] = defaultdict(list)
    for row in queries.phases_of(connection, validation_ids=ids) if phases else ():
        took[row["validation_id"]].append(
            PhaseView(name=row["phase"], duration=timedelta(seconds=float(row["seconds"])), usd=row["usd"])
        )
    found = list(queries.provenance_of(connection, validation_ids=ids))
    return ReportDetails(
        _checks=dict(checks),
        _phases=dict(took),
        _changes=_read(ProvenanceChanges, found, "changes"),
        _broken_with=_read(ProvenanceChanges, found, "broken_with"),
        _commits=_read(Commit, found, "commit"),
        _machines=_read(Machine, found, "machine"),
        _places={
            row["validation_id"]: PlaceView(file=row["file"], line=row["line"])
            for row in queries.places_of(connection, validation_ids=ids)
        },
        _unproven=_read_all(Unproven, found, "unproven"),
        _notes=_read_all(Note, found, "notes"),
    )


def level_of(written: str | None) -> ProofLevel | None:
    """The level that a column holds."""
    return None if written is None else ProofLevel(written)


def _read(part: type[P], rows: Sequence[Mapping[str, Any]], column: str) -> dict[UUID, P]:
    """What a column holds, by validation."""
    return {row["validation_id"]: part.read(row[column], _STORED) for row in rows if row[column] is not None}


def _read_all(part: type[P], rows: Sequence[Mapping[str, Any]], column: str) -> dict[UUID, Sequence[P]]:
    """The same of a column that holds a list."""
    return {
        row["validation_id"]: tuple(part.read(each, _STORED) for each in row[column])
        for row in rows
        if row[column] is not None
    }
