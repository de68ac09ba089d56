"""Signs of life: whether what was sent to an instance has started there.

The script on the instance puts a small object into storage before it does anything else, beside its report's place. One
listing shows the signs and reports of a whole run, and a sign that was seen is kept in Postgres and never asked for
again. A sign that could not be put is no death: once it is due, the command's log is asked, too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from os.path import commonprefix

from janitor.cloud import logs, storage
from janitor.cloud.commands import log_stream_names
from janitor.cloud.session import CloudAccess
from janitor.domain.errors import CloudError
from janitor.domain.identity import report_key_for, sign_key_for
from janitor.domain.log_lines import LineLogger
from janitor.domain.watch.watching import AwaitedSign
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores.database import transaction
from janitor.stores.records import InstanceRecord, ValidationRecord

log = LineLogger(__name__)


def awaited_sign(
    settings: Settings, validation: ValidationRecord, instance: InstanceRecord, command_id: str | None
) -> AwaitedSign | None:
    """The sign that is awaited of an instance; None before its command, and after a sign was seen."""
    if command_id is None or instance.instance_id is None or instance.first_sign_at is not None:
        return None
    sent_at = instance.command_started_at or instance.launched_at or instance.intent_at
    generation = (validation.run_id, validation.validation_id, instance.generation)
    return AwaitedSign(
        key=sign_key_for(*generation),
        report_key=report_key_for(*generation),
        log_streams=log_stream_names(command_id, instance.instance_id),
        due_at=sent_at + settings.sign_timeout,
    )


def look_for_life(settings: Settings, awaited: Mapping[str, AwaitedSign], at: datetime) -> dict[str, bool]:
    """Whether each awaited sign is there now, by instance.

    An instance is left out where not everything could be asked: what can't be seen is not absent. Storage and logs that
    fail are no reason to see nothing else of the fleet, so nothing is raised.
    """
    access = CloudAccess.of(settings)
    life: dict[str, bool] = {}
    for prefix, instance_ids in _listings(awaited).items():
        try:
            keys = storage.list_keys(access, settings.bucket, prefix)
        except CloudError as exc:
            log.warning("signs of life can't be looked for now: %s", exc)
            continue
        for instance_id in instance_ids:
            sign = awaited[instance_id]
            life[instance_id] = not keys.isdisjoint((sign.key, sign.report_key))
    for instance_id in [one for one, shown in life.items() if not shown and at >= awaited[one].due_at]:
        try:
            life[instance_id] = _has_logged(access, settings.log_group, awaited[instance_id])
        except CloudError as exc:
            log.warning("%s gave no sign of life in storage, and its log can't be read: %s", instance_id, exc)
            del life[instance_id]
    return life


def keep_signs(settings: Settings, instance_ids: Sequence[str]) -> None:
    """Keep that these instances have shown life.

    Raises:
        DatabaseError: Postgres can't be used.
    """
    with transaction(settings.writer_url) as connection:
        ledger.keep_first_sign(connection, instance_ids)


def _listings(awaited: Mapping[str, AwaitedSign]) -> dict[str, list[str]]:
    """One prefix for each run, as narrow as what is awaited of it allows, with the instances that it shows.

    Prefixes are of characters: S3 has no folders.
    """
    runs: defaultdict[str, list[str]] = defaultdict(list)
    for instance_id, sign in awaited.items():
        runs[sign.key.rsplit("/", 2)[0]].append(instance_id)
    return {
        commonprefix([key for one in ids for key in (awaited[one].key, awaited[one].report_key)]): ids  # noqa: RUF071  # keys, no paths
        for ids in runs.values()
    }


def _has_logged(access: CloudAccess, log_group: str, sign: AwaitedSign) -> bool:
    return any(page.lines for stream in sign.log_streams for page in logs.read_pages(access, log_group, stream))
