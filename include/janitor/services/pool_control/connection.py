"""What a pool needs, asked part by part, so that what fails has a name: database, provider, channel, storage."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from uuid import uuid4

import httpx

from janitor.cloud import commands as ssm
from janitor.cloud import storage
from janitor.cloud.session import CloudAccess
from janitor.domain.errors import CloudError, DatabaseError, JanitorError
from janitor.domain.identity import TAG_DEPLOYMENT
from janitor.domain.pool.pool import Provider
from janitor.domain.watch.waits import waiting
from janitor.services.pool_control.looking import configured_pools
from janitor.services.provider import provider_named
from janitor.services.side_by_side import answers_of
from janitor.settings import Settings
from janitor.stores.database import transaction
from janitor.stores.migrate import missing_migrations
from janitor.stores.pool import hosts, stops

_PREFIX = "janitor-pool/test-connection"
_VALID_FOR = timedelta(minutes=5)
_ANSWERS_WITHIN = timedelta(seconds=20)


@dataclass(frozen=True, kw_only=True)
class Tried:
    """One part."""

    part: str
    """`database`, `provider ec2`, `channel ec2`, `storage`."""
    is_well: bool
    said: str
    took: timedelta


def try_connection(settings: Settings, provider: Provider | None = None) -> Iterator[Tried]:
    """Try every part that the pools of the configuration need, or those of one provider, all at the same time.

    Args:
        settings: Of the environment.
        provider: Only what machines of this one need. Default: of every provider that a pool has, else EC2.
    """
    attempts: list[tuple[str, Callable[[], str]]] = [("database", partial(_database, settings))]
    for each in _providers(settings, provider):
        if each is not Provider.LOCAL:
            attempts.append((f"provider {each.value}", partial(_provider, settings, each)))
        attempts.append((f"channel {each.value}", partial(_CHANNELS[each], settings)))
    attempts.append(("storage", partial(_storage, settings)))
    yield from answers_of([partial(tried, part, attempt) for part, attempt in attempts], "try")


def _providers(settings: Settings, provider: Provider | None) -> Sequence[Provider]:
    if provider is not None:
        return (provider,)
    found = {pool.provider for pool in configured_pools(settings).pools.values()}
    return [each for each in Provider if each in found] or (Provider.EC2,)


def tried(part: str, attempt: Callable[[], str]) -> Tried:
    """Try one part: `attempt` says how it is, or raises why it isn't well."""
    began = time.monotonic()
    try:
        with waiting(f"waiting for {part}"):
            said, is_well = attempt(), True
    except JanitorError as exc:
        said, is_well = str(exc), False
    return Tried(part=part, is_well=is_well, said=said, took=timedelta(seconds=time.monotonic() - began))


def _database(settings: Settings) -> str:
    """Both roles, and whether the schema has the pool's tables as this version knows them."""
    for name, url in (("the role that reads", settings.reader_url), ("the role that writes", settings.writer_url)):
        try:
            with transaction(url) as connection:
                stops.stopped(connection, settings.deployment)
        except DatabaseError as exc:
            raise DatabaseError(f"{name}: {exc}") from exc
    if missing := missing_migrations(settings.reader_url):
        raise DatabaseError(f"the schema lacks {', '.join(missing)}: `make db-migrate`")
    return "both roles answer, and the schema is up to date"


def _provider(settings: Settings, provider: Provider) -> str:
    seen = provider_named(settings, provider).find(TAG_DEPLOYMENT, settings.deployment)
    counted = f"{len(seen)} {'machine' if len(seen) == 1 else 'machines'}"
    return f"it answers, and shows {counted} of {settings.deployment} alive"


def _agents(settings: Settings) -> str:
    online = ssm.online_agents(CloudAccess.of(settings), TAG_DEPLOYMENT, settings.deployment)
    return f"SSM answers, and {len(online)} of its agents are online"


def _mailbox(settings: Settings) -> str:
    """What a machine without a role of ours has: an address to write to and one to read from, over the network."""
    access, key, body = CloudAccess.of(settings), f"{_PREFIX}/{uuid4().hex}", uuid4().hex
    put = storage.presigned_put(access, settings.bucket, key, valid_for=_VALID_FOR)
    get = storage.presigned_get(access, settings.bucket, key, valid_for=_VALID_FOR)
    try:
        with httpx.Client(timeout=_ANSWERS_WITHIN.total_seconds(), trust_env=False) as client:
            client.put(put, content=body).raise_for_status()
            answer = client.get(get).raise_for_status().text
    except httpx.HTTPError as exc:
        # Its own words hold the address, which is a secret as long as it is valid.
        raise CloudError(f"a signed address of s3://{settings.bucket} isn't taken: {type(exc).__name__}") from exc
    finally:
        storage.delete(access, settings.bucket, key)
    if answer != body:
        raise CloudError(f"a signed address of s3://{settings.bucket} answers with something else than was written")
    return "a mailbox takes and gives back what is put into it"


def _hosts(settings: Settings) -> str:
    """A worker on a host of our own claims over the database, with a role of its own."""
    with transaction(settings.worker_url) as connection:
        hosts.beat(connection, uuid4(), settings.deployment, _PREFIX)  # of nobody: it changes nothing
    return "the role of workers that claim for themselves answers"


_CHANNELS: dict[Provider, Callable[[Settings], str]] = {
    Provider.EC2: _agents,
    Provider.RUNPOD: _mailbox,
    Provider.LOCAL: _hosts,
}


def _storage(settings: Settings) -> str:
    access, key, body = CloudAccess.of(settings), f"{_PREFIX}/{uuid4().hex}", uuid4().hex.encode()
    storage.put(access, settings.bucket, key, body)
    try:
        read = storage.get(access, settings.bucket, key, at_most_bytes=len(body))
    finally:
        storage.delete(access, settings.bucket, key)
    if read != body:
        raise CloudError(f"s3://{settings.bucket}/{key} isn't what was written there")
    return f"s3://{settings.bucket} takes, gives back and removes an object"
