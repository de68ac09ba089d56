"""RunPod as the provider of instances: pods, found by name and environment.

RunPod repeats no launch, so that one and the same intent could make two pods. Before an intent is carried out again its
pod is looked for by its exact name, twice, a consistency time apart; of several the oldest is kept and the others end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from janitor.cloud.runpod import catalog, names
from janitor.cloud.runpod.catalog import GpuOffer
from janitor.cloud.runpod.client import CALL_TIMEOUT, CREATE_TIMEOUT, RunPodClient, RunPodError
from janitor.cloud.runpod.failures import launch_failure_of, refused_everywhere
from janitor.cloud.runpod.guard_command import guard_args
from janitor.cloud.runpod.pods import Pod, PodStatus, pod_of, pods_of
from janitor.cloud.secret_values import secret_value
from janitor.cloud.session import CloudAccess
from janitor.domain.config.fields import Market
from janitor.domain.errors import CloudError, LaunchRefusedError, NotOfferedError, SettingsError
from janitor.domain.launch.launching import LaunchFailure
from janitor.domain.launch.provider import Abilities, InstanceSeen, LaunchRequest, LaunchSource, Refusal, SourceCosts
from janitor.domain.log_lines import LineLogger
from janitor.domain.place import Place
from janitor.guest.pod_guard import API_URL, BOOTSTRAP, UNTIL
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.settings import Settings
from janitor.settings.parts.runpod import RUNPOD_API_URL

DISK_USD_GIB_MONTH = Decimal("0.10")
"""Of a container's disk, while the pod runs. Source: docs.runpod.io, "Pod pricing"."""
_LOOKS = 3
"""Most lists that one call to launch asks for."""

log = LineLogger(__name__)

Bootstrap = Callable[[str, datetime], str]
"""The name of a pod, and until when it lives → a short-lived address at which its guard finds its mailbox."""


