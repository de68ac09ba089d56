"""What the control plane and the agent's process say to each other where a repair is wanted: `RepairOrder` is one piece
of work, in a private file; `RepairAnswer` is what comes back, with the files as the sandbox had them at the end.

Neither holds a key. What a repair changes is made of these files by whoever asked, not by a model.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from janitor.protocol.agent.answers import LONGEST_WALL_CLOCK, AgentSpec
from janitor.protocol.agent.work import ORDER_MAX_BYTES, AgentDocumentError, AgentState, AgentUsage
from janitor.protocol.codec import Document, Part
from janitor.protocol.values import Most, Range, Text

REPAIR_ORDER_FORMAT = "janitor-repair-order/1"
MAX_FILES = 20
"""More than a patch may have."""
MAX_FILE_CHARACTERS = 400_000
MAX_EVIDENCE = 10
LONGEST_SUMMARY = 72
"""A commit's subject."""
LONGEST_CAUSE = 600
LONGEST_EVIDENCE = 300
_Path = Annotated[str, Text(500)]


@dataclass(frozen=True, kw_only=True)
class RepairOrder(Document):
    """One failure to be repaired in one checkout."""

    FORMAT = REPAIR_ORDER_FORMAT
    NOUN = "repair order"
    MAX_BYTES = ORDER_MAX_BYTES
    ERROR = AgentDocumentError

    validation_id: Annotated[str, Text(36)]
    agent: AgentSpec
    checks: Annotated[tuple[Annotated[Mapping[str, Any], Most(100, longest_key=64)], ...], Most(100)]
    """The report's form of its checks."""
    changes: Annotated[tuple[Annotated[str, Text(500)], ...], Most(100)] = ()
    """What changed since the last success, a line each."""
    checkout: Annotated[str, Text(4_000)]
    """Folder of the repository."""
    deadline: datetime
    """When the answer must be there, whatever the wall-clock limit says."""

    def to_json(self) -> str:
        """The document."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False)


@dataclass(frozen=True, kw_only=True)
class RepairedFile(Part):
    """A file that the model says it changed."""

    path: _Path
    """From the repository's root, as the model gave it: nobody has vouched for it."""
    content: Annotated[str, Text(MAX_FILE_CHARACTERS, empty=True)] | None
    """None: it isn't there any more."""


@dataclass(frozen=True, kw_only=True)
class RepairDraft(Part):
    """What the model proposes."""

    summary: Annotated[str, Text(LONGEST_SUMMARY)]
    root_cause: Annotated[str, Text(LONGEST_CAUSE)]
    evidence: Annotated[tuple[Annotated[str, Text(LONGEST_EVIDENCE)], ...], Most(MAX_EVIDENCE)]
    """Each verbatim from the report or from what a tool showed."""
    files: Annotated[tuple[RepairedFile, ...], Most(MAX_FILES)]


@dataclass(frozen=True, kw_only=True)
class RepairAnswer(Document):
    """The end of an agent's work on a repair."""

    FORMAT = "janitor-repair-answer/1"
    NOUN = "repair answer"
    MAX_BYTES = 16 * 1024 * 1024
    ERROR = AgentDocumentError

    state: AgentState
    reason: Annotated[str, Text(2_000)] | None = None
    """Why nothing is proposed."""
    draft: RepairDraft | None = None
    """Only with `completed`."""
    model: Annotated[str, Text(300)]
    sandbox: Annotated[str, Text(500)] | None = None
    usage: AgentUsage = field(default_factory=AgentUsage)
    duration_seconds: Annotated[float, Range(0, 2 * LONGEST_WALL_CLOCK.total_seconds())] = 0.0
    notes: Annotated[tuple[Annotated[str, Text(500, empty=True)], ...], Most(20)] = ()

    def to_json(self) -> str:
        """The document."""
        return json.dumps(self.to_dict(), allow_nan=False)

    def contradiction(self) -> tuple[str, str] | None:
        """Either something is proposed, or it is said why nothing is."""
        if (self.draft is None) == (self.reason is None):
            return "reason", "is there exactly when there is no draft"
        if self.draft is not None and self.state is not AgentState.COMPLETED:
            return "draft", "is there only when the state is completed"
        return None
