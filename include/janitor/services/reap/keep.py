"""A debug lease: a person keeps a repository's instance for a while, within the budget and seen by every killer."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from uuid import UUID

from janitor.cloud import commands as ssm
from janitor.cloud.session import CloudAccess
from janitor.domain.deadlines import guest_timer_at
from janitor.domain.errors import CloudError, ConflictError, NotFoundError
from janitor.domain.identity import TAG_KEEP_UNTIL
from janitor.domain.reap.reaping import LONGEST_LEASE
from janitor.domain.states import InstanceState
from janitor.services.ending.external_timer import move_external_timer
from janitor.services.ending.guest_timer import extension_script
from janitor.services.money.budget import reserve_lease
from janitor.services.provider import provider_of
from janitor.services.report.reports import SHORTEST_PREFIX
from janitor.settings import Settings
from janitor.stores import leases as store
from janitor.stores.database import transaction
from janitor.stores.leases import KeptInstance, RepositoryInstance
from janitor.stores.records import InstanceRecord

__all__ = [
    "EndedLease",
    "GuestTimer",
    "KeptInstance",
    "Lease",
    "end_lease",
    "keep",
    "kept_instances",
    "require_keepable",
]

_GUEST_WAIT = timedelta(seconds=30)
_GUEST_POLL = timedelta(milliseconds=500)


class GuestTimer(str, Enum):
    """What became of the timer inside the instance."""

    MOVED = "moved"
    AGENT_OFFLINE = "agent_offline"  # the SSM agent doesn't answer
    NOT_CONFIRMED = "not_confirmed"  # the command failed, or didn't end in time


@dataclass(frozen=True, kw_only=True)
class Lease:
    """A lease that is in force."""

    instance_id: str
    repository: str
    """`organization/name`."""
    run_id: UUID
    region: str
    keep_until: datetime
    is_extension: bool
    """Whether it was kept before."""
    price_usd_hour: Decimal | None
    reserved_usd: Decimal
    """Set aside for all leases of this instance; 0 where no price is known, or where its time was paid for already."""
    guest_timer: GuestTimer
    guest_ends_at: datetime
    """When its own timer ends it where that wasn't moved; earlier than the lease."""
    external_timer_moved: bool
    """False where the environment has none."""


@dataclass(frozen=True, kw_only=True)
class EndedLease:
    """A lease that was ended early."""

    instance_id: str
    repository: str
    run_id: UUID


def keep(
    settings: Settings, repository: str, duration: timedelta, *, requested_by: str, run_id: str | None = None
) -> Lease:
    """Keep the live instance of a repository for `duration` from now; a lease that is longer already stays.

    Args:
        repository: `name` or `organization/name`.
        duration: At most `LONGEST_LEASE`, which is also as far past its expiry as an instance may be kept.
        requested_by: Who wants it.
        run_id: Of which run, where several are alive: the uuid, its beginning, or Airflow's own id.

    Raises:
        NotFoundError: Nothing of the repository is alive.
        ConflictError: It is ending already, several are alive, or it would be kept for too long.
        BudgetRefusedError: The daily budget doesn't allow it.
        CloudError: AWS refused; the message says how far it came, and repeating the command goes on from there.
        DatabaseError: Postgres can't be used.
    """
    found = _find(settings, repository, run_id)
    instance_id = _running(settings, found)
    with transaction(settings.writer_url) as connection:
        # The lock decides between this lease and whoever is about to end the instance.
        record = store.lock_row(connection, found.record.ledger_id)
        _refuse_ending(record, found.repository)
        now = datetime.now(timezone.utc)
        wanted = _bounded(record, now + duration)
        was_kept = record.is_kept(now)
        keep_until = max(wanted, record.keep_until or wanted) if was_kept else wanted
        if keep_until != record.keep_until:
            reservation_id = reserve_lease(connection, record.ledger_id, keep_until)
            store.insert_lease(
                connection,
                record.ledger_id,
                reservation_id=reservation_id,
                requested_by=requested_by,
                keep_until=keep_until,
            )
        reserved = store.reserved_for_leases(connection, record.ledger_id)
    until = max(keep_until, record.expires_at)
    moved = _tell_killers(settings, instance_id, keep_until, until)
    return Lease(
        instance_id=instance_id,
        repository=found.repository,
        run_id=found.run_id,
        region=settings.region,
        keep_until=keep_until,
        is_extension=was_kept,
        price_usd_hour=found.price_usd_hour,
        reserved_usd=reserved,
        guest_timer=_extend_guest(settings, instance_id, guest_timer_at(until, settings.reap_interval)),
        guest_ends_at=guest_timer_at(record.expires_at, settings.reap_interval),
        external_timer_moved=moved,
    )


def require_keepable(settings: Settings, repository: str, *, run_id: str | None = None) -> str:
    """Make sure that there is an instance to keep, before anything is said of keeping it; returns its id.

    Raises:
        NotFoundError: Nothing of the repository is alive.
        ConflictError: It is ending already, or several are alive.
        CloudError: EC2 can't be asked.
        DatabaseError: Postgres can't be used.
    """
    return _running(settings, _find(settings, repository, run_id))


