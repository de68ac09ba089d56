"""The faults of the local cloud that a cell puts in force."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.crash.cells import Fault

Rule = dict[str, Any]

OUTAGE_SECONDS = 20
LAG_SECONDS = 4
_WARNING_SECONDS = 6
_THROTTLED_RATE = 0.3

_RULES: dict[Fault, Sequence[Rule]] = {
    Fault.CAPACITY: [{"fault": "capacity", "times": 1}],
    Fault.QUOTA: [{"fault": "quota"}],
    Fault.THROTTLING: [{"fault": "throttling", "rate": _THROTTLED_RATE}],
    Fault.SLOW_BOOT: [{"fault": "slow-boot", "seconds": 12}],
    Fault.NO_AGENT: [{"fault": "no-agent"}],
    Fault.HANG: [],
    Fault.DEATH: [{"fault": "die-after", "seconds": 6}],
    Fault.EC2_OUTAGE: [{"fault": "outage", "service": "ec2", "for_seconds": OUTAGE_SECONDS}],
    Fault.SSM_OUTAGE: [{"fault": "outage", "service": "ssm", "for_seconds": OUTAGE_SECONDS}],
    Fault.S3_OUTAGE: [{"fault": "outage", "service": "s3", "for_seconds": OUTAGE_SECONDS}],
    Fault.DESCRIBE_LAG: [{"fault": "describe-lag", "seconds": LAG_SECONDS}],
    Fault.COMMAND_LAG: [{"fault": "command-lag", "seconds": LAG_SECONDS}],
    Fault.SPOT_INTERRUPTION: [],
}


def rules_of(fault: Fault) -> Sequence[Rule]:
    """The rules that a fault consists of."""
    return _RULES[fault]


def interruption(instance_id: str) -> dict[str, Any]:
    """The order that takes a spot instance back, after its warning."""
    return {"instance_id": instance_id, "warning_seconds": _WARNING_SECONDS}
