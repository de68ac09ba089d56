"""Why a worker's machine ends, from why the worker does."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from janitor.domain.pool.states import WorkerEnd
from janitor.domain.states import TerminationReason

_REASONS: Mapping[WorkerEnd, TerminationReason] = MappingProxyType(
    {
        WorkerEnd.IDLE: TerminationReason.IDLE,
        WorkerEnd.DRAINED: TerminationReason.DRAINED,
        WorkerEnd.RECYCLED: TerminationReason.RECYCLED,
        WorkerEnd.OTHER_TRUST: TerminationReason.RECYCLED,
        WorkerEnd.LOST: TerminationReason.LOST_WORKER,
        WorkerEnd.QUARANTINED: TerminationReason.QUARANTINED,
        WorkerEnd.SPAWN_TIMEOUT: TerminationReason.SPAWN_TIMEOUT,
        WorkerEnd.SPAWN_FAILED: TerminationReason.LAUNCH_FAILED,
        WorkerEnd.STOPPED: TerminationReason.DRAINED,
        WorkerEnd.OPERATOR: TerminationReason.OPERATOR_KILL,
    }
)


def termination_reason_of(end: WorkerEnd) -> TerminationReason:
    """What the ledger says of the machine."""
    return _REASONS[end]