class RunPod:
    """The pods of one account: an `InstanceProvider`."""

    abilities: Abilities = Abilities(
        repeats_launches=False,
        has_spot=False,
        changes_tags=False,
        runs_user_data=False,
        shows_ended=False,
        has_timers=False,
    )

    def __init__(self, settings: Settings, bootstrap: Bootstrap | None = None) -> None:
        """Ask nothing yet, but for the key where it is a secret's.

        Args:
            settings: Of the environment.
            bootstrap: Asked when a pod is made, so that its address is kept nowhere; None: its guard waits for its end.

        Raises:
            SettingsError: No key is set.
            CloudError: The secret can't be read.
        """
        self._settings = settings
        self._bootstrap = bootstrap
        self._client = RunPodClient(settings.runpod_api_url, _key_of(settings))

    @property
    def launch_call_timeout(self) -> timedelta:
        """With the looks that come before and after the create."""
        return CREATE_TIMEOUT + CALL_TIMEOUT * _LOOKS + self._settings.consistency

    def place(self) -> Place:
        """Where the pods are: REST v2 says of no key whose it is, so a place is a key that the API knows."""
        return _place_of(self._client.url, self._client)

    def find(self, tag: str, value: str, *, live_only: bool = True) -> list[InstanceSeen]:
        """Pods that are ours by name and environment, and whose environment stands for a tag."""
        found = [pod for pod in self._pods() if pod.is_ours]
        seen = [pod.seen for pod in found if not live_only or pod.status is not PodStatus.TERMINATED]
        return [one for one in seen if one.tags.get(tag) == value]

    def strangers(self, deployment: str) -> list[InstanceSeen]:
        """Pods that bear a deployment's name and not its environment: somebody else's, who should be told of them."""
        prefix = names.prefix_of(deployment)
        return [pod.seen for pod in self._pods() if pod.name.startswith(prefix) and not pod.is_ours]

    def describe(self, instance_id: str) -> InstanceSeen | None:
        """One pod, or None where RunPod says that there is none."""
        try:
            return pod_of(self._client.get(f"/pods/{instance_id}")).seen
        except RunPodError as exc:
            if exc.is_missing:
                return None
            raise

    def launch_source(self) -> LaunchSource:
        """The image of pods that validate many repositories; prices, and how many GPUs there seem to be."""
        if self._settings.runpod_image is None:
            raise SettingsError(f"JANITOR_RUNPOD_IMAGE is not set; put it in {self._settings.place_of('runpod_image')}")
        offers = self.offers()
        prices = {gpu: offer.usd_hour for gpu, offer in offers.items() if offer.usd_hour is not None}
        return LaunchSource(
            image=self._settings.runpod_image,
            costs=SourceCosts(
                usd_hour=prices, disk_gib=self._settings.runpod_disk_gib, disk_usd_gib_month=DISK_USD_GIB_MONTH
            ),
            scarcity=catalog.ranks_of(offers),
        )

    def launch_parameters(self, request: LaunchRequest) -> dict[str, Any]:
        """The body of a create. User data is left out: the guard keeps the instant, and has no use for a script.

        Never `mounts`: a stopped pod's volume goes on costing twice as much.
        """
        settings = self._settings
        if request.market is not Market.ON_DEMAND:
            raise LaunchRefusedError(
                ReasonCode.LAUNCH_CONFIG, "RunPod's REST v2 has no spot pods: set market: on-demand for this pool"
            )
        body: dict[str, Any] = {
            "name": names.pod_name_for(request.tags, request.generation),
            "image": request.source.image,
            "gpu": {"id": request.instance_type, "count": 1},
            "cloud": settings.runpod_cloud.value,
            "disk": settings.runpod_disk_gib,
            "args": guard_args(),
            "env": {
                **names.variables_of(request.tags, request.client_token),
                UNTIL: request.ends_itself_at.isoformat(),
            },
        }
        if settings.runpod_api_url != RUNPOD_API_URL:
            body["env"][API_URL] = settings.runpod_api_url
        data_centers = [request.subnet_id] if request.subnet_id else list(settings.runpod_data_centers)
        if data_centers:
            body["dataCenterIds"] = data_centers
        return body

    @staticmethod
    def image_of(parameters: Mapping[str, Any]) -> str | None:
        """The image of a create's body."""
        image: str | None = parameters.get("image")
        return image

    def launch(self, parameters: Mapping[str, Any], *, may_exist: bool = False) -> str:
        """Make the pod of an intent, or take the one that is there. RunPodError passes, for `launch_failure_of`."""
        body = dict(parameters)
        name, token = str(body["name"]), str(body["env"][names.LEDGER])
        if may_exist:
            found = self._adopt(name, token)
            if found is None:
                time.sleep(self._settings.consistency.total_seconds())
                found = self._adopt(name, token)
            if found is not None:
                return found
        if self._bootstrap is not None:
            body["env"] = {**body["env"], BOOTSTRAP: self._bootstrap(name, datetime.fromisoformat(body["env"][UNTIL]))}
        try:
            return pod_of(self._client.create("/pods", body)).id
        except RunPodError as exc:
            if not exc.is_open:
                raise
            found = self._adopt_if_seen(name, token)
            if found is None:
                raise
            return found

    def launch_failure_of(self, exc: BaseException, instance_type: str) -> LaunchFailure | None:
        """What a failed create means."""
        return launch_failure_of(exc)

    @staticmethod
    def refused_everywhere(refusals: Sequence[Refusal]) -> LaunchFailure | None:
        """Whether the request is at fault, rather than capacity."""
        return refused_everywhere(refusals)

    def terminate(self, instance_ids: Sequence[str]) -> dict[str, str]:
        """Delete pods one by one; RunPod has no call for many."""
        words = {instance_id: self._terminate_one(instance_id) for instance_id in instance_ids}
        return {instance_id: word for instance_id, word in words.items() if word is not None}

    def add_tags(self, instance_id: str, tags: Mapping[str, str]) -> None:
        """Refused: a pod's environment is changed by a restart of its container alone."""
        raise NotOfferedError(
            f"pod {instance_id} can't be given {', '.join(sorted(tags))}: RunPod has no tags, and another environment"
            " restarts the container"
        )

    def spot_price(self, instance_type: str, availability_zone: str, at: datetime) -> Decimal | None:
        """None: there are no spot pods."""
        return None

    def offers(self) -> Mapping[str, GpuOffer]:
        """The catalog by GPU: what each costs on this deployment's cloud, and how many there seem to be.

        Raises:
            CloudError: It can't be asked.
        """
        cloud = self._settings.runpod_cloud
        query = {**catalog.QUERY, "cloud": cloud.value}
        return catalog.offers_of(self._client.get("/catalog/gpus", query), cloud)

    def end_duplicates(self, deployment: str) -> list[str]:
        """End all but the oldest pod of each intent; returns those that were asked to end.

        Raises:
            CloudError: RunPod can't be asked what there is.
        """
        by_intent: dict[tuple[str, str | None], list[Pod]] = {}
        for pod in self._pods():
            if pod.is_ours and pod.variables[names.DEPLOYMENT] == deployment and pod.status is not PodStatus.TERMINATED:
                by_intent.setdefault((pod.name, pod.ledger_token), []).append(pod)
        return [ended for pods in by_intent.values() for ended in self._end_younger(pods)]

    def _pods(self) -> list[Pod]:
        return pods_of(self._client.get("/pods"))

    def _adopt(self, name: str, token: str) -> str | None:
        """The oldest pod of an intent; the others end. Raises RunPodError where the list fails."""
        found = [
            pod
            for pod in self._pods()
            if pod.name == name and pod.ledger_token == token and pod.status is not PodStatus.TERMINATED
        ]
        if not found:
            return None
        self._end_younger(found)
        return _oldest(found).id

    def _adopt_if_seen(self, name: str, token: str) -> str | None:
        try:
            return self._adopt(name, token)
        except RunPodError as exc:
            log.warning("whether %s was made can't be asked now: %s", name, exc)
            return None

    def _end_younger(self, pods: Sequence[Pod]) -> list[str]:
        kept = _oldest(pods)
        ended = [pod.id for pod in pods if pod.id != kept.id]
        for pod_id, word in self.terminate(ended).items():
            # A sweep sees it again; its guard ends it in any case.
            log.warning("pod %s is one too many of %s and can't be ended now: %s", pod_id, kept.name, word)
        return ended

    def _terminate_one(self, instance_id: str) -> str | None:
        try:
            self._client.delete(f"/pods/{instance_id}")
        except RunPodError as exc:
            if exc.is_missing or (exc.is_open and self._is_gone(instance_id)):
                return None
            return f'{exc}; see runbook "Instance left"'
        return None

    def _is_gone(self, instance_id: str) -> bool:
        try:
            return self.describe(instance_id) is None
        except CloudError:
            return False


