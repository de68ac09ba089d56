"""What an agent's answer means for a validation: it may lower a verdict, never raise it.

A pass needs a look at the repository, a fault needs proof, and whatever is neither is an error: inconclusive, to be
tried again, and never green. A step that was skipped takes no part.
"""

from __future__ import annotations

from dataclasses import dataclass

from janitor.protocol.agent.work import AgentAnswer, AgentFinding, AgentState, Severity, VerdictStatus
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.protocol.terms.statuses import CheckStatus

_GRAVE = frozenset({Severity.HIGH, Severity.CRITICAL})
_REASON_CHARACTERS = 500


@dataclass(frozen=True, kw_only=True)
class Conclusion:
    """The outcome of the check that the agent's answer makes."""

    status: CheckStatus
    reason_code: ReasonCode | None = None
    reason: str | None = None


def conclude(answer: AgentAnswer) -> Conclusion:
    """The check's outcome; `required` unless it is a skip."""
    if answer.state is AgentState.SKIPPED:
        return Conclusion(status=CheckStatus.SKIP, reason_code=_code(answer), reason=answer.reason)
    if answer.state is not AgentState.COMPLETED:
        return _unclear(_code(answer), answer.reason or answer.state.value)
    said = " ".join((answer.summary or "").split())[:_REASON_CHARACTERS]
    if answer.usage.looks == 0:
        return _unclear(
            ReasonCode.AGENT_DID_NOT_LOOK, f"the agent said {_word(answer)} without looking at anything: {said}"
        )
    proven = [finding for finding in answer.findings if finding.verified]
    if answer.status is VerdictStatus.FAIL:
        faults = [finding for finding in proven if finding.severity is not Severity.INFO]
        if not faults:
            return _unclear(
                ReasonCode.AGENT_WITHOUT_PROOF, f"the agent found a fault but quoted no tool output for it: {said}"
            )
        reason = f"{_where(faults[0])}{said}"
        return Conclusion(status=CheckStatus.FAIL, reason_code=ReasonCode.AGENT_FOUND_FAULT, reason=reason)
    if answer.status is VerdictStatus.INCONCLUSIVE:
        return _unclear(ReasonCode.AGENT_INCONCLUSIVE, f"the agent could not tell: {said}")
    if grave := [finding for finding in answer.findings if finding.severity in _GRAVE]:
        reason = f"the agent said pass and found {grave[0].severity.value}: {grave[0].title}"
        return _unclear(ReasonCode.AGENT_CONTRADICTS_ITSELF, reason)
    return Conclusion(status=CheckStatus.PASS)


def remarks(answer: AgentAnswer) -> tuple[AgentFinding, ...]:
    """What an agent found and proved that isn't grave and is no mere information: worth a look beside a pass."""
    return tuple(
        found
        for found in answer.findings
        if found.verified and found.severity not in _GRAVE and found.severity is not Severity.INFO
    )


def _unclear(code: ReasonCode, reason: str) -> Conclusion:
    return Conclusion(status=CheckStatus.ERROR, reason_code=code, reason=reason)


def _code(answer: AgentAnswer) -> ReasonCode:
    """What the agent says itself; one of another version may say what nobody here knows."""
    return ReasonCode.known(answer.reason_code) or ReasonCode.AGENT_FAILED


def _word(answer: AgentAnswer) -> str:
    return "nothing" if answer.status is None else answer.status.value


def _where(finding: AgentFinding) -> str:
    if finding.file is None:
        return ""
    return f"{finding.file}:{finding.line}: " if finding.line is not None else f"{finding.file}: "
