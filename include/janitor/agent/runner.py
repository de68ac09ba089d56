"""One run of the agent: prompt and results in, an `AgentAnswer` out, whatever happens in between."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_ai import Agent, ModelRetry, RunContext, RunUsage, ToolOutput
from pydantic_ai.models import Model

from janitor.agent.executors.base import Executor
from janitor.agent.hooks import VERDICT_TOOL, hooks
from janitor.agent.instructions import INSTRUCTIONS, task
from janitor.agent.running import OUTPUT_RETRIES, run_within, spent_of, storable, trouble, unenforced
from janitor.agent.tools import Work, toolset
from janitor.agent.transcript import Transcript
from janitor.agent.verdict import ModelFinding, ModelVerdict
from janitor.guest.redaction import Redactor
from janitor.protocol.agent.answers import AgentLimits
from janitor.protocol.agent.work import (
    MAX_EVIDENCE_CHARACTERS,
    AgentAnswer,
    AgentFinding,
    AgentState,
    Severity,
)
from janitor.protocol.terms.reason_codes import ReasonCode

_REASON_CHARACTERS = 500


def make_agent() -> Agent[Work, ModelVerdict]:
    """The agent: three tools, and a verdict whose evidence must be what they showed."""
    agent: Agent[Work, ModelVerdict] = Agent(
        None,
        deps_type=Work,
        output_type=ToolOutput(ModelVerdict, name=VERDICT_TOOL),
        instructions=INSTRUCTIONS,
        toolsets=[toolset()],
        capabilities=[hooks()],
        retries={"tools": 3, "output": OUTPUT_RETRIES},
        end_strategy="early",
    )

    @agent.output_validator
    def evidence_is_real(ctx: RunContext[Work], verdict: ModelVerdict) -> ModelVerdict:
        unproven = [
            finding.title
            for finding in verdict.findings
            if finding.severity is not Severity.INFO and not ctx.deps.seen.proves(finding.evidence)
        ]
        ctx.deps.transcript.write("verdict", verdict=verdict.model_dump(mode="json"), unproven=unproven)
        if unproven and ctx.retry < OUTPUT_RETRIES:
            raise ModelRetry(
                f"The evidence of {unproven} is not a verbatim excerpt of what a tool showed, or it repeats the words"
                " of your own call. Quote at least one whole line of the output exactly, or drop the finding."
            )
        return verdict

    return agent


async def answer_prompt(
    prompt: str,
    *,
    model: Model,
    model_name: str,
    checks: Sequence[Mapping[str, Any]],
    executor: Executor,
    transcript: Transcript,
    redactor: Redactor,
    limits: AgentLimits,
    priced: bool = True,
    notes: Sequence[str] = (),
) -> AgentAnswer:
    """Let the model work, within its limits.

    Args:
        prompt: The repository's.
        model: Whom to ask.
        model_name: For the answer.
        checks: What the harness found, in the report's form.
        executor: A started sandbox.
        transcript: Where everything is written.
        redactor: Knows the secrets.
        limits: The wall clock already cut to the deadline.
        priced: Whether the provider's list prices hold; not so at an endpoint of somebody else.
        notes: For the answer.
    """
    began = time.monotonic()
    seconds = limits.wall_clock.total_seconds()
    work = Work(executor=executor, limits=limits, transcript=transcript, ends_at=began + seconds)
    usage = RunUsage()
    text = task(prompt, checks)
    transcript.write("start", model=model_name, sandbox=executor.description, limits=limits.to_dict(), prompt=text)
    state, code, reason = AgentState.COMPLETED, None, None
    verdict: ModelVerdict | None = None
    try:
        verdict = await run_within(make_agent(), text, model=model, work=work, usage=usage, limits=limits)
        if verdict is None:
            state, code = AgentState.TIMED_OUT, ReasonCode.AGENT_TIMED_OUT
            reason = f"the agent was not done within {seconds:.0f} s"
    except Exception as exc:  # a mistake of ours or of a library must not cost the record of what was spent
        state, code, reason = trouble(exc)
    spent = spent_of(usage, work, priced=priced)
    remarks = [*notes, *unenforced(usage, spent, limits, model_name)]
    answer = AgentAnswer(
        state=state,
        reason_code=code,
        reason=None if reason is None else storable(redactor.clean(" ".join(reason.split())))[:_REASON_CHARACTERS],
        status=None if verdict is None else verdict.status,
        summary=None if verdict is None else storable(redactor.clean(verdict.summary))[:2_000] or "said nothing",
        findings=() if verdict is None else tuple(_finding(each, work, redactor) for each in verdict.findings),
        model=model_name,
        sandbox=executor.description,
        usage=spent,
        duration_seconds=round(time.monotonic() - began, 3),
        notes=tuple(remark[:_REASON_CHARACTERS] for remark in remarks),
    )
    transcript.write("end", answer=answer.to_json())
    return answer


def _finding(found: ModelFinding, work: Work, redactor: Redactor) -> AgentFinding:
    return AgentFinding(
        title=storable(redactor.clean(found.title))[:200] or "untitled",
        severity=found.severity,
        evidence=storable(redactor.clean(found.evidence))[:MAX_EVIDENCE_CHARACTERS],
        verified=work.seen.proves(found.evidence),
        file=(storable(found.file)[:500] or None) if found.file else None,
        line=found.line,
    )
