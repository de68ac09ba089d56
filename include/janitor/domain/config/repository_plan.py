"""What a run does with one repository: its part of the configuration with every default resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Annotated, Any

from janitor.domain.config.fields import MAX_POOL_NAME_CHARACTERS, Market, RepairWay
from janitor.domain.config.limits import MAX_TIMEOUT_MINUTES
from janitor.protocol.codec import Later
from janitor.protocol.order.patch import Patch
from janitor.protocol.order.repository import RepositorySpec
from janitor.protocol.terms.proven import ProofLevel
from janitor.protocol.values import Most, Place, Range, Text


@dataclass(frozen=True, kw_only=True)
class RepositoryPlan(RepositorySpec):
    """One repository of a run, with every default resolved: its parameters, and what the control plane needs."""

    prompt: Annotated[str, Text(20_000)]
    gpu_required: bool
    timeout: Annotated[timedelta, Range(0, MAX_TIMEOUT_MINUTES * 60, above=True)]
    """Hard limit, counted from launch."""
    instance_types: Annotated[tuple[Annotated[str, Text(62)], ...], Most(21)]
    """In the order in which they are tried; at least one."""
    market: Market
    required_proof: Later[ProofLevel | None] = None
    """How far a success must be proved; None: nothing is required, as before it could be."""
    patch: Later[Patch | None] = None
    """Of an experiment: what is changed in the commit before anything of it is read."""
    repair: Later[RepairWay] = RepairWay.PATCH
    """How a proved repair is given to people."""
    pool: Later[Annotated[str, Text(MAX_POOL_NAME_CHARACTERS)] | None] = None
    """Whose workers validate it; None: an instance of its own does."""

    @property
    def repository(self) -> RepositorySpec:
        """The part of it that an instance is told."""
        return RepositorySpec(**{each.name: getattr(self, each.name) for each in fields(RepositorySpec)})

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> RepositoryPlan:
        """Read what `to_dict` wrote, also an earlier version's.

        Raises:
            ValueError: It is no plan; the message names the field.
        """
        return cls.read(plain, Place("plan", ValueError))

    @classmethod
    def upgraded(cls, value: dict[str, Any]) -> dict[str, Any]:
        """There was once a key `validation_type`, which never meant anything."""
        return {key: item for key, item in value.items() if key != "validation_type"}


def patch_sha256_of(plain: Mapping[str, Any]) -> str | None:
    """Digest of the patch in a plan as it is kept, whichever version kept the rest."""
    patch = plain.get("patch")
    return patch["sha256"] if patch is not None else None
