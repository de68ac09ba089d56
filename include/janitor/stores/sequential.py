"""Sequential runs: what a run orders as a whole, and the turns that its validations take on its instance.

A pool's workers have turns on their machines in the same way; `stores/pool/turns.py` gives them.

Invariant: an instance has one open turn at most, whoever begins them. Whatever is asked of a validation's instance is
asked through `host_of`, which knows both kinds: an instance of its own, and one on which it has or had a turn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from janitor.domain.errors import ConflictError
from janitor.domain.launch.owner import Owner
from janitor.domain.states import OwnerKind, RunKind, RunStatus
from janitor.protocol.terms.statuses import CacheState, EngineChoice
from janitor.stores import ledger
from janitor.stores import report_terms as own_terms
from janitor.stores import validations as store
from janitor.stores.database import Connection, one
from janitor.stores.queries import named_queries
from janitor.stores.records import InstanceRecord
from janitor.stores.report_terms import ReportTerms


@dataclass(frozen=True, kw_only=True)
class SequentialRun:
    """What a sequential run wants of its one instance."""

    run_id: UUID
    status: RunStatus
    total_timeout: timedelta
    grace: timedelta
    deadline_at: datetime | None
    """The hard limit for all of it, which counts from the first launch; None: nothing was launched yet."""
    max_concurrent_instances: int
    plan: Mapping[str, Any]
    """Of its first repository: instance types and market are those of all."""
    expected_errors: Sequence[str]
    cache: CacheState | None
    """None: no instance of it has run yet."""
    cache_volume: str | None
    """Its cache volume, where its instance has it."""


@dataclass(frozen=True, kw_only=True)
class CacheUse:
    """What became of the cache volume on an instance."""

    state: CacheState
    detail: str
    """Where it lies, or why the instance goes without."""
    volume_id: str | None = None
    """None: the instance doesn't have it."""


@dataclass(frozen=True, kw_only=True)
class Turn:
    """Whose turn it is."""

    validation_id: UUID
    repository_name: str
    organization: str


def sequential_run(connection: Connection, run_id: UUID) -> SequentialRun:
    """Read a sequential run.

    Raises:
        DatabaseError: There is none of this id.
    """
    row = one(named_queries().sequential_run(connection, run_id=run_id), what=f"sequential run {run_id}")
    return SequentialRun(
        run_id=run_id,
        status=RunStatus(row["status"]),
        total_timeout=timedelta(minutes=float(row["total_timeout_minutes"])),
        grace=timedelta(minutes=float(row["grace_minutes"])),
        deadline_at=row["deadline_at"],
        max_concurrent_instances=row["max_concurrent_instances"],
        plan=row["plan"],
        expected_errors=tuple(row["expected_errors"]),
        cache=CacheState(row["cache"]) if row["cache"] else None,
        cache_volume=row["cache_volume"],
    )


def next_in_turn(connection: Connection, run_id: UUID) -> Turn | None:
    """The first repository of the list without an end; None: all have ended."""
    row = named_queries().next_in_turn(connection, run_id=run_id)
    if row is None:
        return None
    return Turn(
        validation_id=row["validation_id"], repository_name=row["repository_name"], organization=row["organization"]
    )


def end_turns(connection: Connection, run_id: UUID) -> None:
    """Close the turns whose validation or instance has ended."""
    named_queries().end_turns(connection, run_id=run_id)


def turns_of(connection: Connection, validation_id: UUID) -> int:
    """How many turns a validation has had, the present one included."""
    count: int = named_queries().turns_of_validation(connection, validation_id=validation_id)
    return count


def host_of(connection: Connection, validation_id: UUID) -> InstanceRecord | None:
    """The instance on which a validation works or worked last, as it counts for that validation.

    Of a shared instance the limit is the validation's, and launch, command and sign of life are its turn's. On the
    machine of a worker the generation is the number of the validation's turn: what it was sent and what it handed in on
    an earlier machine, or under an earlier claim, has another.
    """
    own = ledger.latest_of(connection, Owner.validation(validation_id))
    if own is not None:
        return own
    row = named_queries().host_of_turn(connection, validation_id=validation_id)
    if row is None:
        return None
    record = InstanceRecord.from_row(row)
    return replace(
        record,
        generation=row["turn_number"] or record.generation,
        deadline_at=row["turn_deadline_at"] or record.deadline_at,
        launched_at=max(record.launched_at or record.intent_at, row["turn_began_at"]),
        command_started_at=row["turn_command_started_at"],
        first_sign_at=row["turn_first_sign_at"],
    )


def is_shared(host: InstanceRecord) -> bool:
    """Whether several validations take turns on the instance."""
    return host.owner is not None and host.owner.kind in (OwnerKind.RUN, OwnerKind.WORKER)


def is_of_worker(host: InstanceRecord) -> bool:
    """Whether it is a pool worker's, on which validations of many runs take turns."""
    return host.owner is not None and host.owner.kind is OwnerKind.WORKER


def is_of_run(host: InstanceRecord) -> bool:
    """Whether it belongs to the run whose validations take turns on it."""
    return host.owner is not None and host.owner.kind is OwnerKind.RUN


