"""Faults on purpose: a list of rules, set and read through `/_localcloud/faults`.

    {"api": "RunInstances", "code": "InsufficientInstanceCapacity", "times": 2}
    {"api": "DescribeInstances", "code": "RequestLimitExceeded", "rate": 0.2}
    {"api": "SendCommand", "latency_seconds": 3}
    {"box": "no-agent"}, {"box": "hang", "tags": {"Name": "janitor-broken-*"}, "times": 1}
    {"box": "die-after:5"}, {"box": "slow-boot:20"}

A rule fires `times` times (default: always), each time with probability `rate` (default 1). A box rule is applied
when an instance is launched, to instances whose tags match `tags`.
"""

from __future__ import annotations

import fnmatch
import random
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from localcloud.machines import BoxFaults

HTTP_STATUS = {
    "InsufficientInstanceCapacity": 500,
    "InternalError": 500,
    "InternalFailure": 500,
    "InternalServerError": 500,
    "RequestLimitExceeded": 503,
    "ServiceUnavailable": 503,
    "SlowDown": 503,
    "Unavailable": 503,
    "AccessDenied": 403,
    "UnauthorizedOperation": 403,
}
"""What AWS answers with; any other code is a 400."""

BOX_FAULTS = ("no-agent", "hang", "die-after", "slow-boot")
KNOWN_KEYS = {"api", "box", "code", "message", "http_status", "latency_seconds", "times", "rate", "tags"}


class FaultError(ValueError):
    """A fault rule can't be understood."""


@dataclass
class Rule:
    """One rule. `times` counts down."""

    api: str | None = None
    box: str | None = None
    code: str | None = None
    message: str = "injected by the local cloud"
    http_status: int | None = None
    latency_seconds: float = 0.0
    times: int | None = None
    rate: float = 1.0
    tags: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, data: Any) -> Rule:
        """Build a rule from JSON data. Raises FaultError with the reason."""
        if not isinstance(data, dict):
            raise FaultError(f"a fault is an object, not {type(data).__name__}: {data!r}")
        if unknown := set(data) - KNOWN_KEYS:
            raise FaultError(f"unknown key {sorted(unknown)} in {data!r}; known: {sorted(KNOWN_KEYS)}")
        rule = cls(**data)
        if (rule.api is None) == (rule.box is None):
            raise FaultError(f"a fault names either an api or a box fault: {data!r}")
        if rule.api is not None and rule.code is None and rule.latency_seconds <= 0:
            raise FaultError(f"an api fault needs a code or latency_seconds: {data!r}")
        if rule.box is not None:
            rule.box_faults()
        return rule

    @property
    def status(self) -> int:
        """The HTTP status of the injected error."""
        return self.http_status or HTTP_STATUS.get(self.code or "", 400)

    def take(self) -> bool:
        """Whether the rule fires now; counts it."""
        if self.times == 0 or random.random() >= self.rate:  # noqa: S311  (not for cryptography)
            return False
        if self.times is not None:
            self.times -= 1
        return True

    def box_faults(self) -> BoxFaults:
        """The box fault that this rule names. Raises FaultError for an unknown one."""
        name, _, argument = (self.box or "").partition(":")
        try:
            if name == "die-after":
                return BoxFaults(die_after=timedelta(seconds=float(argument)))
            if name == "slow-boot":
                return BoxFaults(slow_boot=timedelta(seconds=float(argument)))
        except ValueError as exc:
            raise FaultError(f"box fault {self.box!r} needs a number of seconds after the colon") from exc
        if name not in BOX_FAULTS or argument:
            raise FaultError(f"unknown box fault {self.box!r}; known: {', '.join(BOX_FAULTS)}")
        return BoxFaults(no_agent=name == "no-agent", hang=name == "hang")

    def to_dict(self) -> dict[str, Any]:
        """The rule as JSON data, with what is left of `times`."""
        return {key: value for key, value in vars(self).items() if value not in (None, {})}


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
        """The rules as JSON data."""
        with self._lock:
            return [rule.to_dict() for rule in self._rules]

    def take_api(self, action: str) -> Rule | None:
        """The first rule that fires for an API action."""
        with self._lock:
            return next((rule for rule in self._rules if rule.api == action and rule.take()), None)

    def take_box(self, tags: Mapping[str, str]) -> BoxFaults:
        """What goes wrong with an instance that is being launched with these tags."""
        with self._lock:
            fired = [rule for rule in self._rules if rule.box and _matches(rule.tags, tags) and rule.take()]
        faults = [rule.box_faults() for rule in fired]
        return BoxFaults(
            no_agent=any(fault.no_agent for fault in faults),
            hang=any(fault.hang for fault in faults),
            die_after=next((fault.die_after for fault in faults if fault.die_after is not None), None),
            slow_boot=sum((fault.slow_boot for fault in faults), timedelta(0)),
        )


def _matches(patterns: Mapping[str, str], tags: Mapping[str, str]) -> bool:
    return all(fnmatch.fnmatchcase(tags.get(key, ""), pattern) for key, pattern in patterns.items())
