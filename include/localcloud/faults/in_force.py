"""The faults in force: set and read through `/_localcloud/faults`; `localcloud.faults.rules` says what one can be."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from localcloud.faults.names import FaultError
from localcloud.faults.rules import Lagging, LaunchAsk, Paged, Rule, tags_match
from localcloud.machine_states import BoxFaults

__all__ = ["FaultBook", "FaultError"]


class FaultBook:
    """The rules in force. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Rule] = []

    def replace(self, data: Any) -> None:
        """Put these rules in force instead of all others. Raises FaultError; the old ones stay then."""
        if not isinstance(data, list):
            raise FaultError("faults are a JSON list of objects")
        rules = [Rule.parse(entry) for entry in data]
        with self._lock:
            self._rules = rules

    def list(self) -> Sequence[dict[str, Any]]:
        """The rules as JSON data, without those whose time has passed."""
        with self._lock:
            self._rules = [rule for rule in self._rules if not rule.over]
            return [rule.to_dict() for rule in self._rules]

    def take_api(
        self, action: str, service: str = "", launch: Callable[[], LaunchAsk] = LaunchAsk, *, path: str = ""
    ) -> Rule | None:
        """The first rule that fires for an API action of a service (its signing name).

        Args:
            action: for example `RunInstances`.
            service: the name that the request was signed for.
            launch: tells what a RunInstances call asks for; called only where a rule is narrowed by that.
            path: the request's; for an object of S3 bucket and key are in it.
        """
        for rule in self._rules:  # outside the lock: reading a launch may ask moto
            if rule.applies_to(action, service, launch, path):
                with self._lock:
                    if rule.take():
                        return rule
        return None

    def lag(self, *apis: Lagging) -> timedelta:
        """How far behind the truth the answer to one of these APIs is now."""
        with self._lock:
            lags = [rule.seconds or 0 for rule in self._rules if rule.lag in apis and rule.take()]
        return timedelta(seconds=max(lags, default=0))

    def take_empty_page(self, api: Paged) -> bool:
        """Whether this API answers an empty page now, with more behind it."""
        with self._lock:
            return any(rule.empty_page == api and rule.take() for rule in self._rules)

    def take_box(self, tags: Mapping[str, str], *, spot: bool = False) -> BoxFaults:
        """What goes wrong with an instance that is being launched with these tags."""
        with self._lock:
            fired = [
                fault
                for rule in self._rules
                if rule.box and tags_match(rule.tags, tags)
                for fault in [rule.box_faults()]
                if (spot or fault.spot_interruption is None) and rule.take()
            ]
        return BoxFaults(
            no_agent=any(fault.no_agent for fault in fired),
            hang=any(fault.hang for fault in fired),
            no_start=any(fault.no_start for fault in fired),
            agent_death=any(fault.agent_death for fault in fired),
            die_after=next((fault.die_after for fault in fired if fault.die_after is not None), None),
            slow_boot=sum((fault.slow_boot for fault in fired), timedelta(0)),
            spot_interruption=next((f.spot_interruption for f in fired if f.spot_interruption is not None), None),
        )
