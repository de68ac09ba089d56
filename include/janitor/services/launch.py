"""Launching: take a place, commit the intent, and keep what RunInstances answered.

The order is the invariant: intent (committed) → RunInstances with the intent's token → id kept. Whoever repeats any
part arrives at the same instance.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any
from uuid import UUID

from janitor.cloud import instances as ec2
from janitor.cloud.session import CloudAccess
from janitor.domain.config import RepositoryPlan
from janitor.domain.deadlines import deadline_for, guest_timer_minutes
from janitor.domain.errors import ConflictError, SettingsError
from janitor.domain.identity import LaunchIdentity
from janitor.domain.launching import LaunchFailure
from janitor.domain.states import InstanceState, TerminationReason
from janitor.services.reconcile import observe_rows
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores import validations as store
from janitor.stores.database import Connection, transaction
from janitor.stores.records import InstanceRecord, ValidationRecord


@dataclass(frozen=True, kw_only=True)
class LaunchOrder:
    """What to call RunInstances with, or the instance that is there already."""

    record: InstanceRecord
    adopted_instance_id: str | None
    image_id: str
    parameters: dict[str, Any]


def order_launch(settings: Settings, validation_id: UUID) -> LaunchOrder | None:
    """Adopt what is there, or commit an intent if a place is free.

    Returns:
        The order, or None when every place of the deployment is held: ask again later.

    Raises:
        DatabaseError: Postgres can't be used.
        CloudError: EC2 can't be asked.
        ConflictError: The validation has ended.
        SettingsError: Neither an image nor a launch template is set.
    """
    image_id = _image(settings)  # before an intent takes a place
    with transaction(settings.writer_url) as connection:
        known = ledger.live_of_validation(connection, validation_id)
    # Without an intent nothing was ever launched, so there is nothing to ask EC2.
    seen = ec2.find_by_validation(CloudAccess.of(settings), validation_id) if known is not None else []
    if known is not None and known.instance_id is not None:
        # A row whose instance has ended meanwhile must not be adopted, nor hold the validation's one place.
        observe_rows(settings, [known], seen)
    with transaction(settings.writer_url) as connection:
        validation = store.get_validation(connection, validation_id)
        if validation.status.is_final:
            raise ConflictError(
                f"validation {validation_id} has ended ({validation.status.value}); start a new run for"
                f" {validation.repository_name} instead: `make validate-all-workers REPO={validation.repository_name}`"
            )
        ledger.lock_places(connection, settings.deployment)
        record = ledger.live_of_validation(connection, validation_id)
        if record is None:
            if ledger.count_live(connection, settings.deployment) >= validation.max_concurrent_instances:
                return None
            record = _insert_intent(connection, settings, validation)
    # A launch template or AWS itself may add tags of its own.
    adopted = next((one.instance_id for one in seen if record.tags.items() <= one.tags.items()), None)
    return _order(settings, validation, record, image_id, adopted or record.instance_id)


def keep_launched(settings: Settings, record: InstanceRecord, instance_id: str) -> None:
    """Keep which instance came of an intent."""
    with transaction(settings.writer_url) as connection:
        ledger.keep_launched(connection, record.ledger_id, instance_id, None)
        store.mark_launched(connection, record.validation_id, instance_id)


def keep_refusal(settings: Settings, record: InstanceRecord, failure: LaunchFailure) -> None:
    """Close an intent for which EC2 said no, so that its place is free again."""
    with transaction(settings.writer_url) as connection:
        ledger.intend_termination(
            connection, record.ledger_id, TerminationReason.LAUNCH_FAILED, f"{failure.aws_code}: {failure.summary}"
        )
        ledger.observe_state(connection, record.ledger_id, InstanceState.NOT_LAUNCHED)
        store.keep_launch_failure(connection, record.validation_id, failure.reason_code, failure.summary)


def keep_problem(settings: Settings, validation_id: UUID, summary: str) -> None:
    """Keep why a try of the launch ended without AWS's word, in case that none follows."""
    with transaction(settings.writer_url) as connection:
        store.keep_launch_failure(connection, validation_id, "launch_error", summary[:500])


def _insert_intent(connection: Connection, settings: Settings, validation: ValidationRecord) -> InstanceRecord:
    earlier = ledger.latest_of_validation(connection, validation.validation_id)
    now = datetime.now(timezone.utc)
    deadline_at = store.keep_deadline(connection, validation.validation_id, deadline_for(now, validation.timeout))
    identity = LaunchIdentity(
        deployment=settings.deployment,
        run_id=validation.run_id,
        validation_id=validation.validation_id,
        generation=(earlier.generation if earlier else 0) + 1,
        repository_name=validation.repository_name,
        deadline_at=deadline_at,
        intent_at=now,
    )
    plan = RepositoryPlan.from_dict(validation.plan)
    store.clear_watch_outcome(connection, validation.validation_id)
    store.mark_launching(connection, validation.validation_id)
    return ledger.insert_intent(connection, identity, instance_type=plan.instance_types[0], market=plan.market.value)


def _image(settings: Settings) -> str:
    if settings.image_id:
        return settings.image_id
    if settings.launch_template:
        return ec2.template_image(CloudAccess.of(settings), settings.launch_template)
    raise SettingsError(f"set JANITOR_IMAGE_ID or JANITOR_LAUNCH_TEMPLATE in {settings.env_file.name}")


def _order(
    settings: Settings,
    validation: ValidationRecord,
    record: InstanceRecord,
    image_id: str,
    adopted_instance_id: str | None,
) -> LaunchOrder:
    minutes = guest_timer_minutes(validation.timeout, validation.grace)
    subnets = settings.subnet_ids
    return LaunchOrder(
        record=record,
        adopted_instance_id=adopted_instance_id,
        image_id=image_id,
        parameters=ec2.launch_parameters(
            client_token=record.client_token,
            tags=record.tags,
            instance_type=record.instance_type,
            user_data=f"#!/bin/sh\nshutdown -P +{minutes}\n",
            launch_template=settings.launch_template,
            instance_profile=settings.instance_profile,
            # Neighbours in a run are spread over the subnets, and a repeated call arrives at the same one.
            subnet_id=subnets[validation.repository_index % len(subnets)] if subnets else None,
            security_group_ids=settings.security_group_ids,
        ),
    )
