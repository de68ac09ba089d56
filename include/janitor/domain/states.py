"""States of runs, validations and instances, and which changes between them are allowed.

The database holds the same names as Postgres enumerations; a test compares the two. Transition rules live here once
and are handed to the database by the migration tests, so that code and constraint triggers can't drift apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType


class RunStatus(str, Enum):
    """State of a run. `running` → any of the others, which are final."""

    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"  # at least one repository is not successful
    ERROR = "error"  # the run itself could not be carried out
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing follows this state."""
        return self is not RunStatus.RUNNING


class RunKind(str, Enum):
    """How the repositories of a run share machines."""

    PARALLEL = "parallel"  # each has an instance of its own
    SEQUENTIAL = "sequential"  # they take turns on one instance, which belongs to the run


class RunPurpose(str, Enum):
    """What a run is for."""

    FLEET = "fleet"  # to know how the repositories are
    EXPERIMENT = "experiment"  # to answer a question of our own; it counts for nothing in their history


class ValidationStatus(str, Enum):
    """State of one repository within a run.

    `queued` → `launching` → `running` → a final state. Each of the first three may also go straight to a final state
    (a launch that is refused, a run that is cancelled).
    """

    QUEUED = "queued"
    LAUNCHING = "launching"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"  # the repository is at fault
    ERROR = "error"  # could not tell: cloud, host, network
    TIMED_OUT = "timed_out"
    INCOMPLETE = "incomplete"  # a required check was skipped
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing follows this state."""
        return not VALIDATION_TRANSITIONS[self]


class InstanceState(str, Enum):
    """State of a launch-ledger row: an EC2 state, or one of the two that only the ledger knows.

    `intent` is committed before RunInstances; `not_launched` closes an intent for which EC2 holds no instance.
    """

    INTENT = "intent"
    PENDING = "pending"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    SHUTTING_DOWN = "shutting-down"
    TERMINATED = "terminated"
    NOT_LAUNCHED = "not_launched"

    @property
    def is_live(self) -> bool:
        """Whether this row holds one of the deployment's concurrent places."""
        return self not in (InstanceState.TERMINATED, InstanceState.NOT_LAUNCHED)


class TerminationReason(str, Enum):
    """Why an instance ended. Closed: a new cause needs a new member and a migration."""

    FINISHED = "finished"  # its validation came to an end
    TIMEOUT = "timeout"  # the hard limit
    LAUNCH_FAILED = "launch_failed"
    NO_SIGN_OF_LIFE = "no_sign_of_life"  # it took its command, and nothing showed that it started
    INSTANCE_LOST = "instance_lost"  # ended by itself or by AWS before its validation did
    RUN_TEARDOWN = "run_teardown"  # terminate_all found it
    OPERATOR_KILL = "operator_kill"  # a person's word: kill-all-workers, cancel, terminate
    CANCELLED = "cancelled"  # a person stopped the Airflow task
    ORPHAN = "orphan"  # the reaper found it: nobody works on it any more
    OVERDUE = "overdue"  # the reaper found it alive past its expiry
    LEASE_EXPIRED = "lease_expired"  # a debug lease ran out
    SPOT_INTERRUPTED = "spot_interrupted"  # AWS took it back
    GUEST_TIMER = "guest_timer"  # it switched itself off at its expiry
    EXTERNAL_TIMER = "external_timer"  # its one-shot schedule in AWS
    EXTERNAL_REAPER = "external_reaper"  # the reaper's Lambda function
    IDLE = "idle"  # a pool had no work for its worker
    DRAINED = "drained"  # a pool wanted fewer workers, or a person did
    RECYCLED = "recycled"  # a pool's worker had had enough tasks, or was old enough
    LOST_WORKER = "lost_worker"  # a pool's worker, of which two kinds of evidence say that nothing comes any more
    QUARANTINED = "quarantined"  # a stranger left something on a pool's worker
    SPAWN_TIMEOUT = "spawn_timeout"  # a pool's worker, which never took an order


_FINAL_VALIDATION = frozenset(
    {
        ValidationStatus.SUCCESS,
        ValidationStatus.FAILED,
        ValidationStatus.ERROR,
        ValidationStatus.TIMED_OUT,
        ValidationStatus.INCOMPLETE,
        ValidationStatus.CANCELLED,
    }
)