def _oldest(pods: Sequence[Pod]) -> Pod:
    return min(pods, key=lambda pod: (pod.created_at, pod.id))


def _key_of(settings: Settings) -> SecretStr:
    if settings.runpod_api_key is not None:
        return settings.runpod_api_key
    if settings.runpod_key_secret is None:
        raise SettingsError(
            "no key of RunPod is set: JANITOR_RUNPOD_API_KEY, or JANITOR_RUNPOD_KEY_SECRET with its name in Secrets"
            f" Manager; put it in {settings.place_of('runpod_api_key')}"
        )
    return SecretStr(
        secret_value(CloudAccess.of(settings), f"{settings.news_secrets_prefix}{settings.runpod_key_secret}")
    )


_proved: set[tuple[str, str]] = set()


def _place_of(url: str, client: RunPodClient) -> Place:
    """The place of a key that the API has let in once in this process. Raises CloudError where it doesn't."""
    if (url, client.fingerprint) not in _proved:
        pods_of(client.get("/pods"))
        _proved.add((url, client.fingerprint))
    address = urlsplit(url)
    stand_in = None if url == RUNPOD_API_URL else f"{address.scheme}://{address.netloc}"
    return Place.of_runpod(stand_in=stand_in, key_fingerprint=client.fingerprint)
