"""What an intent says: where the next attempt goes, and the terms with which RunInstances is called."""

from __future__ import annotations

from datetime import datetime, timedelta

from janitor.cloud import instances as ec2
from janitor.cloud.session import CloudAccess
from janitor.domain.config.workers import RepositoryPlan
from janitor.domain.deadlines import deadline_for, expires_at, guest_timer_at
from janitor.domain.errors import LaunchRefusedError, SettingsError
from janitor.domain.identity import LaunchIdentity
from janitor.domain.launch.placement import GiveUp, Pause, Try, candidates_of, next_step, present_search
from janitor.domain.place import Place
from janitor.domain.states import PlacementResult, TerminationReason
from janitor.services.ending.guest_timer import guest_user_data
from janitor.services.launch.breaker import states_for
from janitor.services.money.price_files import load_prices
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores import placement as attempts
from janitor.stores import validations as store
from janitor.stores.database import Connection
from janitor.stores.ledger import LaunchTerms
from janitor.stores.records import InstanceRecord, ValidationRecord

_TRIAL_PAUSE = timedelta(seconds=15)
"""Before it is asked again how the one launch went that tries whether launching works again."""

_WORDS = {
    PlacementResult.CAPACITY: "EC2 has no capacity",
    PlacementResult.PRICE: "the spot price is above the limit",
    PlacementResult.THROTTLED: "EC2 throttles launches",
    PlacementResult.UNKNOWN: "EC2 did not say whether it launched, and shows no instance",
}


def launch_image(settings: Settings) -> str:
    """The image to launch.

    Raises:
        CloudError: The launch template can't be read.
        SettingsError: Neither an image nor a launch template is set.
    """
    if settings.image_id:
        return settings.image_id
    if settings.launch_template:
        return ec2.template_image(CloudAccess.of(settings), settings.launch_template)
    raise SettingsError(f"set JANITOR_IMAGE_ID or JANITOR_LAUNCH_TEMPLATE in {settings.env_file.name}")


def next_place(connection: Connection, settings: Settings, validation: ValidationRecord, now: datetime) -> Try | Pause:
    """Where the validation's next attempt goes, if the breaker lets it.

    Raises:
        LaunchRefusedError: Launches are paused, or every place was tried often enough.
    """
    plan = RepositoryPlan.from_dict(validation.plan)
    for breaker in states_for(connection, settings, f"{plan.organization}/{plan.name}", now):
        if breaker.refuses(now):
            raise LaunchRefusedError(
                "launch_breaker",
                f"{breaker.failures_in_a_row} launches in a row came to nothing"
                f" ({'of any repository' if breaker.scope == '*' else breaker.scope}); launches pause until"
                f" {breaker.paused_until:%Y-%m-%d %H:%M:%S} UTC; last: {breaker.last_failure};"
                ' see runbook "Launches are paused"',
            )
        if breaker.holds_back(now):
            return Pause(until=now + _TRIAL_PAUSE)
    earlier = attempts.attempts_of(connection, validation.validation_id)
    present = present_search(earlier)
    lost = earlier[-len(present) - 1] if len(present) < len(earlier) else None
    generations = ledger.generations_of_validation(connection, validation.validation_id)
    candidates = candidates_of(
        plan.instance_types,
        plan.market,
        settings.subnet_ids,
        spread=validation.repository_index,
        replaced=lost.candidate if lost else None,
        # Once AWS took a spot instance back, the rest of the validation is on demand.
        interrupted=any(one.termination_reason is TerminationReason.SPOT_INTERRUPTED for one in generations),
    )
    step = next_step(candidates, present, now)
    if isinstance(step, GiveUp):
        types = ", ".join(plan.instance_types)
        raise LaunchRefusedError(
            step.last.value if step.last is not PlacementResult.UNKNOWN else "launch_unanswered",
            f"{_WORDS.get(step.last, step.last.value)}: {step.attempts} attempts over {len(candidates)} places"
            f' ({types}; {plan.market.value}); see runbook "Launch refused"',
        )
    return step


def insert_intent(
    connection: Connection,
    settings: Settings,
    validation: ValidationRecord,
    place: Try,
    *,
    at: Place,
    image_id: str,
    now: datetime,
) -> InstanceRecord:
    """Write the intent and its attempt; the caller's transaction commits them before RunInstances."""
    earlier = ledger.latest_of_validation(connection, validation.validation_id)
    deadline_at = store.keep_deadline(connection, validation.validation_id, deadline_for(now, validation.timeout))
    expiry = expires_at(deadline_at, validation.grace)
    identity = LaunchIdentity(
        deployment=settings.deployment,
        run_id=validation.run_id,
        validation_id=validation.validation_id,
        generation=(earlier.generation if earlier else 0) + 1,
        repository_name=validation.repository_name,
        deadline_at=deadline_at,
        expires_at=expiry,
        intent_at=now,
    )
    candidate, prices = place.candidate, load_prices(settings)
    parameters = ec2.launch_parameters(
        client_token=identity.client_token,
        tags=identity.tags,
        instance_type=candidate.instance_type,
        market=candidate.market,
        user_data=guest_user_data(guest_timer_at(expiry, settings.reap_interval)),
        launch_template=settings.launch_template,
        instance_profile=settings.instance_profile,
        subnet_id=candidate.subnet_id,
        security_group_ids=settings.security_group_ids,
    )
    store.clear_watch_outcome(connection, validation.validation_id)
    store.mark_launching(connection, validation.validation_id)
    record = ledger.insert_intent(
        connection,
        identity,
        LaunchTerms(
            instance_type=candidate.instance_type,
            market=candidate.market,
            subnet_id=candidate.subnet_id,
            parameters={"ImageId": image_id, **parameters},
            # A spot instance never costs more; what it does cost is kept once its zone is known.
            price_usd_hour=prices.instance_usd_hour(settings.region, candidate.instance_type),
            volume_gib=settings.volume_gib,
            volume_usd_gib_month=prices.volume_usd_gib_month(settings.region),
        ),
        place=at,
    )
    attempts.begin_attempt(connection, record.ledger_id, validation.validation_id, place)
    return record
