"""Watches EC2 all the time, apart from the product, and keeps what it has seen of every instance."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from types import TracebackType
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from janitor.settings import Settings
from tests.support.localcloud_server import shared_session

_EVERY = timedelta(seconds=0.5)
_ALIVE = frozenset({"pending", "running", "stopping", "stopped"})
"""States that EC2 charges for, or may come back from."""
GONE = "terminated"


@dataclass
class Sighting:
    """One instance, as EC2 has shown it over time."""

    instance_id: str
    client_token: str
    tags: dict[str, str]
    state: str
    state_reason: str
    first_seen_at: datetime
    last_alive_at: datetime | None = None
    ended_at: datetime | None = None
    """When it was first seen neither alive nor shutting down."""

    @property
    def is_alive(self) -> bool:
        """Whether it was alive at the last look."""
        return self.state in _ALIVE

    @property
    def is_gone(self) -> bool:
        """Whether EC2 has said terminated."""
        return self.state == GONE


@dataclass(frozen=True)
class Overlap:
    """Several instances of one validation alive in one answer of EC2."""

    validation_id: str
    instance_ids: tuple[str, ...]
    at: datetime


@dataclass
class _Memory:
    sightings: dict[str, Sighting] = field(default_factory=dict)
    overlaps: list[Overlap] = field(default_factory=list)


class Observer:
    """A thread that asks DescribeInstances twice a second; what it has seen outlives a new local cloud."""

    def __init__(self, settings: Settings) -> None:
        self._client = aws_client(settings, "ec2")
        self._deployment = settings.deployment
        self._memory = _Memory()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="observer", daemon=True)
        self._last_look: datetime | None = None

    def __enter__(self) -> Observer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=60)

    def instances_of(self, run_ids: set[str]) -> list[Sighting]:
        """Every instance of these runs that was ever seen, by their order."""
        with self._lock:
            found = [one for one in self._memory.sightings.values() if one.tags.get("janitor:run") in run_ids]
        return sorted(found, key=lambda one: one.first_seen_at)

    def machines_of_workers(self) -> list[Sighting]:
        """Every machine of a pool's worker that was seen alive, by their order."""
        with self._lock:
            found = [one for one in self._memory.sightings.values() if "janitor:worker" in one.tags]
        return sorted((one for one in found if one.last_alive_at), key=lambda one: one.first_seen_at)

    def overlaps_of(self, validation_ids: set[str]) -> list[Overlap]:
        """The moments at which one of these validations had several instances."""
        with self._lock:
            return [one for one in self._memory.overlaps if one.validation_id in validation_ids]

    def look(self) -> None:
        """Look now. Raises what botocore raises."""
        pages = self._client.get_paginator("describe_instances").paginate(
            Filters=[{"Name": "tag:janitor:deployment", "Values": [self._deployment]}],
            PaginationConfig={"PageSize": 1000},
        )
        shown = [one for page in pages for group in page["Reservations"] for one in group["Instances"]]
        self._keep(shown, datetime.now(timezone.utc))

    def seen_since(self, moment: datetime) -> bool:
        """Whether EC2 was seen after a moment: an outage hides it."""
        return self._last_look is not None and self._last_look > moment

    def _watch(self) -> None:
        while not self._stop.wait(_EVERY.total_seconds()):
            try:
                self.look()
            except (BotoCoreError, ClientError):
                continue  # an outage on purpose, or a local cloud that is being started

    def _keep(self, shown: list[dict[str, Any]], now: datetime) -> None:
        alive: dict[str, list[str]] = {}
        with self._lock:
            self._last_look = now
            for one in shown:
                sighting = self._sighting(one, now)
                sighting.state = one["State"]["Name"]
                reason = (one.get("StateReason") or {}).get("Code") or ""
                sighting.state_reason = reason or sighting.state_reason
                if sighting.is_alive:
                    sighting.last_alive_at = now
                    alive.setdefault(sighting.tags.get("janitor:validation", ""), []).append(sighting.instance_id)
                elif sighting.is_gone and sighting.ended_at is None:
                    sighting.ended_at = now
            self._memory.overlaps += [
                Overlap(validation_id, tuple(ids), now) for validation_id, ids in alive.items() if len(ids) > 1
            ]

    def _sighting(self, one: dict[str, Any], now: datetime) -> Sighting:
        instance_id = one["InstanceId"]
        if instance_id not in self._memory.sightings:
            self._memory.sightings[instance_id] = Sighting(
                instance_id=instance_id,
                client_token=one.get("ClientToken", ""),
                tags={tag["Key"]: tag["Value"] for tag in one.get("Tags", [])},
                state=one["State"]["Name"],
                state_reason="",
                first_seen_at=now,
            )
        return self._memory.sightings[instance_id]


def aws_client(settings: Settings, service: str) -> Any:
    """A client of the local cloud that isn't the product's, and that sits out throttling."""
    secret = settings.aws_secret_access_key
    assert secret is not None
    return shared_session().client(
        service,
        region_name=settings.region,
        endpoint_url=settings.aws_endpoint_url,
        aws_access_key_id=settings.aws_access_key_id,
        aws_secret_access_key=secret.get_secret_value(),
        config=Config(
            retries={"total_max_attempts": 4, "mode": "standard"},
            connect_timeout=5,
            read_timeout=20,
            s3={"addressing_style": "path"},
            proxies={},
        ),
    )
