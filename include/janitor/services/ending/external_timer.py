"""The external timer: one schedule in AWS for each instance, which ends it though nothing of ours is left.

An environment that names no schedule group has none; nothing is called there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from janitor.cloud import schedules
from janitor.cloud.session import CloudAccess
from janitor.domain.deadlines import external_timer_at
from janitor.domain.identity import external_timer_name_for
from janitor.settings import Settings
from janitor.stores.records import InstanceRecord

_TOLERANCE = timedelta(seconds=10)
"""By how much an armed instant may differ from the wanted one: it is rounded, and never set into the past."""


def arm_external_timer(settings: Settings, instance_id: str, expires: datetime) -> bool:
    """Set the timer of an instance, a little after `expires`; an existing one is moved there.

    Args:
        expires: Until when the instance may live: its expiry, or the end of its debug lease where that is later.

    Returns:
        False where the environment has no external timers.

    Raises:
        CloudError: EventBridge Scheduler refused or can't be asked.
    """
    if settings.schedule_group is None or settings.scheduler_role_arn is None:
        return False
    schedules.arm(
        CloudAccess.of(settings),
        group=settings.schedule_group,
        role_arn=settings.scheduler_role_arn,
        name=external_timer_name_for(settings.deployment, instance_id),
        instance_id=instance_id,
        at=external_timer_at(expires, settings.reap_interval),
    )
    return True


def move_external_timer(settings: Settings, instance_id: str, until: datetime) -> bool:
    """Put an instance's timer off to a little after `until`, the end of a debug lease.

    The same as `arm_external_timer`: a timer that is missing is set.
    """
    return arm_external_timer(settings, instance_id, until)


def disarm_external_timer(settings: Settings, instance_id: str) -> bool:
    """Delete the timer of an instance that is gone; one that is missing is fine.

    Returns:
        False where the environment has no external timers.

    Raises:
        CloudError: EventBridge Scheduler refused or can't be asked.
    """
    if settings.schedule_group is None:
        return False
    schedules.disarm(
        CloudAccess.of(settings),
        group=settings.schedule_group,
        name=external_timer_name_for(settings.deployment, instance_id),
    )
    return True


def left_behind(settings: Settings, live: Callable[[], Sequence[InstanceRecord]], alive: Collection[str]) -> list[str]:
    """Ids of the instances whose timer is still set though they are gone by the ledger and by EC2.

    Such a timer would fire at nothing, and go on trying for a day.

    Args:
        settings: Of the environment.
        live: Reads the ledger's live rows. It is called after the timers are listed: an instance is in the ledger
            before its timer is set.
        alive: Ids that EC2 shows alive.

    Raises:
        CloudError: EventBridge Scheduler can't be asked.
        DatabaseError: Postgres can't be used.
    """
    if settings.schedule_group is None:
        return []
    prefix = external_timer_name_for(settings.deployment, "")
    armed = schedules.armed_names(CloudAccess.of(settings), group=settings.schedule_group, prefix=prefix)
    if not armed:
        return []
    there = {*alive, *(record.instance_id for record in live())}
    return sorted({name.removeprefix(prefix) for name in armed} - there)


def unarmed(settings: Settings, records: Sequence[InstanceRecord]) -> list[InstanceRecord]:
    """The live ones among `records` whose external timer is missing or, where a lease moved it, set wrongly.

    Asks once for all; and once more for each instance with a lease, because only such a timer ever moves.

    Raises:
        CloudError: EventBridge Scheduler can't be asked.
    """
    live = [(record, record.instance_id) for record in records if record.state.is_live and record.instance_id]
    if settings.schedule_group is None or settings.scheduler_role_arn is None or not live:
        return []
    access, group = CloudAccess.of(settings), settings.schedule_group
    armed = schedules.armed_names(access, group=group, prefix=external_timer_name_for(settings.deployment, ""))
    found: list[InstanceRecord] = []
    for record, instance_id in live:
        name = external_timer_name_for(settings.deployment, instance_id)
        if name not in armed:
            found.append(record)
        elif record.keep_until is not None:
            wanted = external_timer_at(record.may_live_until, settings.reap_interval)
            at = schedules.armed_at(access, group=group, name=name)
            if at is None or abs(at - wanted) > _TOLERANCE:
                found.append(record)
    return found
