"""What a run does with one repository: its part of the configuration with every default resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from janitor.domain.config.fields import Market


@dataclass(frozen=True, kw_only=True)
class RepositoryPlan:
    """One repository of a run, with every default resolved."""

    name: str
    organization: str
    url: str
    ref: str | None
    prompt: str
    gpu_required: bool
    timeout: timedelta
    """Hard limit, counted from launch."""
    instance_types: tuple[str, ...]
    """In the order in which they are tried; at least one."""
    market: Market
    dockerfile: str | None
    build_args: Mapping[str, str]
    env: Mapping[str, str]
    secrets: Mapping[str, str]
    """Variable → name of the secret in Secrets Manager."""
    bake_target: str | None = None
    """Plans that were kept before there was this field lack it."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, in which the plan passes between tasks; `from_dict` reads it."""
        plain = asdict(self)
        plain["timeout_seconds"] = plain.pop("timeout").total_seconds()
        plain["instance_types"] = list(self.instance_types)
        plain["market"] = self.market.value
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> RepositoryPlan:
        """Read what `to_dict` wrote."""
        fields = dict(plain)
        fields["timeout"] = timedelta(seconds=fields.pop("timeout_seconds"))
        fields["instance_types"] = tuple(fields["instance_types"])
        fields["market"] = Market(fields["market"])
        fields.pop("validation_type", None)  # of plans that were kept when there was such a key
        return cls(**fields)
