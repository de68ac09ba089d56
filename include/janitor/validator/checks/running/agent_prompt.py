"""`agent_prompt`: the answer of an agent to the repository's prompt. The prompt itself is in the report.

The agent may lower a verdict, never raise it (`janitor.protocol.agent.policy`); what it can't do for want of a model,
of its packages or of a sandbox is skipped, with the reason, and the other checks stand.
"""

from __future__ import annotations

from dataclasses import replace

from janitor.guest.processes.supervisor import ProcessStartError
from janitor.protocol.agent.answers import AgentSpec
from janitor.protocol.agent.policy import conclude, remarks
from janitor.protocol.agent.work import AgentAnswer
from janitor.protocol.report import MAX_TAIL_CHARACTERS, Evidence
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.protocol.terms.statuses import CheckStatus
from janitor.validator.agent.child import LEAST_TIME, AgentFacts, Asked, ask
from janitor.validator.agent.launch import AgentMissingError
from janitor.validator.agent.settings import AgentMachine
from janitor.validator.context import CheckContext
from janitor.validator.findings import Finding, errored, failed, passed, skipped

_FIRST_PARTS, _LAST_PARTS = 8, 16
"""Parts of a transcript that a report carries, each as long as evidence may be."""
# Redaction can lengthen a text a little.
_PART_CHARACTERS = MAX_TAIL_CHARACTERS - 500


def check_agent_prompt(context: CheckContext, facts: AgentFacts) -> Finding:
    """Ask the agent, and judge its answer."""
    prompt = context.evidence.value("prompt", context.spec.prompt)
    spec = context.spec.agent
    if spec is None:
        reason = "no agent is configured on this instance; the other checks stand"
        return skipped(ReasonCode.AGENT_NOT_CONFIGURED, reason, prompt)
    if facts.checkout is None:
        return skipped(ReasonCode.PREREQUISITE_FAILED, "checkout did not pass, so there is nothing to look at", prompt)
    if context.interrupts.remaining() < LEAST_TIME:
        return errored(ReasonCode.AGENT_NO_TIME, "too little time is left before the deadline to ask the agent", prompt)
    context.journal.say(f"asking {spec.model}; at most {spec.limits.wall_clock.total_seconds():.0f} s")
    try:
        asked = ask(context, spec, facts, AgentMachine.from_environment())
    except AgentMissingError as exc:
        reason = f"{spec.model} is configured, but the agent's packages are not on this machine ({exc})"
        return skipped(ReasonCode.AGENT_NOT_INSTALLED, reason, prompt)
    except (ProcessStartError, OSError) as exc:
        return errored(ReasonCode.AGENT_CRASHED, f"the agent can't be started: {exc}", prompt)
    return replace(_concluded(context, spec, prompt, asked), usd=asked.answer.usage.cost_usd)


def _concluded(context: CheckContext, spec: AgentSpec, prompt: Evidence, asked: Asked) -> Finding:
    evidence = (prompt, *_evidence(context, spec, asked))
    concluded = conclude(asked.answer)
    code, reason = concluded.reason_code or ReasonCode.AGENT_FAILED, concluded.reason or "no reason was given"
    if concluded.status is CheckStatus.PASS:
        return _with_remarks(passed(*evidence, outcome=asked.outcome), asked.answer)
    if concluded.status is CheckStatus.FAIL:
        return failed(code, reason, *evidence, outcome=asked.outcome)
    if concluded.status is CheckStatus.ERROR:
        return errored(code, reason, *evidence, outcome=asked.outcome)
    return skipped(code, reason, *evidence)


def _with_remarks(finding: Finding, answer: AgentAnswer) -> Finding:
    """A pass with what the agent remarked on the way to it; none of that lowers a verdict."""
    for found in remarks(answer):
        finding = finding.noted(ReasonCode.AGENT_REMARKED, found.title, file=found.file, line=found.line or None)
    return finding


def _evidence(context: CheckContext, spec: AgentSpec, asked: Asked) -> list[Evidence]:
    answer = asked.answer
    made = [context.evidence.value("usage", _usage(spec, answer))]
    if answer.summary is not None:
        made.append(context.evidence.value("answer", _words(answer)))
    if asked.outcome.output.size_bytes:
        made.append(context.evidence.log("output of the agent's process", asked.outcome))
    return [*made, *_transcript(context, asked.transcript)]


def _usage(spec: AgentSpec, answer: AgentAnswer) -> str:
    usage = answer.usage
    cost = "unknown: no price is known" if usage.cost_usd is None else f"${usage.cost_usd:.4f}"
    lines = [
        f"model: {spec.model}",
        f"commands ran in: {answer.sandbox or 'no sandbox'}",
        f"turns: {usage.turns} of {spec.limits.turns}",
        f"tool calls: {usage.tool_calls} of {spec.limits.tool_calls}, {usage.looks} showed something",
        f"tokens: {usage.input_tokens} in, {usage.output_tokens} out, of {spec.limits.tokens}",
        f"cost: {cost}",
        f"seconds: {answer.duration_seconds:.1f} of {spec.limits.wall_clock.total_seconds():.0f}",
        *(f"note: {note}" for note in answer.notes),
    ]
    return "\n".join(lines)


def _words(answer: AgentAnswer) -> str:
    lines = [f"{answer.status.value if answer.status else 'no verdict'}: {answer.summary}"]
    for finding in answer.findings:
        where = "" if finding.file is None else f" {finding.file}{'' if finding.line is None else f':{finding.line}'}"
        proof = "" if finding.verified else " (not found in any tool's output)"
        lines.append(f"- {finding.severity.value}{where}: {finding.title}{proof}")
        lines += [f"    {line}" for line in finding.evidence.splitlines()]
    return "\n".join(lines)


def _transcript(context: CheckContext, content: bytes) -> list[Evidence]:
    """The transcript in parts; of a long one its beginning and its end."""
    text = content.decode("utf-8", errors="replace")
    parts = [text[at : at + _PART_CHARACTERS] for at in range(0, len(text), _PART_CHARACTERS)]
    chosen = [
        (number, part)
        for number, part in enumerate(parts, start=1)
        if number <= _FIRST_PARTS or number > len(parts) - _LAST_PARTS
    ]
    return [context.evidence.file(f"transcript {number}/{len(parts)}", part.encode()) for number, part in chosen]
