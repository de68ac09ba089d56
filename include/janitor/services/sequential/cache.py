"""The deployment's cache volume: where it lies, and attaching it to a sequential run's instance.

Invariant: it never costs a run. Where it can't be had, the run goes on cold and says why; one volume on one machine at
a time is EC2's own rule, and keeps two runs from sharing it.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from uuid import UUID

from janitor.cloud.ec2 import volumes
from janitor.cloud.session import CloudAccess
from janitor.domain.errors import CloudError
from janitor.domain.log_lines import LineLogger
from janitor.domain.states import InstanceState
from janitor.protocol.report import Report
from janitor.protocol.terms.statuses import CacheState
from janitor.services.launch.advance import NotYet
from janitor.services.ledger.seen import keep_seen
from janitor.services.provider import provider_of
from janitor.settings import Settings
from janitor.stores import sequential as store
from janitor.stores.database import transaction
from janitor.stores.records import InstanceRecord
from janitor.stores.sequential import CacheUse

_PATIENCE = timedelta(minutes=3)
"""From the launch: how long it is waited for that the instance runs and the volume is free."""

log = LineLogger(__name__)


def cache_subnets(settings: Settings) -> tuple[str, ...]:
    """The deployment's subnets in the zone of its cache volume; empty where there is none, or it can't be told."""
    if not settings.subnet_ids:
        return ()
    access = CloudAccess.of(settings)
    try:
        volume = volumes.find_cache(access, settings.deployment)
        return volumes.subnets_in(access, settings.subnet_ids, volume.zone) if volume is not None else ()
    except CloudError as exc:
        log.warning("the zone of the cache volume isn't tried first: %s", exc)
        return ()


def attach_cache(settings: Settings, run_id: UUID, host: InstanceRecord) -> NotYet | None:
    """Attach the volume to the run's instance, once for each instance; or keep why it runs without.

    Returns:
        When to ask again; None: it is settled.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    assert host.instance_id is not None
    with transaction(settings.writer_url) as connection:
        if store.is_cache_settled(connection, run_id, host.ledger_id):
            return None
    now = datetime.now(timezone.utc)
    is_late = now >= (host.launched_at or host.intent_at) + _PATIENCE
    found = _attach(settings, host, host.instance_id)
    if isinstance(found, str):
        if not is_late:
            return NotYet(until=now + settings.poll_interval, why=found)
        found = _cold(found)
    with transaction(settings.writer_url) as connection:
        store.keep_cache(connection, run_id, host.ledger_id, found)
    log.info("cache: %s: %s", found.state.value, found.detail)
    return None


def keep_what_was_used(settings: Settings, run_id: UUID, ledger_id: int, report: Report | None) -> None:
    """Keep that the run's instance has the volume and could not use it, where a report says so.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    machine = report.provenance.machine if report is not None and report.provenance is not None else None
    if machine is None or machine.cache is not CacheState.COLD:
        return
    with transaction(settings.writer_url) as connection:
        volume_id = store.sequential_run(connection, run_id).cache_volume
        if volume_id is not None:
            why = f"{volume_id} is attached, but the instance could not use it; its log says why"
            store.keep_cache(connection, run_id, ledger_id, _cold(why, volume_id))


def _cold(why: str, volume_id: str | None = None) -> CacheUse:
    return CacheUse(state=CacheState.COLD, detail=why, volume_id=volume_id)


def _attached(volume: volumes.CacheVolume) -> CacheUse:
    detail = f"{volume.volume_id} in {volume.zone}"
    return CacheUse(state=CacheState.ATTACHED, detail=detail, volume_id=volume.volume_id)


def _attach(settings: Settings, host: InstanceRecord, instance_id: str) -> CacheUse | str:
    """What became of it; a text: why it isn't settled yet, or can't be told now."""
    access = CloudAccess.of(settings)
    try:
        volume = volumes.find_cache(access, settings.deployment)
        if volume is None:
            return _cold("the deployment has no cache volume")
        instance = provider_of(settings).describe(instance_id)
        if instance is None or instance.state is InstanceState.PENDING:
            return f"{instance_id} doesn't run yet"
        keep_seen(settings, host, instance)
        if instance.state is not InstanceState.RUNNING:
            return _cold(f"{instance_id} is {instance.state.value}")
        if instance.availability_zone != volume.zone:
            return _cold(f"{instance_id} is in {instance.availability_zone}, the cache in {volume.zone}")
        if instance_id in volume.attached_to:
            return _attached(volume)
        if volume.attached_to:
            return _of_another(settings, volume)
    except CloudError as exc:
        return f"the cache volume can't be looked at: {exc}"
    try:
        volumes.attach(access, volume.volume_id, instance_id)
    except volumes.VolumeInUseError as exc:
        return str(exc)  # whose it is, the next look says
    except CloudError as exc:
        return _cold(str(exc))
    return _attached(volume)


def _of_another(settings: Settings, volume: volumes.CacheVolume) -> CacheUse | str:
    """Whose it is: an instance that ends gives it back by itself, any other is another run's."""
    holder = volume.attached_to[0]
    seen = provider_of(settings).describe(holder)
    if seen is None or seen.state in (InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED):
        return f"the cache volume comes free: {holder} ends"
    return _cold(f"another sequential run is under way: {holder} has the cache volume")
