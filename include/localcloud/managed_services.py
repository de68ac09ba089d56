"""The services that act by themselves: EventBridge and its Scheduler, Lambda, CloudWatch alarms, SNS.

Each is put in place (imported, patched, and its definitions read from disk) when it is needed first: by a request, or
at the start where there is something of it on disk. Most local clouds never need them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localcloud.box.containment import Containment
from localcloud.events.definitions_disk import Definitions, DefinitionsDisk
from localcloud.events.internal_api import InternalApi
from localcloud.lambda_.process import Outcome
from localcloud.requests.sigv4 import Key
from localcloud.settings import ACCOUNT_ID, function_environment

if TYPE_CHECKING:  # it loads moto's EventBridge
    from localcloud.events.bus import EventBus

log = logging.getLogger(__name__)

TICK_SECONDS = 0.25
READING = ("Get", "List", "Describe", "Invoke", "Publish", "PutEvents", "PutMetricData", "Test", "Head")
"""Actions that change no definition."""

Tick = Callable[[datetime], None]


class ManagedServices:
    """Puts services in place, lets them act, and keeps what is defined in them.

    Args:
        home: the local cloud's folder.
        key: the local cloud's own; functions act with it.
        endpoint_url: where functions find the local cloud.
        containment: how the processes of functions are held together.
    """

    def __init__(self, home: Path, key: Key, endpoint_url: str, containment: Containment) -> None:
        self._home = home
        self._containment = containment
        self._key = key
        self._endpoint_url = endpoint_url
        self._disk = DefinitionsDisk(home / "definitions")
        self._lock = threading.RLock()
        self._definitions: dict[str, Definitions] = {}
        self._ticks: list[Tick] = []
        self._api: InternalApi | None = None
        self._bus: EventBus | None = None
        self._installers: dict[str, Callable[[], Definitions]] = {
            "scheduler": self._install_scheduler,
            "lambda": self._install_lambda,
            "events": self._install_events,
            "monitoring": self._install_alarms,
            "sns": self._install_sns,
        }
        self._patches: dict[str, Callable[[], None]] = {"budgets": _patch_budgets}
        """Of services that neither act nor are kept; each is applied once."""
        self._under_way: Callable[[], dict[str, int]] = dict

    @property
    def api(self) -> InternalApi:
        """The way to the local cloud's own APIs."""
        assert self._api is not None, "start() comes first"
        return self._api

    def invocations(self) -> dict[str, int]:
        """By function, how many of its invocations are not over."""
        return self._under_way()

    def start(self, api: InternalApi) -> None:
        """Put what is on disk in place, and begin to act."""
        self._api = api
        for service in self._installers:
            if self._disk.has(service):
                self.prepare(service)
        threading.Thread(target=self._keep_time, name="clock", daemon=True).start()

    def prepare(self, service: str, action: str = "") -> None:
        """Put a service in place, if it is one of these and isn't yet. Call it before moto sees a request.

        Raises:
            OSError: The request may change a definition, and the disk has no room for it.
        """
        if service in self._patches:
            with self._lock:
                if patch := self._patches.pop(service, None):
                    patch()
        if service not in self._installers:
            return
        with self._lock:
            if service not in self._definitions:
                definitions = self._installers[service]()
                self._disk.load(service, definitions)
                self._definitions[service] = definitions
        if action and not action.startswith(READING):
            self._disk.check_room(service)

    def keep(self, service: str, action: str = "") -> None:
        """Write what a request, or the service itself, has changed."""
        definitions = self._definitions.get(service)
        if definitions is not None and not action.startswith(READING):
            self._disk.save(service, definitions)

    def _keep_time(self) -> None:
        while True:
            time.sleep(TICK_SECONDS)
            for tick in list(self._ticks):
                try:
                    tick(datetime.now(timezone.utc))
                except Exception:
                    log.exception("a service could not act")

    # The services

    def _install_scheduler(self) -> Definitions:
        from moto.scheduler.models import scheduler_backends  # noqa: PLC0415  # loaded where it is needed alone

        from localcloud.events import scheduler_api  # noqa: PLC0415  # loaded where it is needed alone
        from localcloud.events.scheduler import ScheduleRunner  # noqa: PLC0415  # loaded where it is needed alone

        scheduler_api.install()
        self._ticks.append(ScheduleRunner(self.api, lambda: self.keep("scheduler")).tick)
        return _definitions(scheduler_backends, scheduler_api)

    def _install_lambda(self) -> Definitions:
        from moto.awslambda.models import lambda_backends  # noqa: PLC0415  # loaded where it is needed alone

        from localcloud.lambda_ import api as lambda_api  # noqa: PLC0415  # loaded where it is needed alone
        from localcloud.lambda_.process import FunctionProcesses  # noqa: PLC0415  # loaded where it is needed alone

        environment = function_environment(self._endpoint_url, self._key.access_key_id, self._key.secret_access_key)
        processes = FunctionProcesses(self._home / "functions", environment, self._containment)
        service = lambda_api.LambdaService(processes, self._measure)
        self._under_way = service.under_way
        lambda_api.install(service)
        return _definitions(lambda_backends, lambda_api)

    def _measure(self, region: str, function: str, outcome: Outcome) -> None:
        self.prepare("monitoring")
        from localcloud.events.alarms import put_function_metrics  # noqa: PLC0415  # loaded where it is needed alone

        put_function_metrics(region, function, failed=outcome.error is not None, duration=outcome.duration)

    def _install_events(self) -> Definitions:
        from moto.events.models import events_backends  # noqa: PLC0415  # loaded where it is needed alone

        from localcloud.events import bus as events_bus  # noqa: PLC0415  # loaded where it is needed alone

        self._bus = events_bus.EventBus(self.api)
        events_bus.install(self._bus)
        self._ticks.append(self._bus.tick)
        return _definitions(events_backends, events_bus)

    def announce(
        self, region: str, source: str, detail_type: str, detail: dict[str, Any], resources: list[str]
    ) -> None:
        """Put an event of a service on the default bus, where somebody may have made a rule for it."""
        if self._bus is not None:
            self._bus.put(region, source, detail_type, detail, resources)

    def _install_alarms(self) -> Definitions:
        from moto.cloudwatch.models import cloudwatch_backends  # noqa: PLC0415  # loaded where it is needed alone

        from localcloud.events import alarms  # noqa: PLC0415  # loaded where it is needed alone

        watch = alarms.AlarmWatch(self.api, self.announce, lambda: self.keep("monitoring"))
        alarms.install(watch)
        self._ticks.append(watch.tick)
        return _definitions(cloudwatch_backends, alarms)

    def _install_sns(self) -> Definitions:
        from moto.sns.models import sns_backends  # noqa: PLC0415  # loaded where it is needed alone

        from localcloud.events import sns_api  # noqa: PLC0415  # loaded where it is needed alone

        sns_api.install(self.api)
        return _definitions(sns_backends, sns_api)


def _patch_budgets() -> None:
    from localcloud.provisioning import budgets  # noqa: PLC0415  # loaded where it is needed alone

    budgets.install()


def _definitions(backends: Any, module: Any) -> Definitions:
    """The definitions of a moto service whose module here has `export` and `restore`."""
    return Definitions(
        backends=lambda: backends[ACCOUNT_ID],
        backend=lambda region: backends[ACCOUNT_ID][region],
        export=module.export,
        restore=module.restore,
    )
