"""One run of the agent: prompt and results in, an `AgentAnswer` out, whatever happens in between."""

from __future__ import annotations

import asyncio
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from pydantic_ai import Agent, ModelRetry, RunContext, RunUsage, ToolOutput, UsageLimits
from pydantic_ai.exceptions import (
    AgentRunError,
    ModelAPIError,
    UnexpectedModelBehavior,
    UsageLimitExceeded,
    UserError,
)
from pydantic_ai.models import Model

from janitor.agent.executors.base import Executor, ExecutorError
from janitor.agent.hooks import BURST, VERDICT_TOOL, hooks
from janitor.agent.instructions import INSTRUCTIONS, task
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
    AgentUsage,
    Severity,
)
from janitor.protocol.terms.reason_codes import ReasonCode

_RESPONSE_TOKENS = 8_192
"""Most output of one response."""
_OUTPUT_RETRIES = 2
"""How often a verdict is sent back."""
_REASON_CHARACTERS = 500
_CANCEL_SECONDS = 2.0
"""How long a run may take to stop."""


def make_agent() -> Agent[Work, ModelVerdict]:
    """The agent: three tools, and a verdict whose evidence must be what they showed."""
    agent: Agent[Work, ModelVerdict] = Agent(
        None,
        deps_type=Work,
        output_type=ToolOutput(ModelVerdict, name=VERDICT_TOOL),
        instructions=INSTRUCTIONS,
        toolsets=[toolset()],
        capabilities=[hooks()],
        retries={"tools": 3, "output": _OUTPUT_RETRIES},
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
        if unproven and ctx.retry < _OUTPUT_RETRIES:
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
        verdict = await _run(text, model, work, usage, limits)
        if verdict is None:
            state, code = AgentState.TIMED_OUT, ReasonCode.AGENT_TIMED_OUT
            reason = f"the agent was not done within {seconds:.0f} s"
    except Exception as exc:  # a mistake of ours or of a library must not cost the record of what was spent
        state, code, reason = _trouble(exc)
    spent = _usage(usage, work, priced=priced)
    remarks = [*notes, *_unenforced(usage, spent, limits, model_name)]
    answer = AgentAnswer(
        state=state,
        reason_code=code,
        reason=None if reason is None else _storable(redactor.clean(" ".join(reason.split())))[:_REASON_CHARACTERS],
        status=None if verdict is None else verdict.status,
        summary=None if verdict is None else _storable(redactor.clean(verdict.summary))[:2_000] or "said nothing",
        findings=() if verdict is None else tuple(_finding(each, work, redactor) for each in verdict.findings),
        model=model_name,
        sandbox=executor.description,
        usage=spent,
        duration_seconds=round(time.monotonic() - began, 3),
        notes=tuple(remark[:_REASON_CHARACTERS] for remark in remarks),
    )
    transcript.write("end", answer=answer.to_json())
    return answer


def _trouble(error: Exception) -> tuple[AgentState, ReasonCode, str]:
    """(state, reason code, reason) of a run that broke off."""
    if isinstance(error, UsageLimitExceeded):
        return AgentState.LIMIT_EXCEEDED, ReasonCode.AGENT_LIMIT, f"the agent reached a limit: {error}"
    if isinstance(error, UnexpectedModelBehavior):
        return AgentState.INVALID_OUTPUT, ReasonCode.AGENT_INVALID_OUTPUT, f"the agent gave no verdict: {error}"
    if isinstance(error, ModelAPIError):
        return AgentState.MODEL_ERROR, ReasonCode.AGENT_MODEL_ERROR, f"the model can't be reached or used: {error}"
    if isinstance(error, ExecutorError):
        return AgentState.CRASHED, ReasonCode.AGENT_SANDBOX_LOST, f"the agent's sandbox failed: {error}"
    if isinstance(error, (AgentRunError, UserError)):
        return AgentState.MODEL_ERROR, ReasonCode.AGENT_MODEL_ERROR, f"the model could not be used: {error}"
    return AgentState.CRASHED, ReasonCode.AGENT_CRASHED, f"the agent failed: {type(error).__name__}: {error}"


def _unenforced(usage: RunUsage, spent: AgentUsage, limits: AgentLimits, model_name: str) -> Iterator[str]:
    """Which limits could not be held, in words."""
    if spent.cost_usd is None and usage.requests and limits.cost_usd is not None:
        yield (
            f"the limit of ${limits.cost_usd} was not enforced, as no price is known for {model_name};"
            f" the limit of {limits.tokens} tokens was"
        )
    if usage.requests and not usage.total_tokens:
        yield "the endpoint reported no tokens, so their limit was not enforced; that of the turns was"


async def _run(text: str, model: Model, work: Work, usage: RunUsage, limits: AgentLimits) -> ModelVerdict | None:
    """The model's verdict; None if it did not come in time.

    A client's thread can't be cancelled, so the run is not awaited for long once it was.
    """
    with warnings.catch_warnings():
        # Said in the answer's notes instead.
        warnings.filterwarnings("ignore", message="A `cost_limit` is set")
        run = asyncio.ensure_future(
            make_agent().run(
                text,
                model=model,
                deps=work,
                usage=usage,
                model_settings={"max_tokens": _RESPONSE_TOKENS},
                usage_limits=UsageLimits(
                    request_limit=limits.turns,
                    tool_calls_limit=limits.tool_calls + BURST,
                    total_tokens_limit=limits.tokens,
                    cost_limit=limits.cost_usd,
                ),
            )
        )
        try:
            done, _ = await asyncio.wait({run}, timeout=limits.wall_clock.total_seconds())
        finally:
            run.cancel()
        if not done:
            await asyncio.wait({run}, timeout=_CANCEL_SECONDS)
            return None
        return run.result().output


def _finding(found: ModelFinding, work: Work, redactor: Redactor) -> AgentFinding:
    return AgentFinding(
        title=_storable(redactor.clean(found.title))[:200] or "untitled",
        severity=found.severity,
        evidence=_storable(redactor.clean(found.evidence))[:MAX_EVIDENCE_CHARACTERS],
        verified=work.seen.proves(found.evidence),
        file=(_storable(found.file)[:500] or None) if found.file else None,
        line=found.line,
    )


def _usage(usage: RunUsage, work: Work, *, priced: bool) -> AgentUsage:
    cost: Decimal | None = usage.cost if priced else None
    return AgentUsage(
        turns=usage.requests,
        tool_calls=work.attempts,
        looks=work.looks,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cost_usd=None if cost is None else float(cost),
    )


def _storable(text: str) -> str:
    """Without what neither JSON's readers nor PostgreSQL can hold."""
    return text.replace("\0", "").encode("utf-8", errors="replace").decode()
