"""Ending one instance on a person's word."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from janitor.domain.errors import ConflictError, NotFoundError
from janitor.domain.identity import TAG_DEPLOYMENT
from janitor.domain.launch.provider import InstanceSeen
from janitor.services.ending import terminate as terminating
from janitor.services.provider import at_provider_of, provider_of
from janitor.services.reap import by_hand
from janitor.services.reap.by_hand import VERIFY_FOR, KillReport, Progress
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores.database import transaction
from janitor.stores.records import InstanceRecord

_NAMED = 5


@dataclass(frozen=True, kw_only=True)
class Terminable:
    """A live instance of the deployment."""

    instance_id: str
    words: str
    """What it is: its repository, and whether it is kept, adopted or unknown."""
    works_for_open_validation: bool
    """Whether its validation has no end yet: it gets one by this, unless it is still being launched."""


def terminable(settings: Settings, instance_id: str) -> Terminable:
    """Look at what is to be ended, by EC2's word and the ledger's.

    Raises:
        NotFoundError: It is no instance of this deployment; live ones are named.
        ConflictError: It is gone already.
        CloudError: EC2 can't be asked.
    """
    settings = at_provider_of(settings, instance_id)
    seen = provider_of(settings).describe(instance_id)
    row = _row(settings, instance_id)
    ours = seen.tags.get(TAG_DEPLOYMENT) == settings.deployment if seen is not None else row is not None
    if not ours:
        raise NotFoundError(
            f"{instance_id} is no instance of this deployment ({settings.deployment}); {_alive(settings)}"
        )
    if seen is None or not seen.state.is_live:
        if row is None or not row.state.is_live:
            raise ConflictError(f"{instance_id} is terminated already{_how(row)}: there is nothing to end")
        # Only the ledger still holds it: ending it brings the two together.
        return Terminable(instance_id=instance_id, words="gone by EC2's word", works_for_open_validation=False)
    return Terminable(
        instance_id=instance_id,
        words=by_hand.describe(settings, [seen])[instance_id],
        works_for_open_validation=row is not None and _is_open(settings, row),
    )


def terminate_instance(
    settings: Settings,
    instance: Terminable,
    *,
    requested_by: str,
    progress: Progress,
    verify_for: timedelta = VERIFY_FOR,
) -> KillReport:
    """End an instance, one that a debug lease keeps too, and have EC2 confirm it.

    Args:
        settings: Of the environment.
        instance: Which.
        requested_by: Who wants it, for the record.
        progress: Takes a line for people at each step.
        verify_for: How long EC2 is asked whether it is gone.

    Raises:
        WrongPlaceError: Its row is in another place; nothing was changed.
        CloudError: EC2 can't be asked.
    """
    settings = at_provider_of(settings, instance.instance_id)
    by_tag_alone = not by_hand.is_place_known(settings, progress)
    ending = by_hand.end_by_hand(
        settings,
        _scope_of_instance(instance.instance_id),
        progress=progress,
        verify_for=verify_for,
        by_tag_alone=by_tag_alone,
        spare_kept=False,
        detail=f"terminate, by {requested_by}",
    )
    by_hand.settle(settings, [], progress)
    return KillReport(terminated=ending.terminated, remaining=ending.left, was={instance.instance_id: instance.words})


def _scope_of_instance(instance_id: str) -> terminating.Scope:
    def in_cloud(settings: Settings) -> list[InstanceSeen]:
        seen = provider_of(settings).describe(instance_id)
        ours = seen is not None and seen.state.is_live and seen.tags.get(TAG_DEPLOYMENT) == settings.deployment
        return [seen] if seen is not None and ours else []

    return terminating.Scope(
        name=f"instance {instance_id}",
        in_cloud=in_cloud,
        in_ledger=lambda connection: ledger.live_of_instances(connection, [instance_id]),
    )


def _row(settings: Settings, instance_id: str) -> InstanceRecord | None:
    """The deployment's row of it, live or not; None where there is none, or the ledger can't be asked."""
    try:
        with transaction(settings.writer_url) as connection:
            return ledger.of_instance(connection, settings.deployment, instance_id)
    except by_hand.NO_LEDGER:
        return None


def _is_open(settings: Settings, row: InstanceRecord) -> bool:
    with transaction(settings.writer_url) as connection:
        return ledger.works_for_open_validation(connection, row.ledger_id)


def _how(row: InstanceRecord | None) -> str:
    if row is None or row.ended_at is None:
        return ""
    reason = f", {row.termination_reason.value.replace('_', ' ')}" if row.termination_reason else ""
    return f" ({row.ended_at:%Y-%m-%d %H:%M:%S} UTC{reason})"


def _alive(settings: Settings) -> str:
    found = [one.instance_id for one in provider_of(settings).find(TAG_DEPLOYMENT, settings.deployment)]
    if not found:
        return "none is alive"
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return f"alive are {', '.join(found[:_NAMED])}{more}"
