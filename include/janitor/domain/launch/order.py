"""What is to be launched, for whom and for how long; and by what one attempt is known again in the cloud."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from janitor.domain.config.fields import Market
from janitor.domain.deadlines import deadline_for
from janitor.domain.identity import (
    TAG_DEADLINE,
    TAG_DEPLOYMENT,
    TAG_EXPIRES,
    TAG_REPOSITORY,
    TAG_RUN,
    client_token_for,
    instance_name_for,
)
from janitor.domain.launch.breaker import pool_scope
from janitor.domain.launch.owner import Owner

_TAG_VALUE_LENGTH = 256
"""Longest tag value. Source: EC2 API, "Tag restrictions"."""


@dataclass(frozen=True, kw_only=True)
class LaunchOrder:
    """An owner's word on the one instance that it wants."""

    owner: Owner
    run_id: UUID | None
    """The run that it counts for; None: it serves no run alone."""
    name: str
    """What it is called, in EC2 and in messages."""
    repository: str | None
    """`organization/name` that it is for: it carries its tag, and its failures pause that repository's launches."""
    pool: str | None = None
    """The pool that it is for: its failures pause that pool's launches. None: it is for none."""
    instance_types: tuple[str, ...]
    """In the order in which they are tried; at least one."""
    market: Market
    spread: int = 0
    """Number by which neighbours begin in different zones."""
    first_subnets: tuple[str, ...] = ()
    """Those that are tried with every type before any other: where something lies that the instance would like."""
    idle_limit: timedelta | None = None
    """After how long without a command the instance powers itself off; None: only at its expiry."""
    timeout: timedelta
    """Hard limit, counted from the first attempt that launches."""
    grace: timedelta
    deadline_at: datetime | None = None
    """The hard limit in force, where something was launched before: it holds over another launch. None: none yet."""
    max_concurrent_instances: int
    """How many instances of the deployment may live while this one is launched."""

    @property
    def repository_name(self) -> str | None:
        """The repository without its organization."""
        return self.repository.partition("/")[2] if self.repository else None

    @property
    def breaker_scope(self) -> str | None:
        """Whose launches its failures pause, beside the deployment's; None: nobody's."""
        return self.repository or (pool_scope(self.pool) if self.pool else None)

    def deadline(self, now: datetime) -> datetime:
        """The hard limit of what is launched now."""
        return self.deadline_at or deadline_for(now, self.timeout)


@dataclass(frozen=True, kw_only=True)
class LaunchIdentity:
    """Everything by which one launch attempt can be recognised in the cloud."""

    deployment: str
    owner: Owner
    run_id: UUID | None
    generation: int
    name: str
    repository_name: str | None
    deadline_at: datetime
    expires_at: datetime
    intent_at: datetime

    @property
    def client_token(self) -> str:
        """The idempotency token of this attempt."""
        return client_token_for(self.owner.id, self.generation)

    @property
    def tags(self) -> dict[str, str]:
        """The tags that the instance carries from its first moment.

        Everything here is fixed by the intent row: the same token with other parameters is an EC2 error.
        """
        tags = {
            "Name": instance_name_for(self.name, self.intent_at),
            TAG_DEPLOYMENT: self.deployment,
            TAG_RUN: str(self.run_id) if self.run_id else None,
            self.owner.tag: str(self.owner.id),
            TAG_REPOSITORY: self.repository_name,
            TAG_DEADLINE: self.deadline_at.isoformat(),
            TAG_EXPIRES: self.expires_at.isoformat(),
        }
        return {
            key: re.sub(r"[^\w .:/=+\-@]", "_", value)[:_TAG_VALUE_LENGTH]
            for key, value in tags.items()
            if value is not None
        }