def end_lease(settings: Settings, repository: str, *, run_id: str | None = None) -> EndedLease:
    """End the lease of a repository's instance now. The reaper takes the instance once its validation is over.

    Raises:
        NotFoundError: No lease of the repository is in force.
        ConflictError: Several are.
        CloudError: AWS refused; repeat the command.
        DatabaseError: Postgres can't be used.
    """
    found = _find(settings, repository, run_id, leased_only=True)
    instance_id = found.record.instance_id
    assert instance_id is not None
    with transaction(settings.writer_url) as connection:
        record = store.lock_row(connection, found.record.ledger_id)
        now = datetime.now(timezone.utc)
        if record.is_kept(now):
            store.end_leases(connection, record.ledger_id, now)
    _tell_killers(settings, instance_id, now, max(now, record.expires_at))
    return EndedLease(instance_id=instance_id, repository=found.repository, run_id=found.run_id)


def kept_instances(settings: Settings) -> list[KeptInstance]:
    """Live instances that a lease holds now.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.reader_url) as connection:
        return store.kept_instances(connection, settings.deployment)


def _find(settings: Settings, repository: str, run_id: str | None, *, leased_only: bool = False) -> RepositoryInstance:
    with transaction(settings.writer_url) as connection:
        found = store.live_of_repository(connection, settings.deployment, repository)
    if run_id is not None:
        found = [one for one in found if _is_run(one, run_id)]
    if leased_only:
        found = [one for one in found if one.record.instance_id and one.record.keep_until is not None]
    of_run = f" in run {run_id}" if run_id else ""
    if not found and leased_only:
        raise NotFoundError(f"nothing is kept of {repository}{of_run}; `janitor instances` shows what is alive")
    if not found:
        raise NotFoundError(
            f"no instance of {repository} is alive{of_run}: it lives while its validation runs; that of a sequential"
            " run is shared by all of its repositories and can't be kept. Start one with"
            f" `make validate-all-workers REPO={repository} FOLLOW=0`, and keep it before it ends"
        )
    if len(found) > 1:
        runs = ", ".join(f"{one.run_id} ({one.record.instance_id or 'launching'})" for one in found)
        raise ConflictError(f"several instances of {repository} are alive; choose one with --run-id: {runs}")
    return found[0]


def _is_run(one: RepositoryInstance, wanted: str) -> bool:
    is_prefix = len(wanted) >= SHORTEST_PREFIX and str(one.run_id).startswith(wanted.lower())
    return is_prefix or one.airflow_run_id == wanted


def _running(settings: Settings, found: RepositoryInstance) -> str:
    """The id of an instance that EC2 shows alive, so that no lease is made for one that is gone."""
    instance_id = found.record.instance_id
    if instance_id is None:
        raise ConflictError(f"the instance of {found.repository} is just being launched; try again in a moment")
    seen = provider_of(settings).describe(instance_id)
    if seen is None or seen.state not in (InstanceState.PENDING, InstanceState.RUNNING):
        state = seen.state.value if seen else "unknown to EC2"
        raise ConflictError(f"{instance_id} of {found.repository} can't be kept: it is {state}")
    return instance_id


def _refuse_ending(record: InstanceRecord, repository: str) -> None:
    if record.termination_reason is not None or not record.state.is_live:
        reason = record.termination_reason.value if record.termination_reason else record.state.value
        raise ConflictError(
            f"{record.instance_id} of {repository} can't be kept: it is being ended ({reason.replace('_', ' ')})"
        )


def _bounded(record: InstanceRecord, wanted: datetime) -> datetime:
    latest = record.expires_at + LONGEST_LEASE
    if wanted > latest:
        hours = LONGEST_LEASE.total_seconds() / 3600
        raise ConflictError(
            f"{record.instance_id} may be kept until {latest:%Y-%m-%d %H:%M:%S} UTC at the latest,"
            f" {hours:g} hours after its own time; ask for less"
        )
    return wanted


def _tell_killers(settings: Settings, instance_id: str, keep_until: datetime, until: datetime) -> bool:
    """Make the lease known to the killers that don't read Postgres: the tag, and the timer in AWS."""
    try:
        provider_of(settings).add_tags(instance_id, {TAG_KEEP_UNTIL: keep_until.isoformat(timespec="seconds")})
        return move_external_timer(settings, instance_id, until)
    except CloudError as exc:
        raise CloudError(
            f"the lease of {instance_id} until {keep_until:%Y-%m-%d %H:%M:%S} UTC is recorded, but not everything that"
            f" ends instances could be told: {exc}. Run the same command again"
        ) from exc


def _extend_guest(settings: Settings, instance_id: str, until: datetime) -> GuestTimer:
    access = CloudAccess.of(settings)
    try:
        if not ssm.agent_online(access, instance_id):
            return GuestTimer.AGENT_OFFLINE
        command_id = ssm.send(
            access,
            instance_id=instance_id,
            script=extension_script(until),
            comment=f"janitor keep {instance_id}",
            execution_timeout=_GUEST_WAIT,
            log_group=settings.log_group,
        )
        if command_id is None:
            return GuestTimer.AGENT_OFFLINE
        give_up_at = time.monotonic() + _GUEST_WAIT.total_seconds()
        while time.monotonic() < give_up_at:
            seen = ssm.look(access, instance_id, command_id)
            if seen is not None and seen.status.is_final:
                return GuestTimer.MOVED if seen.exit_code == 0 else GuestTimer.NOT_CONFIRMED
            time.sleep(_GUEST_POLL.total_seconds())
    except CloudError:
        pass
    return GuestTimer.NOT_CONFIRMED
