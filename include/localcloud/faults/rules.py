"""Fault rules: what one says, and what it applies to. `localcloud.faults.in_force` keeps those that are in force.

    {"api": "RunInstances", "code": "InsufficientInstanceCapacity", "times": 2}
    {"api": "RunInstances", "code": "SpotMaxPriceTooLow", "match": {"InstanceType": "g5.*", "market": "spot"}}
    {"api": "Describe*", "service": "ec2", "code": "Throttling", "rate": 0.2, "for_seconds": 20}
    {"api": "SendCommand", "latency_seconds": 3}, {"api": "RunInstances", "latency_after_seconds": 6}
    {"api": "RunInstances", "drop": true, "when": "after"}
    {"lag": "DescribeInstances", "seconds": 5}, {"lag": "ListCommandInvocations", "seconds": 5}
    {"api": "PutObject", "path": "*.sign", "code": "AccessDenied"}
    {"empty_page": "GetLogEvents", "times": 2}
    {"box": "no-agent"}, {"box": "no-start"}, {"box": "agent-death"}
    {"box": "hang", "tags": {"Name": "janitor-broken-*"}, "times": 1}
    {"box": "die-after:5"}, {"box": "slow-boot:20"}, {"box": "spot-interruption:5+120"}
    {"fault": "spot-capacity", "instance_type": "g5.*"}

A rule fires `times` times (default: always), each time with probability `rate` (default 1), until `for_seconds` have
passed. `api`, `service`, `path` (the request's) and the values of `match` and `tags` may hold wildcards. `fault` is
shorthand for one of the others: see `localcloud.faults.names`.

An api rule acts before the request has an effect: it waits `latency_seconds`, then answers with `code` or drops the
connection. With `latency_after_seconds`, or `"when": "after"`, the request is carried out first. The code `Throttling`
is put in the words of the service that is asked.

An empty page has more behind it, as AWS may answer; how often has to be said, as a reader goes on until there is one.

A box rule is applied when an instance is launched. `spot-interruption:S+W` warns a spot instance S seconds after its
boot, and ends it W seconds (default 120) later.
"""

from __future__ import annotations

import fnmatch
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import Any

from localcloud.faults.names import FaultError, expand
from localcloud.faults.words import DEFAULT_MESSAGE, HTTP_STATUS, MESSAGES, SERVICE_ALIASES, THROTTLED, throttling_code
from localcloud.machine_states import BoxFaults

DEFAULT_WARNING = timedelta(seconds=120)
"""Source: EC2 user guide, "Spot Instance interruption notices": two minutes."""
BOX_FAULTS = ("no-agent", "hang", "no-start", "agent-death", "die-after", "slow-boot", "spot-interruption")
RUN_INSTANCES = "RunInstances"
MATCH_KEYS = ("InstanceType", "market", "availability_zone", "subnet")
KEYS_FOR_ALL = {"times", "rate", "for_seconds"}
API_KEYS = {
    *("api", "service", "path", "code", "message", "http_status", "latency_seconds", "latency_after_seconds"),
    *("drop", "when", "match", "tags"),
}
BOX_KEYS = {"box", "tags"}
LAG_KEYS = {"lag", "seconds"}
EMPTY_PAGE_KEYS = {"empty_page"}
KNOWN_KEYS = API_KEYS | BOX_KEYS | LAG_KEYS | EMPTY_PAGE_KEYS | KEYS_FOR_ALL
NUMBERS = ("http_status", "latency_seconds", "latency_after_seconds", "seconds", "times", "rate", "for_seconds")


class Moment(str, Enum):
    """Whether an api rule acts before the request has its effect, or after."""

    BEFORE = "before"
    AFTER = "after"


class Lagging(str, Enum):
    """The APIs that can show a state that is no longer true."""

    INSTANCES = "DescribeInstances"
    COMMAND_LIST = "ListCommandInvocations"
    COMMAND = "GetCommandInvocation"


class Paged(str, Enum):
    """The APIs that can answer an empty page with more behind it."""

    LOG_EVENTS = "GetLogEvents"


