"""What a pass of the reaper knows: EC2's listing joined with the ledger, and what was decided over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from janitor.domain.config.fields import Market
from janitor.domain.errors import SettingsError
from janitor.domain.identity import TAG_DEPLOYMENT, TAG_REPOSITORY
from janitor.domain.launch.provider import InstanceSeen
from janitor.domain.log_lines import LineLogger
from janitor.domain.place import Place
from janitor.domain.reap.reaping import (
    InstanceFacts,
    Mark,
    Ownership,
    ReapDecision,
    deadline_of,
    decide_reaping,
    lifetime_of,
)
from janitor.domain.states import InstanceState
from janitor.services.money.price_files import load_prices
from janitor.services.provider import provider_of
from janitor.settings import Settings
from janitor.stores import reaping as store
from janitor.stores.database import transaction
from janitor.stores.reaping import LedgerFact
from janitor.stores.records import InstanceRecord

log = LineLogger(__name__)

_ENDING = (InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED)


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A live instance: EC2's word, the ledger's, and both as facts."""

    seen: InstanceSeen
    ledger: LedgerFact | None

    @property
    def instance_id(self) -> str:
        """EC2's id."""
        return self.seen.instance_id

    @property
    def record(self) -> InstanceRecord | None:
        """Its ledger row."""
        return self.ledger.record if self.ledger else None

    @property
    def repository(self) -> str | None:
        """The repository that its tags name."""
        return self.seen.tags.get(TAG_REPOSITORY)

    @property
    def facts(self) -> InstanceFacts:
        """What is decided from."""
        owner = None
        if self.ledger is not None:
            record = self.ledger.record
            # A row that was ended, or given up for another instance, has nobody who works on it, whatever its owner
            # does meanwhile.
            works = record.state.is_live and record.given_up_at is None
            owner = Ownership(
                expires_at=record.expires_at,
                keep_until=record.keep_until,
                kind=record.owner.kind if works and record.owner else None,
                is_over=self.ledger.owner_is_over,
            )
        return InstanceFacts(state=self.seen.state, launched_at=self.seen.launched_at, tags=self.seen.tags, owner=owner)

    @property
    def may_live_until(self) -> datetime:
        """When its time is over, a lease included."""
        return lifetime_of(self.facts).may_live_until

    def decide(self, settings: Settings, mark: Mark | None) -> ReapDecision:
        """What to do with it now."""
        return decide_reaping(
            self.facts,
            mark,
            now=datetime.now(timezone.utc),
            reap_interval=settings.reap_interval,
            consistency=settings.consistency,
        )

    def is_contradicted(self, now: datetime, consistency: timedelta) -> bool:
        """Whether its row was ended, so long ago that EC2 doesn't show an earlier moment, and yet it lives."""
        record = self.record
        if record is None or record.instance_id is None or record.ended_at is None:
            return False
        return now - record.ended_at >= consistency

    def adoption(self, settings: Settings, place: Place) -> store.Adoption:
        """The row that it gets where it has none; without a price where none can be read."""
        try:
            prices = load_prices(settings)
        except SettingsError as exc:
            log.warning("the price of %s stays unknown: %s", self.instance_id, exc)
            prices = None
        return store.Adoption(
            price_usd_hour=prices.instance_usd_hour(settings.region, self.seen.instance_type) if prices else None,
            volume_gib=settings.runpod_disk_gib if place.is_runpod else settings.volume_gib,
            # A pod's disk isn't what the file of prices is about.
            volume_usd_gib_month=(
                prices.volume_usd_gib_month(settings.region) if prices and not place.is_runpod else None
            ),
            place=place,
            instance_id=self.instance_id,
            instance_type=self.seen.instance_type,
            market=(Market.SPOT if self.seen.is_spot else Market.ON_DEMAND).value,
            availability_zone=self.seen.availability_zone,
            state=self.seen.state,
            tags=self.seen.tags,
            launched_at=self.seen.launched_at,
            deadline_at=deadline_of(self.facts),
            expires_at=lifetime_of(self.facts).expires_at,
        )


def look(settings: Settings) -> list[Candidate]:
    """Every instance of the deployment that isn't ending, with its row.

    EC2 is asked first: whatever it shows then has its intent in the ledger already.

    Raises:
        CloudError: EC2 can't be asked.
        DatabaseError: Postgres can't be used.
    """
    seen = [one for one in provider_of(settings).find(TAG_DEPLOYMENT, settings.deployment) if one.state not in _ENDING]
    if not seen:
        return []
    with transaction(settings.writer_url) as connection:
        facts = store.facts_of(connection, settings.deployment, [one.instance_id for one in seen])
    by_id = {fact.record.instance_id: fact for fact in facts if fact.record.instance_id}
    intents = [fact for fact in facts if fact.record.instance_id is None]
    return [Candidate(seen=one, ledger=by_id.get(one.instance_id) or _intent_of(one.tags, intents)) for one in seen]


def _intent_of(tags: Mapping[str, str], intents: Sequence[LedgerFact]) -> LedgerFact | None:
    """The intent that an instance came of, where nobody has kept its id yet: it carries all of the intent's tags."""
    return next((fact for fact in intents if fact.record.tags.items() <= tags.items()), None)
