"""Launching: take a place, commit the intent, call RunInstances, keep what it answered.

The order is the invariant: intent (committed) → RunInstances with the intent's token → id kept. Whoever repeats any
part arrives at the same instance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Union

from janitor.domain.errors import CloudError, LaunchRefusedError, WrongPlaceError
from janitor.domain.launch.launch_codes import LaunchVerdict
from janitor.domain.launch.launching import LaunchFailure
from janitor.domain.launch.placement import Pause
from janitor.domain.log_lines import LineLogger
from janitor.domain.place import Place
from janitor.domain.states import InstanceState, PlacementResult, TerminationReason
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.services.ending.external_timer import arm_external_timer
from janitor.services.here import here, require_all_here
from janitor.services.launch.orderer import Orderer
from janitor.services.launch.terms import insert_intent, next_place
from janitor.services.ledger.reconcile import observe_rows
from janitor.services.provider import find_owned, provider_of
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores import placement as attempts
from janitor.stores.database import Connection, transaction
from janitor.stores.records import InstanceRecord

Launch = Callable[[Mapping[str, Any]], str]
"""The provider's parameters → instance id; the provider's own exceptions pass."""

_SUMMARY_LENGTH = 500

log = LineLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Launched:
    """There is an instance."""

    instance_id: str
    adopted: bool


@dataclass(frozen=True, kw_only=True)
class NoPlace:
    """Every place of the deployment is held."""

    limit: int


@dataclass(frozen=True, kw_only=True)
class NotYet:
    """Ask again at `until`: another candidate at once, or the same after a pause."""

    until: datetime
    why: str


LaunchStep = Union[Launched, NoPlace, NotYet]  # noqa: UP007  (evaluated at import, also by Python 3.10)


@dataclass(frozen=True, kw_only=True)
class _Intent:
    record: InstanceRecord
    adopted_instance_id: str | None
    is_new: bool
    """Whether nobody but this call can have carried it out."""


def advance_launch(settings: Settings, orderer: Orderer, launch: Launch | None = None) -> LaunchStep:
    """Adopt what is there, or commit an intent if a place is free and carry it out.

    Args:
        settings: Of the environment.
        orderer: Who wants an instance.
        launch: Asks the provider for it; default: the provider's own call.

    Raises:
        DatabaseError: Postgres can't be used.
        CloudError: EC2 can't be asked, or didn't say whether it launched; the same token is used again next time.
        ConflictError: The owner has ended.
        LaunchRefusedError: Nothing more is to be tried.
        SettingsError: Neither an image nor a launch template is set.
    """
    intent = _intent(settings, orderer)
    if not isinstance(intent, _Intent):
        return intent
    record = intent.record
    instance_id = intent.adopted_instance_id
    if instance_id is None:
        provider = provider_of(settings)
        try:
            if launch is not None:
                instance_id = launch(record.launch_parameters)
            else:
                instance_id = provider.launch(record.launch_parameters, may_exist=not intent.is_new)
        except Exception as exc:
            failure = provider.launch_failure_of(exc, record.instance_type)
            if failure is None:
                raise  # not a word of the provider's: the intent stays, and the next try adopts what there may be
            return _after_failure(settings, record, orderer, failure, exc)
    if not _keep_launched(settings, record, orderer, instance_id):
        _end_late_one(settings, record, instance_id)
        return NotYet(until=datetime.now(timezone.utc), why=f"{instance_id} came after its intent was given up")
    return Launched(instance_id=instance_id, adopted=intent.adopted_instance_id is not None)


def keep_problem(settings: Settings, orderer: Orderer, reason_code: ReasonCode, summary: str) -> None:
    """Tell the owner why its launch ended, in case that none follows."""
    with transaction(settings.writer_url) as connection:
        orderer.keep_failure(connection, reason_code.value, summary[:_SUMMARY_LENGTH])


def _intent(settings: Settings, orderer: Orderer) -> _Intent | NoPlace | NotYet:
    source = provider_of(settings).launch_source()  # before an intent takes a place
    at = here(settings)
    with transaction(settings.writer_url) as connection:
        _refuse_elsewhere(connection, settings, at)
        known = ledger.live_of(connection, orderer.owner)
    # Without an intent nothing was ever launched, so there is nothing to ask the provider.
    seen = find_owned(settings, orderer.owner) if known is not None else []
    if known is not None:
        # A row whose instance has ended meanwhile must not be adopted, nor hold the owner's one place. And an intent
        # that nobody carried out in time is closed: its instance would have the limit of back then.
        observe_rows(settings, [known], seen)
    now = datetime.now(timezone.utc)
    with transaction(settings.writer_url) as connection:
        order = orderer.order(connection)
        ledger.lock_places(connection, settings.deployment)
        record = ledger.live_of(connection, order.owner)
        is_new = record is None
        if record is None:
            if order.deadline(now) <= now:
                raise LaunchRefusedError(ReasonCode.DEADLINE, "the hard limit has passed; nothing is launched any more")
            _refuse_elsewhere(connection, settings, at)
            if ledger.count_live(connection, settings.deployment) >= order.max_concurrent_instances:
                return NoPlace(limit=order.max_concurrent_instances)
            place = next_place(connection, settings, order, now, source)
            if isinstance(place, Pause):
                return NotYet(until=place.until, why="launches are paced")
            deadline_at = orderer.keep_intent(connection, order.deadline(now))
            record = insert_intent(
                connection, settings, order, place, at=at, source=source, deadline_at=deadline_at, now=now
            )
    # A launch template, a lease or AWS itself may add tags of its own.
    adopted = next((one.instance_id for one in seen if record.tags.items() <= one.tags.items()), None)
    return _Intent(record=record, adopted_instance_id=adopted or record.instance_id, is_new=is_new)


def _refuse_elsewhere(connection: Connection, settings: Settings, at: Place) -> None:
    """Launch nothing where the deployment's live rows aren't: the most that may exist at once would be exceeded."""
    try:
        require_all_here(connection, settings, at)
    except WrongPlaceError as exc:
        raise LaunchRefusedError(ReasonCode.WRONG_PLACE, str(exc)) from exc


def _keep_launched(settings: Settings, record: InstanceRecord, orderer: Orderer, instance_id: str) -> bool:
    """Keep what RunInstances answered; False where the intent was closed meanwhile, because nothing had shown."""
    at = here(settings)
    with transaction(settings.writer_url) as connection:
        if not ledger.keep_launched(connection, record.ledger_id, instance_id, place=at):
            return False
        attempts.finish_attempt(connection, record.ledger_id, PlacementResult.LAUNCHED)
        orderer.keep_launched(connection, instance_id)
    if not provider_of(settings).abilities.has_timers:
        return True
    try:
        arm_external_timer(settings, instance_id, record.may_live_until)
    except CloudError as exc:
        # Four other killers stand ready, and the reaper sets what is missing.
        log.warning("the external timer of %s can't be set now: %s", instance_id, exc)
    return True


def _end_late_one(settings: Settings, record: InstanceRecord, instance_id: str) -> None:
    """End an instance that nobody counts on any more. It gets a row of its own, which counts and pays for it."""
    log.warning("%s came after its intent was given up; it is terminated", instance_id)
    with transaction(settings.writer_url) as connection:
        ledger.adopt_late(connection, record.ledger_id, instance_id)
    for word in provider_of(settings).terminate([instance_id]).values():
        raise CloudError(word)


def _after_failure(
    settings: Settings, record: InstanceRecord, orderer: Orderer, failure: LaunchFailure, cause: Exception
) -> NotYet:
    at = here(settings)
    with transaction(settings.writer_url) as connection:
        attempts.finish_attempt(
            connection,
            record.ledger_id,
            failure.result,
            aws_code=failure.aws_code,
            aws_message=failure.aws_message,
        )
        orderer.keep_failure(connection, failure.reason_code.value, failure.summary[:_SUMMARY_LENGTH])
        if failure.verdict is not LaunchVerdict.SAME_ATTEMPT:
            # EC2 said no: the intent is over, and its place is free again.
            ledger.intend_termination(
                connection,
                record.ledger_id,
                TerminationReason.LAUNCH_FAILED,
                f"{failure.aws_code}: {failure.summary}",
            )
            ledger.bind_place(connection, record.ledger_id, at)
            ledger.observe_state(connection, record.ledger_id, InstanceState.NOT_LAUNCHED, place=at)
    if failure.verdict is LaunchVerdict.SAME_ATTEMPT:
        raise CloudError(f"{failure.summary}; trying again with the same token") from cause
    if failure.verdict is LaunchVerdict.STOP:
        raise LaunchRefusedError(failure.reason_code, failure.summary) from cause
    why = f"{failure.summary}; Janitor {failure.verdict.told}"
    return NotYet(until=datetime.now(timezone.utc) + timedelta(milliseconds=1), why=why)
