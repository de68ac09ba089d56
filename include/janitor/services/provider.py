"""Where services get their providers of instances from: the only place that names one."""

from __future__ import annotations

from janitor.cloud.ec2.instances import Ec2
from janitor.cloud.runpod.instances import Bootstrap, RunPod
from janitor.cloud.runpod.mailbox import Mailbox
from janitor.domain.errors import SettingsError
from janitor.domain.launch.owner import Owner
from janitor.domain.launch.provider import InstanceProvider, InstanceSeen
from janitor.domain.place import Place
from janitor.domain.pool.pool import Provider
from janitor.settings import Settings

_EC2_IDS = "i-"
"""What EC2's ids begin with; a pod's has no hyphen."""


def provider_of(settings: Settings) -> InstanceProvider:
    """The provider that these settings look at: EC2, unless `at_provider` says another.

    Raises:
        SettingsError: Nothing is set for it.
        CloudError: Its key's secret can't be read.
    """
    return provider_named(settings, settings.instances_from)


def at_provider(settings: Settings, provider: Provider) -> Settings:
    """The same settings, looking at another provider: launches, looks and ends by them are about its instances alone.

    The ledger is the deployment's as a whole: its places, its money and its breakers count every provider's.
    """
    return settings.model_copy(update={"instances_from": provider})


def at_provider_of(settings: Settings, instance_id: str) -> Settings:
    """The settings that look at the provider which an instance's id is of: EC2 where there is no other."""
    is_pod = has_runpod(settings) and not instance_id.startswith(_EC2_IDS)
    return at_provider(settings, Provider.RUNPOD if is_pod else Provider.EC2)


def is_at_provider(settings: Settings, place: Place | None) -> bool:
    """Whether a row's place is one of the provider that these settings look at; without a place it is EC2's."""
    is_runpod = place is not None and place.is_runpod
    return is_runpod is (settings.instances_from is Provider.RUNPOD)


def runpod_of(settings: Settings, bootstrap: Bootstrap | None = None) -> RunPod:
    """RunPod, which can say more of its pods than any provider of instances.

    Args:
        settings: Of the environment.
        bootstrap: The address of a pod's mailbox, asked for when the pod is made; None: it waits for its end.

    Raises:
        SettingsError: No key is set.
        CloudError: The key's secret can't be read.
    """
    return RunPod(settings, bootstrap)


def has_runpod(settings: Settings) -> bool:
    """Whether a key of RunPod is set."""
    return settings.runpod_api_key is not None or settings.runpod_key_secret is not None


def provider_named(settings: Settings, provider: Provider) -> InstanceProvider:
    """The provider of a pool's machines. Pods that it launches have a mailbox in the deployment's bucket.

    Raises:
        SettingsError: Nothing is set for it, or its machines are nobody's instances.
        CloudError: Its key's secret can't be read.
    """
    if provider is Provider.RUNPOD:
        return runpod_of(settings, lambda name, lives_until: Mailbox(settings, name).open(lives_until))
    if provider is Provider.LOCAL:
        raise SettingsError(
            "workers of the provider local are processes of their host: nobody launches instances for them"
        )
    return Ec2(settings)


def providers_in_use(settings: Settings) -> dict[Provider, InstanceProvider]:
    """Every provider that instances of the deployment may be at: EC2, and RunPod where a key is set.

    Raises:
        CloudError: The key's secret can't be read.
    """
    found: dict[Provider, InstanceProvider] = {Provider.EC2: Ec2(settings)}
    if has_runpod(settings):
        found[Provider.RUNPOD] = runpod_of(settings)
    return found


def find_owned(settings: Settings, owner: Owner, *, live_only: bool = True) -> list[InstanceSeen]:
    """The instances at a provider that belong to an owner, by their tags.

    Those of a run's validations are not the run's own.

    Raises:
        CloudError: The provider can't be asked.
    """
    found = provider_of(settings).find(owner.tag, str(owner.id), live_only=live_only)
    return [one for one in found if one.owner == owner]
