"""What the cloud shows, for tests that have a validation or a deployment in hand."""

from __future__ import annotations

from uuid import UUID

from janitor.domain.identity import TAG_DEPLOYMENT
from janitor.domain.launch.owner import Owner
from janitor.domain.launch.provider import InstanceSeen
from janitor.services.provider import find_owned, provider_of
from janitor.settings import Settings


def instances_of(settings: Settings, validation_id: UUID) -> list[InstanceSeen]:
    """The live instances of a validation, by their tags."""
    return find_owned(settings, Owner.validation(validation_id))


def instances_of_deployment(settings: Settings) -> list[InstanceSeen]:
    """Every live instance of a deployment, by its tag."""
    return provider_of(settings).find(TAG_DEPLOYMENT, settings.deployment)
