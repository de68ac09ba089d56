"""A provider of instances with what a test needs beside it: requests, trouble in its own words, a clean end."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import Any
from uuid import UUID, uuid4

import pytest

from janitor.domain.config.fields import Market
from janitor.domain.identity import TAG_DEPLOYMENT
from janitor.domain.launch.order import LaunchIdentity
from janitor.domain.launch.owner import Owner
from janitor.domain.launch.provider import InstanceProvider, InstanceSeen, LaunchRequest, LaunchSource
from janitor.domain.states import InstanceState, OwnerKind
from janitor.services.ending.guest_timer import guest_user_data
from janitor.services.provider import provider_of, runpod_of
from janitor.settings import Settings
from tests.support.localcloud_server import LocalCloudServer
from tests.support.runpod_server import RunPodServer

WAIT_SECONDS = 60.0
_LONGEST_PAID_POD = timedelta(minutes=10)
_PAID_TESTS = 8


class Trouble(Enum):
    """What can go wrong at any provider."""

    NONE = "none"
    CAPACITY = "no capacity"
    THROTTLED = "too many calls"
    QUOTA = "nothing more may be launched"
    UNHEARD = "launched, and no answer came"
    OUTAGE = "nothing is answered"
    BLIND = "nobody may look or end anything"
    LATE = "what was made doesn't show at once"


def eventually(probe: Callable[[], Any], seconds: float = WAIT_SECONDS) -> Any:
    """Poll until `probe` returns something true, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := probe()):
        assert time.monotonic() < deadline, f"not within {seconds} s, last: {found!r}"
        time.sleep(0.05)
    return found


class Bench:
    """One provider."""

    instance_type: str
    wait_seconds = WAIT_SECONDS

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @property
    def provider(self) -> InstanceProvider:
        """Made anew each time, as each process makes its own."""
        raise NotImplementedError

    def trouble(self, trouble: Trouble) -> None:
        """Let something go wrong from now on; NONE ends it."""
        raise NotImplementedError

    def request(
        self,
        *,
        owner_id: UUID | None = None,
        market: Market = Market.ON_DEMAND,
        lives: timedelta = timedelta(minutes=10),
        generation: int = 1,
        instance_type: str | None = None,
    ) -> LaunchRequest:
        """A worker's instance, as an intent asks for it."""
        now = datetime.now(timezone.utc)
        identity = LaunchIdentity(
            deployment=self.settings.deployment,
            owner=Owner(kind=OwnerKind.WORKER, id=owner_id or uuid4()),
            run_id=None,
            generation=generation,
            name="worker",
            repository_name=None,
            deadline_at=now + lives,
            expires_at=now + lives,
            intent_at=now,
        )
        return LaunchRequest(
            client_token=identity.client_token,
            generation=identity.generation,
            source=self.source(),
            tags=identity.tags,
            instance_type=instance_type or self.instance_type,
            market=market,
            subnet_id=None,
            user_data=guest_user_data(now + lives),
            ends_itself_at=now + lives,
        )

    def source(self) -> LaunchSource:
        """What is launched."""
        return self.provider.launch_source()

    def seen(self) -> list[InstanceSeen]:
        """The deployment's live instances."""
        return self.provider.find(TAG_DEPLOYMENT, self.settings.deployment)

    def running(self, instance_id: str) -> InstanceSeen:
        """An instance, once it runs."""

        def probe() -> InstanceSeen | None:
            one = self.provider.describe(instance_id)
            return one if one is not None and one.state is InstanceState.RUNNING else None

        found: InstanceSeen = eventually(probe, self.wait_seconds)
        return found

    def is_over(self, instance_id: str) -> bool:
        """Whether the provider shows an instance ended, or doesn't know it any more."""
        one = self.provider.describe(instance_id)
        return one is None or one.state is InstanceState.TERMINATED

    def clear(self) -> None:
        """Leave nothing."""
        self.trouble(Trouble.NONE)
        self.provider.terminate([one.instance_id for one in self.seen()])
        eventually(lambda: not self.seen(), self.wait_seconds)


