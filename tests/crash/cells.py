"""What a cell of the matrix is: one edge of an instance's or a worker's life, and one blow that falls there."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from janitor.domain.states import RunKind, ValidationStatus


class Edge(str, Enum):
    """Where the blow falls, in the order of an instance's life, then of a worker's; the value is the row's title."""

    BEFORE_INTENT = "before intent"
    AFTER_INTENT = "after intent"
    DURING_RUN_INSTANCES = "during RunInstances"
    AFTER_RUN_INSTANCES = "after RunInstances"
    BOOTING = "booting"
    RUNNING = "running"
    DURING_RECORD = "during record"
    DURING_TERMINATE = "during terminate"
    POOL_SPAWN = "pool: spawn"
    POOL_CLAIM = "pool: claim"
    POOL_RUN = "pool: run"
    POOL_FINISH = "pool: finish"
    POOL_DRAIN = "pool: drain"
    POOL_TERMINATE = "pool: terminate"

    @property
    def is_of_a_pool(self) -> bool:
        """Whether a pool's worker has it, and no run's instance."""
        return self.value.startswith("pool: ")


INSTANCE_EDGES = tuple(edge for edge in Edge if not edge.is_of_a_pool)
POOL_EDGES = tuple(edge for edge in Edge if edge.is_of_a_pool)


class Blow(str, Enum):
    """What falls. Each kind is a class of its own, and a table of the report; the value is the column's title."""


class Component(Blow):
    """What is killed."""

    TASK = "task process"
    SCHEDULER = "scheduler"
    TRIGGERER = "triggerer"
    DAG_PROCESSOR = "dag-processor"
    API_SERVER = "api-server"
    POSTGRES = "Postgres"
    EVERYTHING = "everything"
    FOR_GOOD = "stopped for good"


class Fault(Blow):
    """What the cloud does wrong."""

    CAPACITY = "capacity once"
    QUOTA = "quota"
    THROTTLING = "throttling 30 %"
    SLOW_BOOT = "slow boot"
    NO_AGENT = "agent never online"
    HANG = "hang"
    DEATH = "death mid-run"
    EC2_OUTAGE = "EC2 outage"
    SSM_OUTAGE = "SSM outage"
    S3_OUTAGE = "S3 outage"
    DESCRIBE_LAG = "describe lag"
    COMMAND_LAG = "command lag"
    SPOT_INTERRUPTION = "spot interruption"


class Act(Blow):
    """What a person does."""

    CLEAR_LAUNCH = "clear launch"
    CLEAR_VALIDATE = "clear validate"
    MARK_FAILED = "mark failed"
    MARK_SUCCESS = "mark success"
    DELETE_RUN = "delete run"
    PAUSE = "pause DAG"
    SECOND_RUN = "second run"


SUCCESS = frozenset({ValidationStatus.SUCCESS})
USUAL_TIMEOUT = timedelta(seconds=90)
"""Longer than any recovery, so that the verdict is determined."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell.

    Attributes:
        statuses: The verdicts that are right; None: any final one.
        timeout: The validations' hard limit.
        keeps_working: Whether the worker's handler never ends by itself.
        repositories: How many the run validates.
        market: How its instances are bought.
        reason: The verdicts' reason code; None: any.
        instances: How many instances there are in the end; None: any number.
        kind: Of the run.
    """

    edge: Edge
    blow: Blow
    statuses: frozenset[ValidationStatus] | None = SUCCESS
    timeout: timedelta = USUAL_TIMEOUT
    keeps_working: bool = False
    repositories: int = 1
    market: str | None = None
    reason: str | None = None
    instances: int | None = None
    kind: RunKind = RunKind.PARALLEL

    @property
    def name(self) -> str:
        """`edge / blow`, and how many repositories if there are several."""
        turns = " in turn" if self.kind is RunKind.SEQUENTIAL else ""
        several = f" ({self.repositories} repositories{turns})" if self.repositories > 1 else ""
        return f"{self.edge.value} / {self.blow.value}{several}"

    @property
    def is_pooled(self) -> bool:
        """Whether the run's repositories are a pool's tasks."""
        return self.edge.is_of_a_pool

    def matches(self, pattern: str) -> bool:
        """Whether a pattern (with wildcards, or a part of the name) means this cell."""
        return fnmatch.fnmatch(self.name, pattern) or pattern.lower() in self.name.lower()
