"""The form of the model's final answer."""

from __future__ import annotations

from pydantic import BaseModel, Field

from janitor.protocol.agent.work import MAX_EVIDENCE_CHARACTERS, MAX_FINDINGS, Severity, VerdictStatus


class ModelFinding(BaseModel):
    """One thing that was found."""

    title: str = Field(min_length=1, max_length=200)
    severity: Severity
    evidence: str = Field(max_length=MAX_EVIDENCE_CHARACTERS, description="Verbatim excerpt of a tool's output")
    file: str | None = Field(default=None, max_length=500, description="Path in the workspace")
    line: int | None = Field(default=None, ge=0, le=2**31)


class ModelVerdict(BaseModel):
    """Final answer. Call once, when you have enough evidence."""

    status: VerdictStatus
    summary: str = Field(min_length=1, max_length=2_000)
    findings: list[ModelFinding] = Field(default_factory=list, max_length=MAX_FINDINGS)