class Ec2Bench(Bench):
    """EC2, by the local cloud."""

    instance_type = "g5.xlarge"

    def __init__(self, settings: Settings, server: LocalCloudServer) -> None:
        super().__init__(settings)
        self.server = server

    @property
    def provider(self) -> InstanceProvider:
        return provider_of(self.settings)

    def source(self) -> LaunchSource:
        return LaunchSource(image="ami-0123456789abcdef0")

    def trouble(self, trouble: Trouble) -> None:
        rules: dict[Trouble, list[dict[str, Any]]] = {
            Trouble.NONE: [],
            Trouble.CAPACITY: [{"fault": "capacity"}],
            Trouble.THROTTLED: [{"api": "RunInstances", "code": "Throttling"}],
            Trouble.QUOTA: [{"fault": "quota"}],
            Trouble.UNHEARD: [{"api": "RunInstances", "drop": True, "when": "after", "times": 1}],
            Trouble.OUTAGE: [{"api": "RunInstances", "code": "ServiceUnavailable"}],
            # Nothing that boto3 tries again for a while.
            Trouble.BLIND: [{"api": f"{verb}Instances", "code": "Refused"} for verb in ("Describe", "Terminate")],
            Trouble.LATE: [{"fault": "describe-lag", "seconds": 0.5}],
        }
        self.server.set_faults(*rules[trouble])


class RunPodBench(Bench):
    """RunPod, by its stand-in."""

    instance_type = "NVIDIA L4"

    def __init__(self, settings: Settings, server: RunPodServer) -> None:
        super().__init__(settings)
        self.server = server

    @property
    def provider(self) -> InstanceProvider:
        return runpod_of(self.settings)

    def source(self) -> LaunchSource:
        return LaunchSource(image="example/worker:1")

    def trouble(self, trouble: Trouble) -> None:
        rules: dict[Trouble, list[dict[str, Any]]] = {
            Trouble.NONE: [],
            Trouble.CAPACITY: [{"fault": "capacity-400"}],
            Trouble.THROTTLED: [{"fault": "throttled-429", "seconds": 1, "times": 1}],
            Trouble.QUOTA: [{"fault": "balance-402"}],
            Trouble.UNHEARD: [{"fault": "created-silent", "times": 1}],
            Trouble.OUTAGE: [{"fault": "outage"}],
            Trouble.BLIND: [{"fault": "outage"}],
            Trouble.LATE: [{"fault": "slow-list", "seconds": 0.5}],
        }
        self.server.set_faults(*rules[trouble])

    def alive(self) -> list[dict[str, Any]]:
        """What is true of the deployment's pods, whatever the API shows."""
        return self.server.alive(f"janitor-{self.settings.deployment}-")


class PaidBench(Bench):
    """RunPod itself: the cheapest GPU that there seems to be, and no more than a limit."""

    wait_seconds = 600.0

    def __init__(self, settings: Settings, most_usd: float) -> None:
        super().__init__(settings)
        offers = runpod_of(settings).offers().values()
        there = [one for one in offers if one.usd_hour and one.availability is not None and one.availability != "NONE"]
        if not there:
            pytest.skip("RunPod's catalog shows no GPU that is available")
        cheapest = min(there, key=lambda one: one.usd_hour or 0)
        worst = float(cheapest.usd_hour or 0) * _LONGEST_PAID_POD.total_seconds() / 3600 * _PAID_TESTS
        if worst > most_usd:
            pytest.skip(f"{_PAID_TESTS} pods of {cheapest.id} could cost {worst:.2f} USD, the limit is {most_usd:.2f}")
        self.instance_type = cheapest.id

    @property
    def provider(self) -> InstanceProvider:
        return runpod_of(self.settings)

    def trouble(self, trouble: Trouble) -> None:
        if trouble is not Trouble.NONE:
            pytest.skip(f"RunPod itself can't be told to have trouble ({trouble.value})")
