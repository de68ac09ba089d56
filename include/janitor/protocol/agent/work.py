"""What the validator and the agent's process say to each other: `AgentOrder` is one piece of work, in a private file;
`AgentAnswer` is what comes back. Neither holds a key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from janitor.protocol.agent.answers import LONGEST_WALL_CLOCK, AgentSpec
from janitor.protocol.fields import FieldReader

ORDER_FORMAT = "janitor-agent-order/1"
ANSWER_FORMAT = "janitor-agent-answer/1"
ANSWER_MAX_BYTES = 1024 * 1024
"""Largest answer that is read, in bytes."""
MAX_FINDINGS = 50
MAX_EVIDENCE_CHARACTERS = 2_000


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

    PASS = "pass"  # noqa: S105
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
class AgentOrder:
    """One prompt to be answered about one checkout."""

    validation_id: str
    prompt: str
    agent: AgentSpec
    checks: tuple[Mapping[str, Any], ...]
    """The report's form of the checks that were made, redacted."""
    checkout: str
    """Folder of the repository, as the agent's process sees it."""
    deadline: datetime
    """When the answer must be there, whatever the wall-clock limit says."""
    sandbox_image: str | None = None
    """Docker image in whose container commands run; None: no engine built one."""
    sandbox_label: str | None = None
    """`key=value` that the container carries, so that others find it."""
    sandbox_gpu: bool = False

    def to_json(self) -> str:
        """The document."""
        return json.dumps(
            {
                "format": ORDER_FORMAT,
                "validation_id": self.validation_id,
                "prompt": self.prompt,
                "agent": self.agent.to_dict(),
                "checks": [dict(check) for check in self.checks],
                "checkout": self.checkout,
                "deadline": self.deadline.isoformat(),
                "sandbox_image": self.sandbox_image,
                "sandbox_label": self.sandbox_label,
                "sandbox_gpu": self.sandbox_gpu,
            },
            ensure_ascii=False,
            allow_nan=False,
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> AgentOrder:
        """Read an order.

        Raises:
            AgentDocumentError: It is not JSON or not an order.
        """
        reader = _document(text, ORDER_FORMAT)
        checks = reader.take("checks")
        if not isinstance(checks, list) or not all(isinstance(check, dict) for check in checks):
            raise reader.problem("checks", "must be a list of objects")
        order = cls(
            validation_id=reader.text("validation_id", longest=36),
            prompt=reader.text("prompt", longest=20_000),
            agent=AgentSpec.read(reader.object("agent")),
            checks=tuple(checks),
            checkout=reader.text("checkout", longest=4_000),
            deadline=reader.moment("deadline"),
            sandbox_image=reader.optional_text("sandbox_image", longest=500),
            sandbox_label=reader.optional_text("sandbox_label", longest=500),
            sandbox_gpu=reader.boolean("sandbox_gpu"),
        )
        reader.finish()
        return order


@dataclass(frozen=True, kw_only=True)
class AgentFinding:
    """Something that the agent found, with the proof."""

    title: str
    severity: Severity
    evidence: str
    verified: bool
    """Whether the evidence is verbatim output of a tool, and not of the agent's own making."""
    file: str | None = None
    line: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "title": self.title,
            "severity": self.severity.value,
            "evidence": self.evidence,
            "verified": self.verified,
            "file": self.file,
            "line": self.line,
        }

    @classmethod
    def read(cls, reader: FieldReader) -> AgentFinding:
        """Read one entry of an answer's `findings`."""
        finding = cls(
            title=reader.text("title", longest=200),
            severity=reader.member("severity", Severity),
            evidence=reader.text("evidence", longest=MAX_EVIDENCE_CHARACTERS, empty=True),
            verified=reader.boolean("verified"),
            file=reader.optional_text("file", longest=500),
            line=reader.optional_integer("line", least=0, most=2**31),
        )
        reader.finish()
        return finding