@dataclass(frozen=True, kw_only=True)
class LaunchAsk:
    """What a RunInstances call asks for, with its launch template merged in. Empty: left open."""

    instance_type: str = ""
    market: str = "on-demand"
    availability_zone: str = ""
    subnet: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    def value(self, key: str) -> str:
        """What a key of `match` is compared with."""
        return self.instance_type if key == "InstanceType" else str(getattr(self, key))


@dataclass
class Rule:
    """One rule. `times` and `for_seconds` count down."""

    api: str | None = None
    service: str | None = None
    path: str | None = None
    box: str | None = None
    lag: str | None = None
    empty_page: str | None = None
    seconds: float | None = None
    code: str | None = None
    message: str | None = None
    http_status: int | None = None
    latency_seconds: float = 0.0
    latency_after_seconds: float = 0.0
    drop: bool = False
    when: str = Moment.BEFORE.value
    times: int | None = None
    rate: float = 1.0
    for_seconds: float | None = None
    tags: dict[str, str] = field(default_factory=dict)
    match: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._ends_at = None if self.for_seconds is None else time.monotonic() + self.for_seconds

    @classmethod
    def parse(cls, data: Any) -> Rule:
        """Build a rule from JSON data. Raises FaultError with the reason."""
        if not isinstance(data, dict):
            raise FaultError(f"a fault is an object, not {type(data).__name__}: {data!r}")
        data = expand(data)
        if unknown := set(data) - KNOWN_KEYS:
            raise FaultError(f"unknown key {sorted(unknown)} in {data!r}; known: {sorted(KNOWN_KEYS)} and 'fault'")
        _check_values(data)
        rule = cls(**data)
        kinds = {"api": API_KEYS, "box": BOX_KEYS, "lag": LAG_KEYS, "empty_page": EMPTY_PAGE_KEYS}
        named = [kind for kind in kinds if data.get(kind) is not None]
        if len(named) != 1:
            raise FaultError(f"a fault names either an api, a box fault, a lag or an empty page: {data!r}")
        if stray := set(data) - kinds[named[0]] - KEYS_FOR_ALL:
            raise FaultError(f"{sorted(stray)} makes no sense with {named[0]!r}: {data!r}")
        rule._check()
        return rule

    def _check(self) -> None:
        if self.api is not None:
            effects = (self.code, self.drop, self.latency_seconds > 0, self.latency_after_seconds > 0)
            if not any(effects):
                effects_known = "a code or latency_seconds, latency_after_seconds or drop"
                raise FaultError(f"an api fault needs {effects_known}: {self.to_dict()}")
            if self.code and self.drop:
                raise FaultError(f"an api fault has either a code or drop: {self.to_dict()}")
            if (self.match or self.tags) and not fnmatch.fnmatchcase(RUN_INSTANCES, self.api):
                raise FaultError(f"match and tags narrow {RUN_INSTANCES} alone: {self.to_dict()}")
            if unknown := set(self.match) - set(MATCH_KEYS):
                raise FaultError(f"unknown key {sorted(unknown)} in match; known: {', '.join(MATCH_KEYS)}")
            if self.service is not None:
                self.service = SERVICE_ALIASES.get(self.service, self.service)
        if self.box is not None:
            self.box_faults()
        if self.lag is not None:
            known = [api.value for api in Lagging]
            if self.lag not in known or not self.seconds:
                raise FaultError(f"a lag names one of {', '.join(known)}, and seconds: {self.to_dict()}")
        if self.empty_page is not None:
            known = [api.value for api in Paged]
            if self.empty_page not in known or self.times is None:
                raise FaultError(f"an empty page names one of {', '.join(known)}, and times: {self.to_dict()}")

    # What it does

    def code_for(self, service: str) -> str | None:
        """The error code, in the words of a service (its signing name)."""
        return throttling_code(service) if self.code == THROTTLED else self.code

    def status_for(self, service: str) -> int:
        """The HTTP status of the injected error."""
        return int(self.http_status or HTTP_STATUS.get(self.code_for(service) or "", 400))

    @property
    def status(self) -> int:
        """The HTTP status where the service doesn't matter."""
        return self.status_for("")

    @property
    def text(self) -> str:
        """The message of the injected error."""
        return self.message or MESSAGES.get(self.code or "", DEFAULT_MESSAGE)

    @property
    def after(self) -> bool:
        """Whether the request is carried out before the rule acts."""
        return self.when == Moment.AFTER or self.latency_after_seconds > 0

    def box_faults(self) -> BoxFaults:
        """The box fault that this rule names. Raises FaultError for an unknown one."""
        name, _, argument = (self.box or "").partition(":")
        try:
            if name == "die-after":
                return BoxFaults(die_after=_seconds(argument))
            if name == "slow-boot":
                return BoxFaults(slow_boot=_seconds(argument))
            if name == "spot-interruption":
                after, _, warning = argument.partition("+")
                warned = _seconds(warning) if warning else DEFAULT_WARNING
                return BoxFaults(spot_interruption=(_seconds(after), warned))
        except ValueError as exc:
            raise FaultError(f"box fault {self.box!r} needs a number of seconds after the colon") from exc
        if name not in BOX_FAULTS or argument:
            raise FaultError(f"unknown box fault {self.box!r}; known: {', '.join(BOX_FAULTS)}")
        return BoxFaults(
            no_agent=name == "no-agent",
            hang=name == "hang",
            no_start=name == "no-start",
            agent_death=name == "agent-death",
        )

    # When it does it

    @property
    def over(self) -> bool:
        """Whether its time has passed."""
        return self._ends_at is not None and time.monotonic() >= self._ends_at

    def take(self) -> bool:
        """Whether the rule fires now; counts it."""
        if self.over or self.times == 0 or random.random() >= self.rate:  # noqa: S311  (not for cryptography)
            return False
        if self.times is not None:
            self.times -= 1
        return True

    def applies_to(self, action: str, service: str, launch: Callable[[], LaunchAsk], path: str = "") -> bool:
        """Whether this rule is about such a call. `launch` is asked only where the rule narrows launches."""
        if self.api is None or not fnmatch.fnmatchcase(action, self.api):
            return False
        if self.service is not None and not fnmatch.fnmatchcase(service, self.service):
            return False
        if self.path is not None and not fnmatch.fnmatchcase(path, self.path):
            return False
        if not self.match and not self.tags:
            return True
        if action != RUN_INSTANCES:
            return False
        ask = launch()
        narrowed = all(fnmatch.fnmatchcase(ask.value(key), pattern) for key, pattern in self.match.items())
        return narrowed and tags_match(self.tags, ask.tags)

    def to_dict(self) -> dict[str, Any]:
        """The rule as JSON data, with what is left of `times` and `for_seconds`."""
        data = {key: value for key, value in vars(self).items() if key in KNOWN_KEYS}
        if self._ends_at is not None:
            data["for_seconds"] = round(max(0.0, self._ends_at - time.monotonic()), 3)
        if self.api is None:
            data = {key: data[key] for key in ("box", "lag", "empty_page", "seconds", "tags", *KEYS_FOR_ALL)}
        return {key: value for key, value in data.items() if value is not None and value is not False and value != {}}


def tags_match(patterns: Mapping[str, str], tags: Mapping[str, str]) -> bool:
    """Whether every pattern fits the tag of its name."""
    return all(fnmatch.fnmatchcase(tags.get(key, ""), pattern) for key, pattern in patterns.items())


def _seconds(text: str) -> timedelta:
    return timedelta(seconds=float(text))


def _check_values(data: Mapping[str, Any]) -> None:
    for key, value in data.items():
        if key in NUMBERS:
            if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
                raise FaultError(f"{key} is a number that isn't negative, not {value!r}")
        elif key in ("tags", "match"):
            if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
                raise FaultError(f"{key} is an object of texts, not {value!r}")
        elif key == "drop":
            if not isinstance(value, bool):
                raise FaultError(f"drop is true or false, not {value!r}")
        elif not isinstance(value, str):
            raise FaultError(f"{key} is a text, not {value!r}")
    if "when" in data and data["when"] not in [moment.value for moment in Moment]:
        raise FaultError(f"when is 'before' or 'after', not {data['when']!r}")
