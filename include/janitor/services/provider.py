"""Where services get their provider of instances from: the only place that names one."""

from __future__ import annotations

from janitor.cloud.ec2.instances import Ec2
from janitor.domain.launch.owner import Owner
from janitor.domain.launch.provider import InstanceProvider, InstanceSeen
from janitor.settings import Settings


def provider_of(settings: Settings) -> InstanceProvider:
    """The provider of the environment's own instances: EC2."""
    return Ec2(settings)


def find_owned(settings: Settings, owner: Owner, *, live_only: bool = True) -> list[InstanceSeen]:
    """The instances that belong to an owner, by their tags. Those of a run's validations are not the run's own.

    Raises:
        CloudError: The provider can't be asked.
    """
    found = provider_of(settings).find(owner.tag, str(owner.id), live_only=live_only)
    return [one for one in found if one.owner == owner]
