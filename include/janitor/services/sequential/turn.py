"""Turns: whose it is, on which instance, and what follows when it is over.

Everything is read from Postgres, so that a task that died in between goes on where it was: the turn of the first
repository without an end, on the run's live instance.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Union
from uuid import UUID

from janitor.domain.deadlines import turn_deadline
from janitor.domain.errors import ConflictError
from janitor.domain.log_lines import LineLogger
from janitor.domain.result.outcome import Conclusion
from janitor.domain.states import InstanceState, TerminationReason
from janitor.domain.watch.sequential import MOST_INSTANCES, after_turn
from janitor.domain.watch.watching import WatchOutcome
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.services.ending.terminate import end_scope, scope_of
from janitor.services.launch.advance import Launched, NoPlace, NotYet, advance_launch
from janitor.services.result.record import record_validation
from janitor.services.sequential.cache import attach_cache, cache_subnets, keep_what_was_used
from janitor.services.sequential.orderer import RunOrderer, owner_of_run
from janitor.services.watch.watch import Watch
from janitor.settings import Settings
from janitor.stores import ledger, validations
from janitor.stores import sequential as store
from janitor.stores.database import transaction
from janitor.stores.records import InstanceRecord
from janitor.stores.sequential import Turn

log = LineLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A repository has its turn: its validation is to be watched."""

    turn: Turn
    instance_id: str


@dataclass(frozen=True, kw_only=True)
class AllOver:
    """Every repository of the run has an end."""


TurnStep = Union[Begun, AllOver, NoPlace, NotYet]  # noqa: UP007  (evaluated at import, also by Python 3.10)


def advance_turn(settings: Settings, run_id: UUID) -> TurnStep:
    """Bring the run a step on: give the next repository its turn, see to an instance, or conclude what can't have one.

    Raises:
        DatabaseError: Postgres can't be used.
        CloudError: AWS can't be asked.
        ConflictError: The run has ended.
    """
    with transaction(settings.writer_url) as connection:
        run = store.sequential_run(connection, run_id)
        turn = store.next_in_turn(connection, run_id)
        host = ledger.latest_of(connection, owner_of_run(run_id))
        generations = ledger.generations_of(connection, owner_of_run(run_id))
    if turn is None:
        return AllOver()
    if run.status.is_final:
        raise ConflictError(f"run {run_id} has ended ({run.status.value}): no repository gets a turn any more")
    now = datetime.now(timezone.utc)
    if host is not None and _is_usable(host):
        return _begin(settings, run_id, turn, host, now)
    if host is not None and host.state.is_live and host.instance_id is not None:
        return _end_lost(settings, run_id, host, now)
    launched = sum(1 for one in generations if one.instance_id is not None)
    if launched >= MOST_INSTANCES:
        why = f"{launched} instances of its run were lost or left unclean, which is the most that one gets"
        return _conclude_without(settings, run_id, turn, ReasonCode.INSTANCE_LOST, why)
    if run.deadline_at is not None and run.deadline_at <= now:
        return _conclude_without(settings, run_id, turn, ReasonCode.DEADLINE, _LATE.format(run.total_timeout))
    step = advance_launch(settings, RunOrderer(run_id, cache_subnets(settings)))
    return NotYet(until=now, why=f"{step.instance_id} is there") if isinstance(step, Launched) else step


_LATE = "the run's limit of {} for all of its repositories had passed before its turn"


_WORKING = (InstanceState.PENDING, InstanceState.RUNNING)


def _is_usable(host: InstanceRecord) -> bool:
    """Whether the next repository may have it: what has ended or was given up isn't, whoever ended it."""
    return host.state in _WORKING and host.given_up_at is None and host.termination_reason is None


def _begin(settings: Settings, run_id: UUID, turn: Turn, host: InstanceRecord, now: datetime) -> TurnStep:
    if host.deadline_at <= now:
        limit = host.deadline_at - (host.launched_at or host.intent_at)
        return _conclude_without(
            settings,
            run_id,
            turn,
            ReasonCode.DEADLINE,
            _LATE.format(timedelta(minutes=round(limit.total_seconds() / 60))),
        )
    waits = attach_cache(settings, run_id, host)
    if waits is not None:
        return waits
    with transaction(settings.writer_url) as connection:
        validation = validations.get_validation(connection, turn.validation_id)
        deadline_at = turn_deadline(now, validation.timeout, host.deadline_at)
        if store.give_turn(connection, run_id, turn.validation_id, host, deadline_at):
            log.info("%s has its turn on %s until %s", turn.repository_name, host.name, deadline_at)
    assert host.instance_id is not None
    return Begun(turn=turn, instance_id=host.instance_id)


def _conclude_without(settings: Settings, run_id: UUID, turn: Turn, code: ReasonCode, summary: str) -> NotYet:
    """Give a repository its end that gets no instance any more."""
    with transaction(settings.writer_url) as connection:
        validations.keep_launch_failure(connection, turn.validation_id, code.value, summary)
    conclusion = record_validation(settings, turn.validation_id)
    log.warning("%s: %s: %s", turn.repository_name, conclusion.status.value, conclusion.summary)
    return NotYet(until=datetime.now(timezone.utc), why=f"{turn.repository_name} can't have a turn")


def _end_lost(settings: Settings, run_id: UUID, host: InstanceRecord, now: datetime) -> NotYet:
    """End what was given up, so that its successor can be launched: a run has one instance at most."""
    ending = end_scope(
        settings,
        scope_of(owner_of_run(run_id)),
        host.termination_reason or TerminationReason.INSTANCE_LOST,
        timeout=settings.poll_interval,
        spare_kept=False,
    )
    if ending.left:
        return NotYet(until=now + settings.poll_interval, why=f"waiting for {', '.join(ending.left)} to be gone")
    return NotYet(until=now, why=f"{host.name} is gone")


def end_turn(settings: Settings, run_id: UUID, watch: Watch, outcome: WatchOutcome) -> Conclusion | None:
    """Carry out what follows on how the watching of a turn ended: record it, or leave it to another turn.

    An instance that nobody may have next is given up first: what dies in between must not hand it on.

    Returns:
        How the repository ended; None: it has another turn on another instance.

    Raises:
        CloudError: AWS can't be asked.
        DatabaseError: Postgres can't be used.
    """
    validation_id = watch.validation.validation_id
    expected = watch.conclude().conclusion
    with transaction(settings.writer_url) as connection:
        launched = sum(one.instance_id is not None for one in ledger.generations_of(connection, owner_of_run(run_id)))
        turns = store.turns_of(connection, validation_id)
    follows = after_turn(
        outcome,
        has_report=expected.report is not None,
        reason_code=expected.reason_code,
        turns=turns,
        launched=launched,
        now=datetime.now(timezone.utc),
        deadline_at=watch.watched.deadline_at,
    )
    if not follows.keeps_instance:
        log.warning("%s is given up (%s): no other repository may have it", watch.watched.instance_id, outcome.value)
        with transaction(settings.writer_url) as connection:
            ledger.intend_termination(connection, watch.ledger_id, follows.reason)
            ledger.give_up(connection, watch.ledger_id)
    if follows.has_another_turn:
        close_turns(settings, run_id)
        return None
    keep_what_was_used(settings, run_id, watch.ledger_id, expected.report)
    watch.keep()
    conclusion = record_validation(settings, validation_id)
    close_turns(settings, run_id)
    return conclusion


def close_turns(settings: Settings, run_id: UUID) -> None:
    """Close the turns of repositories that have an end.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.writer_url) as connection:
        store.end_turns(connection, run_id)
