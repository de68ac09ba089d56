"""One look at everything that waits: as many AWS calls as there are pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from janitor.cloud import commands as ssm
from janitor.cloud.notices import spot_warnings
from janitor.cloud.session import CloudAccess
from janitor.domain.identity import TAG_DEPLOYMENT
from janitor.domain.reap.ending import SPOT_TERMINATION
from janitor.domain.states import InstanceState
from janitor.domain.watch.watching import CommandObservation, Observation, Watched
from janitor.services.ledger.reconcile import states_of_missing
from janitor.services.provider import provider_of
from janitor.services.watch.signs import look_for_life
from janitor.settings import Settings

_CLOCK_SLACK = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class FleetView:
    """What AWS showed at one moment."""

    at: datetime
    states: Mapping[str, InstanceState]
    online: frozenset[str]
    commands: Mapping[str, CommandObservation]
    interrupted: frozenset[str]
    """Instances that AWS has taken back, or has said that it will."""
    life: Mapping[str, bool] = field(default_factory=dict)
    """Whether an awaited sign was there; without those of which not everything could be asked."""

    def observation_of(self, watched: Watched) -> Observation:
        """The part that concerns one validation."""
        return Observation(
            at=self.at,
            instance_state=self.states.get(watched.instance_id),
            agent_online=watched.instance_id in self.online,
            command=self.commands.get(watched.command_id or ""),
            spot_interrupted=watched.instance_id in self.interrupted,
            shows_life=self.life.get(watched.instance_id),
        )


def look_at_fleet(settings: Settings, watched: Sequence[Watched]) -> FleetView:
    """Ask AWS about all of `watched` at once.

    Raises:
        WrongPlaceError: They are in another place.
        CloudError: AWS can't be asked.
        DatabaseError: Postgres can't be used, and something is missing.
    """
    access = CloudAccess.of(settings)
    at = datetime.now(timezone.utc)
    instances = provider_of(settings).find(TAG_DEPLOYMENT, settings.deployment, live_only=False)
    interrupted = frozenset(one.instance_id for one in instances if one.state_reason == SPOT_TERMINATION)
    if any(one.is_spot for one in watched):
        interrupted |= spot_warnings(access, settings.bucket, settings.deployment)
    commands: dict[str, CommandObservation] = {}
    if any(one.command_id for one in watched):
        since = min(one.launched_at for one in watched) - _CLOCK_SLACK
        commands = {seen.command_id: seen.observation for seen in ssm.sent_since(access, since)}
    online: frozenset[str] = frozenset()
    if any(one.command_id is None for one in watched):
        online = ssm.online_agents(access, TAG_DEPLOYMENT, settings.deployment)
    states = {one.instance_id: one.state for one in instances}
    missing = [
        one.instance_id for one in watched if one.instance_id not in states and at >= one.launched_at + one.consistency
    ]
    if missing:
        states |= states_of_missing(settings, missing)
    awaited = {one.instance_id: one.sign for one in watched if one.sign is not None}
    return FleetView(
        at=at,
        states=states,
        online=online,
        commands=commands,
        interrupted=interrupted,
        life=look_for_life(settings, awaited, at) if awaited else {},
    )
