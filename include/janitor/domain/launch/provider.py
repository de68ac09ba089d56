"""What Janitor needs from whoever provides instances, in the domain's terms.

EC2 is one (`janitor.cloud.ec2.instances`), with the local cloud in its place at the same address. Not everything that
EC2 has is anywhere else: what a provider has is said by its `Abilities`, and what it lacks it refuses in words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

from janitor.domain.config.fields import Market
from janitor.domain.launch.launching import LaunchFailure
from janitor.domain.launch.owner import Owner, owner_of
from janitor.domain.place import Place
from janitor.domain.states import InstanceState


@dataclass(frozen=True, kw_only=True)
class InstanceSeen:
    """An instance as its provider shows it."""

    instance_id: str
    state: InstanceState
    state_reason: str | None
    """The provider's own code for the state, for example EC2's Client.UserInitiatedShutdown."""
    availability_zone: str | None
    instance_type: str
    is_spot: bool
    launched_at: datetime
    changed_at: datetime | None = None
    """When its state was last made to change, where the provider says so: not for what an instance does by itself."""
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def owner(self) -> Owner | None:
        """The owner that the tags name, if they do."""
        return owner_of(self.tags)


@dataclass(frozen=True, kw_only=True)
class SourceCosts:
    """What a provider itself says of its prices, for one deployment."""

    usd_hour: Mapping[str, Decimal]
    """By instance type; one that it says nothing of is missing."""
    disk_gib: int
    disk_usd_gib_month: Decimal


@dataclass(frozen=True, kw_only=True)
class LaunchSource:
    """What the deployment's instances are launched from, at one moment: a template's default may change."""

    image: str
    template_version: str | None = None
    """Of the launch template, as a number; None where there is no template."""
    costs: SourceCosts | None = None
    """None: the deployment's file of prices says them."""
    scarcity: Mapping[str, int] = field(default_factory=dict)
    """By instance type, where the provider says how many there seem to be: the higher, the fewer. No reservation."""

    def in_order(self, instance_types: Sequence[str], tried: Sequence[str] = ()) -> tuple[str, ...]:
        """In which order types are tried: the plentiful first, equal ones as they are configured.

        Args:
            instance_types: As configured.
            tried: Those that this search has tried, in its order: they stay where they were.
        """
        if not self.scarcity:
            return tuple(instance_types)
        unknown = max(self.scarcity.values(), default=0) + 1
        known = [one for one in dict.fromkeys(tried) if one in instance_types]
        rest = [one for one in instance_types if one not in known]
        return (*known, *sorted(rest, key=lambda one: self.scarcity.get(one, unknown)))


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A launch that was refused, in the provider's own words."""

    code: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Abilities:
    """What not every provider has."""

    repeats_launches: bool
    """Whether a launch that is asked for again with the same token returns the same instance. Where it doesn't, what
    may be there is looked for before anything is launched again."""
    has_spot: bool
    changes_tags: bool
    """Whether a live instance can be given other tags without being disturbed."""
    runs_user_data: bool
    """Whether user data is run at boot. Where it isn't, the instance has its own timer from `ends_itself_at`."""
    shows_ended: bool
    """Whether an instance that has ended is shown for a while. Where it isn't, that its end was accepted is kept: what
    isn't there any more after that has ended."""
    has_timers: bool
    """Whether somebody beside the instance and this product ends it at an instant of its own."""


@dataclass(frozen=True, kw_only=True)
class LaunchRequest:
    """One instance to launch, as far as it differs from the deployment's other instances."""

    client_token: str
    """Names the intent; where the provider repeats launches, a repeated call with it returns the same instance."""
    generation: int
    """The how manieth intent of its owner it is, from 1."""
    source: LaunchSource
    tags: Mapping[str, str]
    instance_type: str
    market: Market
    """SPOT or ON_DEMAND."""
    subnet_id: str | None
    user_data: str
    ends_itself_at: datetime
    """When the instance's own timer ends it, though nothing outside it works any more; `user_data` says the same."""


class InstanceProvider(Protocol):
    """Whoever provides instances.

    Raises (every method but those that say otherwise):
        CloudError: The provider can't be asked, or refuses.
    """

    @property
    def abilities(self) -> Abilities:
        """What it has of what not every provider has; raises nothing."""
        ...

    @property
    def launch_call_timeout(self) -> timedelta:
        """How long after its begin a call to launch may still be under way; raises nothing."""
        ...

    def place(self) -> Place:
        """Where the instances are that it shows, by its own word."""
        ...

    def find(self, tag: str, value: str, *, live_only: bool = True) -> list[InstanceSeen]:
        """Instances that carry a tag; terminated ones, as long as they are shown, only if `live_only` is False."""
        ...

    def describe(self, instance_id: str) -> InstanceSeen | None:
        """One instance; None where the provider doesn't know it (gone for good, or not visible yet)."""
        ...

    def launch_source(self) -> LaunchSource:
        """What is to be launched now; asked once for each intent, and kept with it.

        Raises:
            SettingsError: Neither an image nor a launch template is set.
        """
        ...

    def launch_parameters(self, request: LaunchRequest) -> dict[str, Any]:
        """The whole of a launch in the provider's own words, ready for JSON, and without a secret.

        The same token must always come with the same parameters, so they are kept with the intent.

        Raises:
            LaunchRefusedError: The provider has no such thing, as a spot market.
        """
        ...

    def image_of(self, parameters: Mapping[str, Any]) -> str | None:
        """The image that `launch_parameters` name; None where they name none. Raises nothing."""
        ...

    def launch(self, parameters: Mapping[str, Any], *, may_exist: bool = False) -> str:
        """Launch one instance with `launch_parameters`; returns its id.

        Args:
            parameters: The intent's.
            may_exist: Whether the same intent may have been carried out before. A provider that doesn't repeat
                launches looks for what there is first, and takes its time for that.

        Raises:
            Exception: What `launch_failure_of` knows the meaning of.
        """
        ...

    def launch_failure_of(self, exc: BaseException, instance_type: str) -> LaunchFailure | None:
        """What a failed launch means; None where the failure isn't the provider's. Raises nothing."""
        ...

    def refused_everywhere(self, refusals: Sequence[Refusal]) -> LaunchFailure | None:
        """What it means that every candidate was refused like this; None: no more than the last one says.

        Raises nothing.
        """
        ...

    def terminate(self, instance_ids: Sequence[str]) -> dict[str, str]:
        """Ask for the end of instances; one that the provider doesn't know has ended, and none can save the others.

        Returns:
            What is refused: id → the provider's word. Raises nothing for a refusal.
        """
        ...

    def add_tags(self, instance_id: str, tags: Mapping[str, str]) -> None:
        """Set tags of a live instance.

        Raises:
            NotOfferedError: This provider can't.
        """
        ...

    def spot_price(self, instance_type: str, availability_zone: str, at: datetime) -> Decimal | None:
        """What a spot instance costs by the hour in USD; None where the provider doesn't say, or has none."""
        ...
