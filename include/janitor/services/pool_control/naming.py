"""Whom a person means: a pool by its name, a worker or a task by the beginning of its id.

What could be several is refused with all that it could be; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from uuid import UUID

from janitor.domain.config_problems import nearest
from janitor.domain.errors import ConflictError, NotFoundError
from janitor.services.pool_control.looking import configured_pools
from janitor.settings import Settings
from janitor.stores.database import Connection, transaction
from janitor.stores.pool import glance, tasks, workers
from janitor.stores.pool.records import TaskRecord, WorkerRecord

FEWEST = 4
"""Characters of an id by which something may be named."""


def pool_named(settings: Settings, name: str | None) -> str:
    """The pool of this name, or the only one where none is given.

    Raises:
        NotFoundError: There is none of this name: it says which there are.
        ConflictError: None was given, and there are several.
        DatabaseError: Postgres can't be used.
    """
    configured = configured_pools(settings)
    with transaction(settings.reader_url) as connection:
        seen = glance.pool_glances(connection, settings.deployment, datetime.now(timezone.utc))
    known = sorted(configured.pools.keys() | {each.name for each in seen})
    if name in known:
        return name
    if not known:
        said = configured.problem or f"`pools:` of {settings.default_config} makes one"
        raise NotFoundError(f"there is no pool: {said}")
    if name is None:
        if len(known) == 1:
            return known[0]
        raise ConflictError(f"there are several pools, and this is about one: name {_one_of(known)}")
    with transaction(settings.reader_url) as connection:
        named = glance.workers_named(connection, settings.deployment, name) if len(name) >= FEWEST else []
    if named:
        raise NotFoundError(
            f"{name} names a worker ({_listed(named)}), and this is about a whole pool; one worker is ended by"
            " `janitor pool drain` or `janitor pool terminate`"
        )
    near = nearest(name, known)
    raise NotFoundError(
        f"there is no pool {name[:80]!r}; " + (f"did you mean {near}?" if near else f"there is {_one_of(known)}")
    )


def worker_named(settings: Settings, connection: Connection, beginning: str) -> WorkerRecord:
    """The live worker that is meant, by the beginning of its own id or of its machine's.

    Raises:
        NotFoundError: None begins so, or only ones that have ended.
        ConflictError: Several do: it says which.
    """
    found = glance.workers_named(connection, settings.deployment, _checked(beginning, "janitor pool list"))
    records = [(workers.get(connection, worker_id), words) for worker_id, words in found]
    live = [(each, words) for each, words in records if each is not None and each.ended_at is None]
    if len(live) == 1 and live[0][0] is not None:
        return live[0][0]
    if live:
        listed = _listed([(each.worker_id, words) for each, words in live if each is not None])
        raise ConflictError(f"{beginning} could be several workers, give more of the id: {listed}")
    if found:
        raise NotFoundError(f"no live worker begins with {beginning}; {_listed(found)}")
    if beginning in configured_pools(settings).pools:
        raise NotFoundError(
            f"{beginning} is a pool, and this is about one worker: `janitor pool drain --all --pool {beginning}` drains"
            f" those that it has, `janitor pool stop {beginning}` also keeps it from having others"
        )
    raise NotFoundError(f"no worker of {settings.deployment} begins with {beginning}; see `janitor pool list`")


def task_named(settings: Settings, connection: Connection, beginning: str) -> TaskRecord:
    """The task that is meant; one without an end comes before those that have one.

    Raises:
        NotFoundError: None begins so.
        ConflictError: Several do: it says which.
    """
    found = glance.tasks_named(connection, settings.deployment, _checked(beginning, "janitor pool queue"))
    records = [each for each in (tasks.get(connection, task_id) for task_id, _ in found) if each is not None]
    for matching in ([each for each in records if not each.state.is_final], records):
        if len(matching) == 1:
            return matching[0]
        if matching:
            raise ConflictError(f"{beginning} could be several tasks, give more of the id: {_listed(found)}")
    raise NotFoundError(f"no task of {settings.deployment} begins with {beginning}; see `janitor pool queue`")


def _checked(beginning: str, where: str) -> str:
    text = beginning.strip().lower()
    if len(text) < FEWEST:
        raise ConflictError(f"{text!r} is too short to name one: give {FEWEST} characters or more, see `{where}`")
    return text


def _one_of(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _listed(found: Sequence[tuple[UUID, str]]) -> str:
    return "; ".join(f"{identity} ({words})" for identity, words in found)
