"""What each kind of the agent's work has in common: a run within its limits, and what became of it in words."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Iterator
from decimal import Decimal
from typing import TypeVar

from pydantic_ai import Agent, RunUsage, UsageLimits
from pydantic_ai.exceptions import AgentRunError, ModelAPIError, UnexpectedModelBehavior, UsageLimitExceeded, UserError
from pydantic_ai.models import Model

from janitor.agent.executors.base import ExecutorError
from janitor.agent.hooks import BURST
from janitor.agent.tools import Work
from janitor.protocol.agent.answers import AgentLimits
from janitor.protocol.agent.work import AgentState, AgentUsage
from janitor.protocol.terms.reason_codes import ReasonCode

T = TypeVar("T")

OUTPUT_RETRIES = 2
"""How often a last word is sent back."""
_RESPONSE_TOKENS = 8_192
"""Most output of one response."""
_CANCEL_SECONDS = 2.0
"""How long a run may take to stop."""


async def run_within(
    agent: Agent[Work, T], text: str, *, model: Model, work: Work, usage: RunUsage, limits: AgentLimits
) -> T | None:
    """The model's last word; None if it did not come in time.

    A client's thread can't be cancelled, so the run is not awaited for long once it was.
    """
    with warnings.catch_warnings():
        # Said in the answer's notes instead.
        warnings.filterwarnings("ignore", message="A `cost_limit` is set")
        run = asyncio.ensure_future(
            agent.run(
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


def trouble(error: Exception, *, word: str = "verdict") -> tuple[AgentState, ReasonCode, str]:
    """(state, reason code, reason) of a run that broke off.

    Args:
        error: What ended it.
        word: What was wanted of the model.
    """
    if isinstance(error, UsageLimitExceeded):
        return AgentState.LIMIT_EXCEEDED, ReasonCode.AGENT_LIMIT, f"the agent reached a limit: {error}"
    if isinstance(error, UnexpectedModelBehavior):
        return AgentState.INVALID_OUTPUT, ReasonCode.AGENT_INVALID_OUTPUT, f"the agent gave no {word}: {error}"
    if isinstance(error, ModelAPIError):
        return AgentState.MODEL_ERROR, ReasonCode.AGENT_MODEL_ERROR, f"the model can't be reached or used: {error}"
    if isinstance(error, ExecutorError):
        return AgentState.CRASHED, ReasonCode.AGENT_SANDBOX_LOST, f"the agent's sandbox failed: {error}"
    if isinstance(error, (AgentRunError, UserError)):
        return AgentState.MODEL_ERROR, ReasonCode.AGENT_MODEL_ERROR, f"the model could not be used: {error}"
    return AgentState.CRASHED, ReasonCode.AGENT_CRASHED, f"the agent failed: {type(error).__name__}: {error}"


def unenforced(usage: RunUsage, spent: AgentUsage, limits: AgentLimits, model_name: str) -> Iterator[str]:
    """Which limits could not be held, in words."""
    if spent.cost_usd is None and usage.requests and limits.cost_usd is not None:
        yield (
            f"the limit of ${limits.cost_usd} was not enforced, as no price is known for {model_name};"
            f" the limit of {limits.tokens} tokens was"
        )
    if usage.requests and not usage.total_tokens:
        yield "the endpoint reported no tokens, so their limit was not enforced; that of the turns was"


def spent_of(usage: RunUsage, work: Work, *, priced: bool) -> AgentUsage:
    """What a run took; its cost is None where the price isn't known."""
    cost: Decimal | None = usage.cost if priced else None
    return AgentUsage(
        turns=usage.requests,
        tool_calls=work.attempts,
        looks=work.looks,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cost_usd=None if cost is None else float(cost),
    )


def storable(text: str) -> str:
    """Without what neither JSON's readers nor PostgreSQL can hold."""
    return text.replace("\0", "").encode("utf-8", errors="replace").decode()
