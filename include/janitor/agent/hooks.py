"""Counts what the model asks for, before any of it is done, and writes the transcript."""

from __future__ import annotations

import json
from typing import Any

from pydantic_ai import ModelResponse, RunContext, ToolCallPart
from pydantic_ai.capabilities import Hooks
from pydantic_ai.exceptions import UsageLimitExceeded

from janitor.agent.tools import Work

VERDICT_TOOL, REPAIR_TOOL = "submit_verdict", "submit_repair"
_LAST_WORDS = (VERDICT_TOOL, REPAIR_TOOL)
BURST = 16
"""How many calls beyond the limit one response may hold; they are refused, but the run goes on."""


def hooks() -> Hooks[Work]:
    """The hooks of one run."""
    made: Hooks[Work] = Hooks()

    @made.on.after_model_request
    async def responded(ctx: RunContext[Work], *, request_context: Any, response: ModelResponse) -> ModelResponse:
        work = ctx.deps
        calls = [part for part in response.parts if isinstance(part, ToolCallPart)]
        work.transcript.write(
            "response",
            finish=str(response.finish_reason),
            input_tokens=response.usage.input_tokens,
            output_tokens=response.usage.output_tokens,
            text=[part.content for part in response.parts if part.part_kind == "text"],
            calls=[{"id": call.tool_call_id, "tool": call.tool_name, "arguments": call.args} for call in calls],
        )
        asked = [call for call in calls if call.tool_name not in _LAST_WORDS]
        room = max(0, work.limits.tool_calls - work.attempts)
        work.refused |= {call.tool_call_id for call in asked[room:]}
        work.attempts += len(asked)
        for call in asked:
            work.seen.ask(_words(call.args))
        if work.attempts > work.limits.tool_calls + BURST:
            raise UsageLimitExceeded(
                f"{work.attempts} tool calls were asked for; the limit is {work.limits.tool_calls}"
            )
        return response

    @made.on.after_tool_execute
    async def executed(ctx: RunContext[Work], *, call: Any, tool_def: Any, args: Any, result: Any) -> Any:
        if call.tool_name not in _LAST_WORDS:
            ctx.deps.transcript.write("result", id=call.tool_call_id, tool=call.tool_name, result=result)
        return result

    @made.on.tool_execute_error
    async def failed(ctx: RunContext[Work], *, call: Any, tool_def: Any, args: Any, error: Exception) -> Any:
        ctx.deps.transcript.write("result", id=call.tool_call_id, tool=call.tool_name, error=str(error))
        raise error

    return made


def _words(arguments: Any) -> str:
    """The texts in a call's arguments, whether they came decoded or as JSON."""
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            return str(arguments)
    if isinstance(arguments, dict):
        return "\n".join(
            _words(value) if isinstance(value, (dict, list)) else str(value) for value in arguments.values()
        )
    if isinstance(arguments, list):
        return "\n".join(_words(value) if isinstance(value, (dict, list)) else str(value) for value in arguments)
    return "" if arguments is None else str(arguments)