VALIDATION_TRANSITIONS: Mapping[ValidationStatus, frozenset[ValidationStatus]] = MappingProxyType(
    {
        ValidationStatus.QUEUED: frozenset({ValidationStatus.LAUNCHING}) | _FINAL_VALIDATION,
        ValidationStatus.LAUNCHING: frozenset({ValidationStatus.RUNNING}) | _FINAL_VALIDATION,
        ValidationStatus.RUNNING: frozenset({ValidationStatus.LAUNCHING}) | _FINAL_VALIDATION,
        **{status: frozenset() for status in _FINAL_VALIDATION},
    }
)

_EC2_END = frozenset({InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED})

INSTANCE_TRANSITIONS: Mapping[InstanceState, frozenset[InstanceState]] = MappingProxyType(
    {
        InstanceState.INTENT: frozenset({InstanceState.PENDING, InstanceState.RUNNING, InstanceState.NOT_LAUNCHED})
        | _EC2_END,
        InstanceState.PENDING: frozenset({InstanceState.RUNNING, InstanceState.STOPPING, InstanceState.STOPPED})
        | _EC2_END,
        InstanceState.RUNNING: frozenset({InstanceState.STOPPING, InstanceState.STOPPED}) | _EC2_END,
        InstanceState.STOPPING: frozenset({InstanceState.STOPPED}) | _EC2_END,
        InstanceState.STOPPED: frozenset({InstanceState.PENDING, InstanceState.RUNNING}) | _EC2_END,
        InstanceState.SHUTTING_DOWN: frozenset({InstanceState.TERMINATED}),
        # Reopened, where EC2 shows an instance alive whose row was ended.
        InstanceState.TERMINATED: frozenset(
            {InstanceState.PENDING, InstanceState.RUNNING, InstanceState.STOPPING, InstanceState.STOPPED}
        ),
        InstanceState.NOT_LAUNCHED: frozenset(),
    }
)

RUN_TRANSITIONS: Mapping[RunStatus, frozenset[RunStatus]] = MappingProxyType(
    {
        RunStatus.RUNNING: frozenset(status for status in RunStatus if status.is_final),
        **{status: frozenset() for status in RunStatus if status.is_final},
    }
)


class PlacementResult(str, Enum):
    """What became of one attempt to launch: launched, or a closed class of refusal."""

    PENDING = "pending"
    LAUNCHED = "launched"
    CAPACITY = "capacity"
    QUOTA = "quota"
    PRICE = "price"
    THROTTLED = "throttled"
    PERMISSION = "permission"
    CONFIG = "config"
    UNKNOWN = "unknown"


class InstanceOrigin(str, Enum):
    """How an instance came into the ledger."""

    LAUNCHED = "launched"  # by an intent of ours
    ADOPTED = "adopted"  # found in EC2 with this deployment's tag


class OwnerKind(str, Enum):
    """What an instance may belong to. An adopted one belongs to nobody."""

    VALIDATION = "validation"  # one repository within a run
    RUN = "run"  # a run as a whole
    WORKER = "worker"  # a process that claims tasks; it serves no run alone


class ReapEvidence(str, Enum):
    """Why an instance should not live. Closed; kept with each mark."""

    OVERDUE = "overdue"  # past its expiry
    LEASE_EXPIRED = "lease_expired"
    VALIDATION_OVER = "validation_over"  # its validation has ended, and nobody kept it
    OWNER_OVER = "owner_over"  # the run or the worker that it belongs to has ended
    UNKNOWN_OWNER = "unknown_owner"  # our tag, but no owner of ours
    STOPPED = "stopped"  # we never stop instances


class ReaperAction(str, Enum):
    """What a pass of the reaper did."""

    MARKED = "marked"
    CLEARED = "cleared"
    ADOPTED = "adopted"
    TERMINATED = "terminated"
    WOULD_TERMINATE = "would_terminate"
    VALIDATION_SETTLED = "validation_settled"
    RUN_CLOSED = "run_closed"
    TIMER_ARMED = "timer_armed"
    NOTICE_TAKEN = "notice_taken"
    MISSING = "missing"  # EC2 doesn't show what should be alive
    VANISHED = "vanished"  # nor did it at the second look: its row was ended
    REOPENED = "reopened"  # EC2 shows it alive, though its row was ended
    PLACE_ABANDONED = "place_abandoned"  # a person said that nothing is left there


class NoticeKind(str, Enum):
    """What a killer outside Airflow reports."""

    TERMINATED = "terminated"  # the reaper's Lambda function ended the instance
    SPOT_WARNING = "spot_warning"  # AWS is about to take it back


class ReservationKind(str, Enum):
    """What money is set aside for."""

    LAUNCH = "launch"  # what an owner's instances may cost at the worst
    LEASE = "lease"  # a debug lease
