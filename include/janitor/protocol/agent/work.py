"""What the validator and the agent's process say to each other: `AgentOrder` is one piece of work, in a private file;
`AgentAnswer` is what comes back. Neither holds a key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Annotated, Any

from janitor.protocol.agent.answers import LONGEST_WALL_CLOCK, AgentSpec
from janitor.protocol.codec import Document, Part
from janitor.protocol.values import Most, Range, Text

ORDER_FORMAT = "janitor-agent-order/1"
ANSWER_FORMAT = "janitor-agent-answer/1"
ORDER_MAX_BYTES = 16 * 1024 * 1024
"""Largest order that is read, in bytes; the checks in it are of a report's size."""
ANSWER_MAX_BYTES = 1024 * 1024
"""Largest answer that is read, in bytes."""
MAX_FINDINGS = 50
MAX_EVIDENCE_CHARACTERS = 2_000

Calls = Annotated[int, Range(0, 10**6)]
Tokens = Annotated[int, Range(0, 10**12)]


class AgentDocumentError(ValueError):
    """An order or an answer is unreadable; the message names the field."""


class AgentState(str, Enum):
    """How the agent's work ended."""

    COMPLETED = "completed"  # with a verdict
    SKIPPED = "skipped"  # nothing was asked of a model: no sandbox, no credentials
    LIMIT_EXCEEDED = "limit_exceeded"  # turns, tool calls, tokens or dollars
    TIMED_OUT = "timed_out"  # wall clock
    MODEL_ERROR = "model_error"  # the endpoint refused or failed
    INVALID_OUTPUT = "invalid_output"  # no verdict in the required form
    CRASHED = "crashed"  # a mistake of ours


class VerdictStatus(str, Enum):
    """What the agent concludes."""

    PASS = "pass"  # noqa: S105  # no password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


class Severity(str, Enum):
    """How bad a finding is; `high` and `critical` contradict a pass."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


@dataclass(frozen=True, kw_only=True)
class AgentOrder(Document):
    """One prompt to be answered about one checkout."""

    FORMAT = ORDER_FORMAT
    NOUN = "order"
    MAX_BYTES = ORDER_MAX_BYTES
    ERROR = AgentDocumentError

    validation_id: Annotated[str, Text(36)]
    prompt: Annotated[str, Text(20_000)]
    agent: AgentSpec
    checks: Annotated[tuple[Annotated[Mapping[str, Any], Most(100, longest_key=64)], ...], Most(100)]
    """The report's form of the checks that were made, redacted."""
    checkout: Annotated[str, Text(4_000)]
    """Folder of the repository, as the agent's process sees it."""
    deadline: datetime
    """When the answer must be there, whatever the wall-clock limit says."""
    sandbox_image: Annotated[str, Text(500)] | None = None
    """Docker image in whose container commands run; None: no engine built one."""
    sandbox_label: Annotated[str, Text(500)] | None = None
    """`key=value` that the container carries, so that others find it."""
    sandbox_gpu: bool = False

    def to_json(self) -> str:
        """The document."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False)


@dataclass(frozen=True, kw_only=True)
class AgentFinding(Part):
    """Something that the agent found, with the proof."""

    title: Annotated[str, Text(200)]
    severity: Severity
    evidence: Annotated[str, Text(MAX_EVIDENCE_CHARACTERS, empty=True)]
    verified: bool
    """Whether the evidence is verbatim output of a tool, and not of the agent's own making."""
    file: Annotated[str, Text(500)] | None = None
    line: Annotated[int, Range(0, 2**31)] | None = None


@dataclass(frozen=True, kw_only=True)
class AgentUsage(Part):
    """What an answer took."""

    turns: Calls = 0
    tool_calls: Calls = 0
    """Attempts, also those that failed or were refused."""
    looks: Calls = 0
    """Tool calls that showed something."""
    input_tokens: Tokens = 0
    output_tokens: Tokens = 0
    cost_usd: Annotated[float, Range(0, 1e6)] | None = None
    """None where the price is unknown; never 0 for that."""


@dataclass(frozen=True, kw_only=True)
class AgentAnswer(Document):
    """The end of an agent's work."""

    FORMAT = ANSWER_FORMAT
    NOUN = "answer"
    MAX_BYTES = ANSWER_MAX_BYTES
    ERROR = AgentDocumentError

    state: AgentState
    reason_code: Annotated[str, Text(64, r"[a-z][a-z0-9_]*")] | None = None
    """Always there unless the state is `completed`."""
    reason: Annotated[str, Text(2_000)] | None = None
    status: VerdictStatus | None = None
    """Only with `completed`."""
    summary: Annotated[str, Text(2_000)] | None = None
    findings: Annotated[tuple[AgentFinding, ...], Most(MAX_FINDINGS)] = ()
    model: Annotated[str, Text(300)]
    sandbox: Annotated[str, Text(500)] | None = None
    """Where commands ran, in words; None: nowhere."""
    usage: AgentUsage = field(default_factory=AgentUsage)
    duration_seconds: Annotated[float, Range(0, 2 * LONGEST_WALL_CLOCK.total_seconds())] = 0.0
    notes: Annotated[tuple[Annotated[str, Text(500, empty=True)], ...], Most(20)] = ()

    def to_json(self) -> str:
        """The document."""
        return json.dumps(self.to_dict(), allow_nan=False)

    def contradiction(self) -> tuple[str, str] | None:
        """A verdict is there exactly when the work was completed, and a reason when it wasn't."""
        completed = self.state is AgentState.COMPLETED
        if completed != (self.status is not None):
            return "status", "is there exactly when the state is completed"
        if not completed and (self.reason is None or self.reason_code is None):
            return "reason", f"and reason_code are required with {self.state.value}"
        return None
