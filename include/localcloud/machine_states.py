"""What can be said about a machine: its state, who ended it, its agent, and what goes wrong with it on purpose."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum


class MachineState(Enum):
    """Name and code are EC2's. Source: API reference, InstanceState."""

    PENDING = ("pending", 0)
    RUNNING = ("running", 16)
    SHUTTING_DOWN = ("shutting-down", 32)
    TERMINATED = ("terminated", 48)
    STOPPING = ("stopping", 64)
    STOPPED = ("stopped", 80)


class EndCause(Enum):
    """Who ended a machine."""

    USER = "user"
    GUEST = "guest"
    FAILURE = "failure"
    SPOT = "spot"
    """The spot market took the machine back."""


class AgentStatus(Enum):
    """What Systems Manager sees of the machine's agent."""

    NEVER = "never"
    ONLINE = "online"
    LOST = "lost"


@dataclass(frozen=True, kw_only=True)
class BoxFaults:
    """What goes wrong with a machine on purpose."""

    no_agent: bool = False
    hang: bool = False
    no_start: bool = False
    """The agent takes commands and starts none."""
    agent_death: bool = False
    """The agent takes a command, starts nothing, and is never heard of again."""
    die_after: timedelta | None = None
    slow_boot: timedelta = timedelta(0)
    spot_interruption: tuple[timedelta, timedelta] | None = None
    """From the boot to the warning, and from the warning to the end."""
