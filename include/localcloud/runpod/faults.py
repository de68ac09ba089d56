"""What goes wrong on purpose, by name: set and read through `/_localcloud/faults` with the account's key.

    {"fault": "capacity-400", "gpu": "NVIDIA L4"}, {"fault": "throttled-429", "seconds": 12, "times": 1}
    {"fault": "slow-list", "seconds": 3}, {"fault": "outage", "for_seconds": 600}

A fault acts `times` times (default: always), until `for_seconds` have passed. One that is about creates or pods is
narrowed by `gpu`, wildcards included.
"""

from __future__ import annotations

import fnmatch
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class FaultError(ValueError):
    """A fault can't be understood."""


class Fault(str, Enum):
    """Every one, with what it does."""

    summary: str

    def __new__(cls, value: str, summary: str) -> Fault:
        """A member with its words."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.summary = summary
        return member

    CAPACITY = "capacity-400", "a create is refused for lack of capacity: 400"
    RULE = "rule-400", "a create is refused because it breaks a rule: 400, in other words"
    BALANCE = "balance-402", "a create is refused for lack of credit: 402"
    POOL = "pool-403", "a create is refused because the account may not use the pool: 403"
    THROTTLED = "throttled-429", "a call is refused as one too many: 429 with Retry-After of `seconds` (default 1)"
    MOVED = "unknown-field-422", "a create is refused because the API has lost a field: 422"
    CREATED_500 = "created-500", "a create answers 500, and the pod is there"
    CREATED_SILENT = "created-silent", "a create gives no answer, and the pod is there"
    REFUSED_500 = "refused-500", "a create answers 500, and there is no pod"
    DUPLICATE = "duplicate", "a create makes two pods of the same name"
    SLOW_LIST = "slow-list", "lists and looks show what was true `seconds` (default 2) ago"
    FAILED_LIST = "failed-list", "a list answers 503"
    DELETE_500 = "delete-500", "a DELETE answers 500, and the pod is gone"
    DELETE_REFUSED = "delete-refused", "a DELETE answers 500, and nothing happens"
    OUTAGE = "outage", "every call answers 503"
    DEAD = "dead-running", "a pod is RUNNING, and nothing runs in it"
    STUCK = "stuck-starting", "a pod never gets beyond STARTING"
    EXITS = "exits", "a pod's start command ends at once and is started again, whatever it is"
    HANGS = "hangs", "a pod's start command is replaced by one that does nothing for ever"
    ERRS = "errs", "a pod's container comes to ERROR"
    BY_HAND = "deleted-by-hand", "somebody deletes a pod `seconds` (default 0) after it began to run"


POD_FAULTS = (Fault.DEAD, Fault.STUCK, Fault.EXITS, Fault.HANGS, Fault.ERRS, Fault.BY_HAND)
"""Of a pod from its create on."""
_DEFAULT_SECONDS = {Fault.THROTTLED: 1.0, Fault.SLOW_LIST: 2.0, Fault.BY_HAND: 0.0}
_KEYS = {"fault", "gpu", "times", "seconds", "for_seconds"}


@dataclass
class Rule:
    """One fault in force; `times` counts down."""

    fault: Fault
    gpu: str = "*"
    times: int | None = None
    seconds: float = 0.0
    ends_at: float | None = None

    @classmethod
    def parse(cls, data: Any) -> Rule:
        """Build one from JSON data. Raises FaultError."""
        if not isinstance(data, dict) or set(data) - _KEYS:
            raise FaultError(f"a fault is an object of {', '.join(sorted(_KEYS))}, not {data!r}")
        fault = next((one for one in Fault if one.value == data.get("fault")), None)
        if fault is None:
            raise FaultError(f"unknown fault {data.get('fault')!r}; known: {', '.join(one.value for one in Fault)}")
        for key in ("times", "seconds", "for_seconds"):
            value = data.get(key, 0)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
                raise FaultError(f"{key} is a number that isn't negative, not {value!r}")
        lasts = data.get("for_seconds")
        return cls(
            fault=fault,
            gpu=str(data.get("gpu", "*")),
            times=data.get("times"),
            seconds=float(data.get("seconds", _DEFAULT_SECONDS.get(fault, 0.0))),
            ends_at=None if lasts is None else time.monotonic() + lasts,
        )

    def takes(self, gpu: str) -> bool:
        """Whether it acts now; counts it."""
        over = self.ends_at is not None and time.monotonic() >= self.ends_at
        if over or self.times == 0 or not fnmatch.fnmatchcase(gpu, self.gpu):
            return False
        if self.times is not None:
            self.times -= 1
        return True

    def to_dict(self) -> dict[str, Any]:
        """It as JSON data, with what is left of `times`."""
        data = {"fault": self.fault.value, "gpu": self.gpu, "times": self.times, "seconds": self.seconds}
        return {key: value for key, value in data.items() if value is not None}


@dataclass
class FaultBook:
    """The faults in force. Safe to use from any thread."""

    _rules: list[Rule] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def replace(self, data: Any) -> None:
        """Put these in force instead of all others. Raises FaultError; the old ones stay then."""
        if not isinstance(data, list):
            raise FaultError("faults are a JSON list of objects")
        rules = [Rule.parse(one) for one in data]
        with self._lock:
            self._rules = rules

    def list(self) -> Sequence[dict[str, Any]]:
        """Those in force, as JSON data."""
        with self._lock:
            return [rule.to_dict() for rule in self._rules]

    def is_in_force(self, fault: Fault, gpu: str) -> bool:
        """Whether it would act on this GPU's pods now; counts nothing."""
        with self._lock:
            return any(
                rule.fault is fault and rule.times != 0 and fnmatch.fnmatchcase(gpu, rule.gpu) for rule in self._rules
            )

    def take(self, *faults: Fault, gpu: str = "") -> Rule | None:
        """The first of these that acts now."""
        with self._lock:
            return next((rule for rule in self._rules if rule.fault in faults and rule.takes(gpu)), None)
