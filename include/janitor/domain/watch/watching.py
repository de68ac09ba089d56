"""What to do next for a validation that has an instance: a pure decision over one observation.

The worker's short wait and the trigger's long one ask the same question, so that a validation may move between them,
or be asked again by a retried task, and always arrive at the same answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from janitor.domain.states import InstanceState


class CommandStatus(str, Enum):
    """SSM command invocation statuses. Source: SSM API, CommandInvocation.Status."""

    PENDING = "Pending"
    IN_PROGRESS = "InProgress"
    DELAYED = "Delayed"
    SUCCESS = "Success"
    CANCELLED = "Cancelled"
    TIMED_OUT = "TimedOut"
    FAILED = "Failed"
    CANCELLING = "Cancelling"

    @property
    def is_final(self) -> bool:
        """Whether the command has ended."""
        return self in (self.SUCCESS, self.CANCELLED, self.TIMED_OUT, self.FAILED)


class WatchOutcome(str, Enum):
    """How watching ended. Closed; kept in the database."""

    COMMAND_FINISHED = "command_finished"
    TIME_UP = "time_up"  # deadline and grace have passed
    INSTANCE_LOST = "instance_lost"  # it ended before its command did
    NEVER_ONLINE = "never_online"  # the SSM agent didn't answer in time
    NO_SIGN_OF_LIFE = "no_sign_of_life"  # its command was sent, and nothing showed in time that it has started
    SPOT_INTERRUPTED = "spot_interrupted"  # AWS took the instance back, or has said that it will


class Step(str, Enum):
    """What to do now."""

    WAIT = "wait"
    SEND_COMMAND = "send_command"
    FINISH = "finish"


@dataclass(frozen=True, kw_only=True)
class CommandObservation:
    """What SSM says of the validation's command."""

    command_id: str
    status: CommandStatus
    exit_code: int | None
    ended_at: datetime | None = None
    """By SSM's clock; None while it runs, and where SSM doesn't say."""


@dataclass(frozen=True, kw_only=True)
class AwaitedSign:
    """The first sign of life after a command: where one would show, and when it is due."""

    key: str
    """S3 key of what the script on the instance puts before anything else."""
    report_key: str
    log_streams: tuple[str, ...]
    due_at: datetime


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What is fixed while one generation is being watched."""

    instance_id: str
    launched_at: datetime
    deadline_at: datetime
    grace: timedelta
    online_timeout: timedelta
    is_spot: bool
    consistency: timedelta
    """How long after the launch a missing instance is taken for "not visible yet"."""
    command_id: str | None
    sign: AwaitedSign | None = None
    """None before the command, and once a sign was seen."""


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What AWS shows at one moment.

    `instance_state` is None when EC2 doesn't know the instance; `agent_online` and `command` are only meaningful before
    and after the command was sent.
    """

    at: datetime
    instance_state: InstanceState | None
    agent_online: bool
    command: CommandObservation | None
    spot_interrupted: bool = False
    """Whether AWS has taken the instance back, or has given its two-minute warning."""
    shows_life: bool | None = None
    """Whether the awaited sign was there; None where nobody asked, or not everything could be asked: no absence."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The step, and for FINISH how it ended."""

    step: Step
    outcome: WatchOutcome | None = None
    command: CommandObservation | None = None


def decide(watched: Watched, seen: Observation) -> Decision:
    """Decide what to do next.

    A finished command counts before a dead instance (the validator may have finished and the instance gone down since),
    and both count before the clock, so that a result that is there is never thrown away. That SSM calls a command
    InProgress is no sign of life: it does so from the moment that the agent has taken it, whatever becomes of it.
    """
    if seen.command is not None and seen.command.status.is_final:
        return Decision(step=Step.FINISH, outcome=WatchOutcome.COMMAND_FINISHED, command=seen.command)
    if seen.spot_interrupted:
        return Decision(step=Step.FINISH, outcome=WatchOutcome.SPOT_INTERRUPTED, command=seen.command)
    if _is_gone(watched, seen):
        return Decision(step=Step.FINISH, outcome=WatchOutcome.INSTANCE_LOST, command=seen.command)
    # Without a command there is nothing that could use the grace to flush a report.
    limit = watched.deadline_at + watched.grace if watched.command_id else watched.deadline_at
    if seen.at >= limit:
        return Decision(step=Step.FINISH, outcome=WatchOutcome.TIME_UP, command=seen.command)
    if watched.command_id is not None:
        if watched.sign is not None and seen.shows_life is False and seen.at >= watched.sign.due_at:
            return Decision(step=Step.FINISH, outcome=WatchOutcome.NO_SIGN_OF_LIFE, command=seen.command)
        return Decision(step=Step.WAIT)
    if seen.agent_online:
        return Decision(step=Step.SEND_COMMAND)
    if seen.at >= watched.launched_at + watched.online_timeout:
        return Decision(step=Step.FINISH, outcome=WatchOutcome.NEVER_ONLINE)
    return Decision(step=Step.WAIT)


def _is_gone(watched: Watched, seen: Observation) -> bool:
    if seen.instance_state is None:
        return seen.at >= watched.launched_at + watched.consistency
    return seen.instance_state not in (InstanceState.INTENT, InstanceState.PENDING, InstanceState.RUNNING)