@dataclass(frozen=True, kw_only=True)
class AgentUsage:
    """What an answer took."""

    turns: int = 0
    tool_calls: int = 0
    """Attempts, also those that failed or were refused."""
    looks: int = 0
    """Tool calls that showed something."""
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None
    """None where the price is unknown; never 0 for that."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "turns": self.turns,
            "tool_calls": self.tool_calls,
            "looks": self.looks,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cost_usd": self.cost_usd,
        }

    @classmethod
    def read(cls, reader: FieldReader) -> AgentUsage:
        """Read an answer's `usage`."""
        cost = reader.take("cost_usd")
        if cost is not None and (isinstance(cost, bool) or not isinstance(cost, (int, float)) or not 0 <= cost < 1e6):
            raise reader.problem("cost_usd", "must be null or a number of dollars")
        usage = cls(
            turns=reader.integer("turns", least=0, most=10**6),
            tool_calls=reader.integer("tool_calls", least=0, most=10**6),
            looks=reader.integer("looks", least=0, most=10**6),
            input_tokens=reader.integer("input_tokens", least=0, most=10**12),
            output_tokens=reader.integer("output_tokens", least=0, most=10**12),
            cost_usd=None if cost is None else float(cost),
        )
        reader.finish()
        return usage


@dataclass(frozen=True, kw_only=True)
class AgentAnswer:
    """The end of an agent's work."""

    state: AgentState
    reason_code: str | None = None
    """Always there unless the state is `completed`."""
    reason: str | None = None
    status: VerdictStatus | None = None
    """Only with `completed`."""
    summary: str | None = None
    findings: tuple[AgentFinding, ...] = ()
    model: str
    sandbox: str | None = None
    """Where commands ran, in words; None: nowhere."""
    usage: AgentUsage = field(default_factory=AgentUsage)
    duration_seconds: float = 0.0
    notes: tuple[str, ...] = ()

    def to_json(self) -> str:
        """The document."""
        return json.dumps(
            {
                "format": ANSWER_FORMAT,
                "state": self.state.value,
                "reason_code": self.reason_code,
                "reason": self.reason,
                "status": None if self.status is None else self.status.value,
                "summary": self.summary,
                "findings": [finding.to_dict() for finding in self.findings],
                "model": self.model,
                "sandbox": self.sandbox,
                "usage": self.usage.to_dict(),
                "duration_seconds": self.duration_seconds,
                "notes": list(self.notes),
            },
            allow_nan=False,
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> AgentAnswer:
        """Read an answer.

        Raises:
            AgentDocumentError: It is not JSON, too large, not an answer, or contradicts itself.
        """
        if len(text) > ANSWER_MAX_BYTES:
            raise AgentDocumentError(f"the answer has {len(text)} bytes; at most {ANSWER_MAX_BYTES} are read")
        reader = _document(text, ANSWER_FORMAT)
        answer = cls(
            state=reader.member("state", AgentState),
            reason_code=reader.optional_text("reason_code", longest=64, pattern=r"[a-z][a-z0-9_]*"),
            reason=reader.optional_text("reason", longest=2_000),
            status=reader.optional_member("status", VerdictStatus),
            summary=reader.optional_text("summary", longest=2_000),
            findings=reader.items("findings", most=MAX_FINDINGS, read=AgentFinding.read),
            model=reader.text("model", longest=300),
            sandbox=reader.optional_text("sandbox", longest=500),
            usage=AgentUsage.read(reader.object("usage")),
            duration_seconds=reader.number("duration_seconds", least=0, most=2 * LONGEST_WALL_CLOCK.total_seconds()),
            notes=reader.optional_texts("notes", most=20, longest=500) or (),
        )
        reader.finish()
        if (answer.state is AgentState.COMPLETED) != (answer.status is not None):
            raise reader.problem("status", "is there exactly when the state is completed")
        if answer.state is not AgentState.COMPLETED and (answer.reason is None or answer.reason_code is None):
            raise reader.problem("reason", f"and reason_code are required with {answer.state.value}")
        return answer


def _document(text: str | bytes, expected: str) -> FieldReader:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise AgentDocumentError(f"not JSON: {exc}") from exc
    reader = FieldReader(document, where="", error=AgentDocumentError)
    if (name := reader.text("format", longest=50)) != expected:
        raise reader.problem("format", f"{name!r} is not {expected!r}")
    return reader