def keep_command_start(
    connection: Connection, validation_id: UUID, host: InstanceRecord, started_at: datetime
) -> InstanceRecord:
    """Keep when a validation's instance got its command; the first time stays. Returns the instance as it is then."""
    ledger.keep_command_start(connection, host.ledger_id, started_at)
    if is_shared(host):
        named_queries().keep_turn_command(
            connection, validation_id=validation_id, ledger_id=host.ledger_id, started_at=started_at
        )
    return host_of(connection, validation_id) or host


def keep_terms(connection: Connection, validation_id: UUID, host: InstanceRecord, offered: ReportTerms) -> ReportTerms:
    """Write what a validation's report is judged by, unless its instance was told some before; those that stand."""
    if not is_shared(host):
        return own_terms.keep(connection, host.ledger_id, offered)
    named_queries().keep_turn_terms(
        connection,
        validation_id=validation_id,
        ledger_id=host.ledger_id,
        proof_key=offered.proof_key,
        engine=offered.engine.value,
    )
    told = told_terms(connection, validation_id, host)
    return told if told is not None else offered


def told_terms(connection: Connection, validation_id: UUID, host: InstanceRecord) -> ReportTerms | None:
    """What the instance was told for this validation; None where it was told nothing."""
    if not is_shared(host):
        return own_terms.told(connection, host.ledger_id)
    row = named_queries().turn_terms(connection, validation_id=validation_id, ledger_id=host.ledger_id)
    if row is None:
        return None
    return ReportTerms(proof_key=bytes(row["proof_key"]), engine=EngineChoice(row["engine"]))


def keep_failure(connection: Connection, run_id: UUID, reason_code: str, summary: str) -> None:
    """Keep for every repository without an end why there is no instance for it."""
    named_queries().keep_launch_failure_of_run(connection, run_id=run_id, reason_code=reason_code, summary=summary)


def clear_failure(connection: Connection, run_id: UUID) -> None:
    """There is an instance: what an earlier attempt met is no reason any more."""
    named_queries().clear_launch_failure_of_run(connection, run_id=run_id)


def give_turn(
    connection: Connection, run_id: UUID, validation_id: UUID, host: InstanceRecord, deadline_at: datetime
) -> bool:
    """Give the instance to a validation. Its hard limit stays the one of its first turn; repeating it changes nothing.

    Returns:
        Whether its turn began now.

    Raises:
        ConflictError: Another validation that has not ended has the instance.
    """
    queries = named_queries()
    queries.end_turns(connection, run_id=run_id)
    try:
        is_new = bool(queries.begin_turn(connection, validation_id=validation_id, ledger_id=host.ledger_id))
    except psycopg.errors.UniqueViolation as exc:
        raise ConflictError(f"{host.name} works for another repository of run {run_id}; look again") from exc
    if is_new:
        # What an earlier instance did says nothing any more.
        store.clear_watch_outcome(connection, validation_id)
        store.mark_launching(connection, validation_id)
        store.keep_deadline(connection, validation_id, deadline_at)
        store.mark_launched(connection, validation_id, host.instance_id or host.name)
    return is_new


def is_cache_settled(connection: Connection, run_id: UUID, ledger_id: int) -> bool:
    """Whether it is kept what became of the cache volume on this instance."""
    return bool(named_queries().cache_settled(connection, run_id=run_id, ledger_id=ledger_id))


def keep_cache(connection: Connection, run_id: UUID, ledger_id: int, cache: CacheUse) -> None:
    """Keep what became of the cache volume on the run's instance."""
    named_queries().keep_cache(
        connection,
        run_id=run_id,
        ledger_id=ledger_id,
        cache=cache.state.value,
        detail=cache.detail,
        volume_id=cache.volume_id,
    )


def keep_unexpected_errors(connection: Connection, run_id: UUID, count: int | None) -> None:
    """Keep how many ERROR lines the run's log has that nobody expects; None where that isn't known."""
    named_queries().keep_unexpected_errors(connection, run_id=run_id, count=count)


def log_streams(connection: Connection, run_id: UUID) -> list[tuple[str, str]]:
    """(repository, log stream) of each of the run's validations that ran, in their order."""
    rows = named_queries().log_streams_of_run(connection, run_id=run_id)
    return [(row["repository_name"], row["log_stream"]) for row in rows]


def latest_run(connection: Connection, deployment: str, kind: RunKind) -> UUID | None:
    """The deployment's last run of a kind; None where there is none."""
    found: UUID | None = named_queries().latest_run_of_kind(connection, deployment=deployment, kind=kind.value)
    return found


@dataclass(frozen=True, kw_only=True)
class KeptReport:
    """Where the report lies that a verdict was drawn from."""

    storage_key: str
    sha256: str


def kept_reports(connection: Connection, run_id: UUID) -> dict[UUID, KeptReport]:
    """By validation; one without a report has no entry."""
    return {
        row["validation_id"]: KeptReport(storage_key=row["storage_key"], sha256=row["sha256"])
        for row in named_queries().reports_of_run(connection, run_id=run_id)
        if row["storage_key"]
    }
