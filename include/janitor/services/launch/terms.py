"""What an intent says: where the next attempt of an order goes, and the terms with which it is launched."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from janitor.domain.deadlines import expires_at, guest_timer_at
from janitor.domain.errors import LaunchRefusedError
from janitor.domain.launch.order import LaunchIdentity, LaunchOrder
from janitor.domain.launch.placement import Candidate, GiveUp, Pause, Try, candidates_of, next_step, present_search
from janitor.domain.launch.provider import LaunchRequest, LaunchSource
from janitor.domain.place import Place
from janitor.domain.pool.pool import Provider
from janitor.domain.states import PlacementResult, TerminationReason
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.services.ending.guest_timer import guest_user_data
from janitor.services.launch.breaker import states_for
from janitor.services.money.price_files import load_prices
from janitor.services.provider import provider_of
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores import placement as attempts
from janitor.stores.database import Connection
from janitor.stores.ledger import LaunchTerms
from janitor.stores.records import InstanceRecord

_TRIAL_PAUSE = timedelta(seconds=15)
"""Before it is asked again how the one launch went that tries whether launching works again."""

_WORDS = {
    PlacementResult.CAPACITY: "EC2 has no capacity",
    PlacementResult.PRICE: "the spot price is above the limit",
    PlacementResult.THROTTLED: "EC2 throttles launches",
    PlacementResult.UNKNOWN: "EC2 did not say whether it launched, and shows no instance",
}


def next_place(
    connection: Connection, settings: Settings, order: LaunchOrder, now: datetime, source: LaunchSource
) -> Try | Pause:
    """Where the order's next attempt goes, if the breaker lets it.

    Raises:
        LaunchRefusedError: Launches are paused, or every place was tried often enough.
    """
    for breaker in states_for(connection, settings, order.breaker_scope, now):
        if breaker.refuses(now):
            raise LaunchRefusedError(
                ReasonCode.LAUNCH_BREAKER,
                f"{breaker.failures_in_a_row} launches in a row came to nothing"
                f" ({'of any repository' if breaker.scope == '*' else breaker.scope}); launches pause until"
                f" {breaker.paused_until:%Y-%m-%d %H:%M:%S} UTC; last: {breaker.last_failure};"
                ' see runbook "Launches are paused"',
            )
        if breaker.holds_back(now):
            return Pause(until=now + _TRIAL_PAUSE)
    earlier = attempts.attempts_of(connection, order.owner)
    present = present_search(earlier)
    lost = earlier[-len(present) - 1] if len(present) < len(earlier) else None
    generations = ledger.generations_of(connection, order.owner)
    candidates = candidates_of(
        source.in_order(order.instance_types, [one.candidate.instance_type for one in present]),
        order.market,
        settings.subnet_ids if settings.instances_from is Provider.EC2 else (),
        spread=order.spread,
        first=order.first_subnets,
        # Where types are put in order, what was tried says by itself where the search began.
        replaced=lost.candidate if lost and not (source.scarcity and present) else None,
        # Once AWS took a spot instance back, the rest of the order is on demand.
        interrupted=any(one.termination_reason is TerminationReason.SPOT_INTERRUPTED for one in generations),
    )
    step = next_step(candidates, present, now)
    if isinstance(step, GiveUp):
        refusals = attempts.refusals_of(connection, order.owner)[-len(candidates) :]
        whole = provider_of(settings).refused_everywhere(refusals) if len(refusals) == len(candidates) else None
        if whole is not None:
            raise LaunchRefusedError(whole.reason_code, whole.summary)
        types = ", ".join(order.instance_types)
        code = None if step.last is PlacementResult.UNKNOWN else ReasonCode.known(step.last.value)
        raise LaunchRefusedError(
            code or ReasonCode.LAUNCH_UNANSWERED,
            f"{_WORDS.get(step.last, step.last.value)}: {step.attempts} attempts over {len(candidates)} places"
            f' ({types}; {order.market.value}); see runbook "Launch refused"',
        )
    return step


def insert_intent(
    connection: Connection,
    settings: Settings,
    order: LaunchOrder,
    place: Try,
    *,
    at: Place,
    source: LaunchSource,
    deadline_at: datetime,
    now: datetime,
) -> InstanceRecord:
    """Write the intent and its attempt; the caller's transaction commits them before the provider is called."""
    earlier = ledger.latest_of(connection, order.owner)
    expiry = expires_at(deadline_at, order.grace)
    identity = LaunchIdentity(
        deployment=settings.deployment,
        owner=order.owner,
        run_id=order.run_id,
        generation=(earlier.generation if earlier else 0) + 1,
        name=order.name,
        repository_name=order.repository_name,
        deadline_at=deadline_at,
        expires_at=expiry,
        intent_at=now,
    )
    candidate = place.candidate
    ends_itself_at = guest_timer_at(expiry, settings.reap_interval)
    parameters = provider_of(settings).launch_parameters(
        LaunchRequest(
            client_token=identity.client_token,
            generation=identity.generation,
            source=source,
            tags=identity.tags,
            instance_type=candidate.instance_type,
            market=candidate.market,
            subnet_id=candidate.subnet_id,
            user_data=guest_user_data(ends_itself_at, idle_limit=order.idle_limit),
            ends_itself_at=ends_itself_at,
        )
    )
    terms = _terms(settings, candidate, source, parameters)
    record = ledger.insert_intent(connection, identity, terms, place=at)
    attempts.begin_attempt(connection, record.ledger_id, order.owner, place)
    return record


def _terms(
    settings: Settings, candidate: Candidate, source: LaunchSource, parameters: Mapping[str, Any]
) -> LaunchTerms:
    """What a launch is called with, and its prices: the provider's own where it says them, else the file's."""
    prices, costs = load_prices(settings), source.costs
    instance_type = candidate.instance_type
    own = costs.usd_hour.get(instance_type) if costs is not None else None
    return LaunchTerms(
        instance_type=instance_type,
        market=candidate.market,
        subnet_id=candidate.subnet_id,
        parameters=parameters,
        # A spot instance never costs more; what it does cost is kept once its zone is known.
        price_usd_hour=prices.instance_usd_hour(settings.region, instance_type) if costs is None else own,
        volume_gib=settings.volume_gib if costs is None else costs.disk_gib,
        volume_usd_gib_month=(
            prices.volume_usd_gib_month(settings.region) if costs is None else costs.disk_usd_gib_month
        ),
    )
