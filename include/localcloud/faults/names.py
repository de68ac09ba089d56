"""Faults by name: shorthand for the rules that are wanted most.

{"fault": "capacity", "instance_type": "g5.*", "market": "spot", "times": 3}
{"fault": "throttling", "service": "ec2", "rate": 0.3, "for_seconds": 30}
{"fault": "slow-boot", "seconds": 20}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from localcloud.faults.words import THROTTLED

ALWAYS = {"fault", "times", "rate", "for_seconds", "message"}
LAUNCH_KEYS = {
    "instance_type": "InstanceType",
    "market": "market",
    "availability_zone": "availability_zone",
    "subnet": "subnet",
}


class FaultError(ValueError):
    """A fault rule can't be understood."""


@dataclass(frozen=True, kw_only=True)
class NamedFault:
    """What a name stands for."""

    summary: str
    rule: Mapping[str, Any] = field(default_factory=dict)
    keys: frozenset[str] = frozenset()
    box: str = ""
    """A box fault that takes `seconds`, or none."""
    default_seconds: float | None = None


_LAUNCH = frozenset({*LAUNCH_KEYS, "tags"})
_SERVICE = frozenset({"service", "api"})
_TAGGED = frozenset({"tags"})


def _refused(code: str, summary: str, **match: str) -> NamedFault:
    rule: dict[str, Any] = {"api": "RunInstances", "code": code}
    if match:
        rule["match"] = match
    return NamedFault(summary=summary, rule=rule, keys=_LAUNCH)


NAMED_FAULTS: Mapping[str, NamedFault] = {
    "capacity": _refused("InsufficientInstanceCapacity", "no capacity for launches"),
    "spot-capacity": _refused("InsufficientInstanceCapacity", "no spot capacity", market="spot"),
    "spot-price": _refused("SpotMaxPriceTooLow", "the spot price is above the offer", market="spot"),
    "quota": _refused("VcpuLimitExceeded", "the vCPU quota is used up"),
    "spot-quota": _refused("MaxSpotInstanceCountExceeded", "the spot quota is used up", market="spot"),
    "permission": _refused("UnauthorizedOperation", "launches are not allowed"),
    "throttling": NamedFault(
        summary="calls are refused as too many, in each service's own words",
        rule={"api": "*", "code": THROTTLED},
        keys=_SERVICE,
    ),
    "outage": NamedFault(
        summary="every call of a service, or of all, fails",
        rule={"api": "*", "code": "ServiceUnavailable"},
        keys=_SERVICE,
    ),
    "slow-boot": NamedFault(summary="instances boot late", box="slow-boot", keys=_TAGGED),
    "no-agent": NamedFault(summary="the SSM agent never comes online", rule={"box": "no-agent"}, keys=_TAGGED),
    "hang": NamedFault(summary="commands never finish", rule={"box": "hang"}, keys=_TAGGED),
    "no-start": NamedFault(
        summary="commands are taken and never start; the SSM agent stays online",
        rule={"box": "no-start"},
        keys=_TAGGED,
    ),
    "agent-death": NamedFault(
        summary="the SSM agent takes a command and dies before it starts", rule={"box": "agent-death"}, keys=_TAGGED
    ),
    "die-after": NamedFault(summary="instances die after their boot", box="die-after", keys=_TAGGED),
    "spot-interruption": NamedFault(
        summary="spot instances are warned, then ended after warning_seconds (default 120)",
        box="spot-interruption",
        keys=_TAGGED | {"warning_seconds"},
    ),
    "describe-lag": NamedFault(
        summary="DescribeInstances shows what was true some seconds ago",
        rule={"lag": "DescribeInstances"},
        default_seconds=5,
    ),
    "command-lag": NamedFault(
        summary="ListCommandInvocations shows what was true some seconds ago",
        rule={"lag": "ListCommandInvocations"},
        default_seconds=5,
    ),
    "empty-pages": NamedFault(
        summary="GetLogEvents answers `times` (default 1) empty pages with more behind them",
        rule={"empty_page": "GetLogEvents", "times": 1},
    ),
}


def summaries() -> dict[str, str]:
    """Every name with what it does."""
    return {name: fault.summary for name, fault in NAMED_FAULTS.items()}


def expand(data: Mapping[str, Any]) -> dict[str, Any]:
    """The rule that a named fault stands for; other rules are returned as they are. Raises FaultError."""
    if "fault" not in data:
        return dict(data)
    name = data["fault"]
    named = NAMED_FAULTS.get(name) if isinstance(name, str) else None
    if named is None:
        raise FaultError(f"unknown fault {name!r}; known: {', '.join(NAMED_FAULTS)}")
    takes_seconds = bool(named.box) or named.default_seconds is not None
    allowed = ALWAYS | named.keys | ({"seconds"} if takes_seconds else set())
    if unknown := set(data) - allowed:
        raise FaultError(f"{sorted(unknown)} makes no sense with the fault {name!r}; it takes: {sorted(allowed)}")
    rule = {**named.rule, **{key: data[key] for key in ALWAYS | {"tags", *_SERVICE} if key in data and key != "fault"}}
    match = dict(named.rule.get("match", {}))
    match.update({LAUNCH_KEYS[key]: data[key] for key in LAUNCH_KEYS if key in data})
    if match:
        rule["match"] = match
    if takes_seconds:
        seconds = _number(name, data.get("seconds", named.default_seconds))
        if not named.box:
            rule["seconds"] = seconds
        elif "warning_seconds" in data:
            rule["box"] = f"{named.box}:{seconds}+{_number(name, data['warning_seconds'])}"
        else:
            rule["box"] = f"{named.box}:{seconds}"
    if "message" in rule and "api" not in rule:
        raise FaultError(f"the fault {name!r} has no message")
    return rule


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        raise FaultError(f"the fault {name!r} needs seconds, a number that isn't negative")
    return value
