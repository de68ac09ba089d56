"""From an order to an answer: the model, then the sandbox, then the work; what is missing makes a skip."""

from __future__ import annotations

import asyncio
import dataclasses
import sys
import time
from collections.abc import Awaitable
from datetime import datetime, timedelta, timezone
from pathlib import Path

from janitor.agent.executors.base import ExecutorError
from janitor.agent.executors.choose import start_executor
from janitor.agent.models import Skip, resolve
from janitor.agent.repository_copy import pack_repository
from janitor.agent.runner import answer_prompt
from janitor.agent.settings import AgentSettings
from janitor.agent.transcript import Transcript
from janitor.guest.redaction import Redactor
from janitor.protocol.agent.answers import Provider
from janitor.protocol.agent.work import AgentAnswer, AgentOrder, AgentState
from janitor.protocol.terms.reason_codes import ReasonCode

MARGIN = timedelta(seconds=4)
"""Between the end of the model's work and the deadline, for the sandbox's end and the answer."""
LEAST = timedelta(seconds=1)
_STOP_SECONDS = 2.5


async def serve(order: AgentOrder, settings: AgentSettings, transcript_path: Path) -> AgentAnswer:
    """Answer an order.

    Args:
        order: What is asked.
        settings: Of this process.
        transcript_path: The file to write; it must not be there yet.

    Raises:
        OSError: The checkout can't be read, or the transcript can't be made.
    """
    began = time.monotonic()
    choice = resolve(order.agent, settings)
    if isinstance(choice, Skip):
        return _skipped(order, choice.reason_code, choice.reason)
    redactor = Redactor(choice.secrets)
    archive, notes = pack_repository(Path(order.checkout))
    try:
        executor = await start_executor(order, settings, archive)
    except ExecutorError as exc:
        return _skipped(order, ReasonCode.AGENT_NO_SANDBOX, f"no sandbox for the agent's commands: {exc}")
    del archive
    transcript = Transcript(transcript_path, redactor)
    left = order.deadline - MARGIN - datetime.now(timezone.utc)
    spec = order.agent
    try:
        answer = await answer_prompt(
            order.prompt,
            model=choice.model,
            model_name=spec.model,
            checks=order.checks,
            executor=executor,
            transcript=transcript,
            redactor=redactor,
            limits=dataclasses.replace(spec.limits, wall_clock=min(spec.limits.wall_clock, max(left, LEAST))),
            # Whoever runs an endpoint that speaks OpenAI's protocol sets prices of their own.
            priced=spec.base_url is None or spec.provider is not Provider.OPENAI,
            notes=notes,
        )
    finally:
        transcript.close()
        await quietly(executor.stop())
        if choice.close is not None:
            await quietly(choice.close())
    return dataclasses.replace(answer, duration_seconds=round(time.monotonic() - began, 3))


async def quietly(ending: Awaitable[None]) -> None:
    """End something, but don't let that cost the answer: the validator's cleanup looks again."""
    try:
        await asyncio.wait_for(ending, _STOP_SECONDS)
    except (asyncio.TimeoutError, ExecutorError, OSError) as exc:
        print(f"janitor-agent: {type(exc).__name__} at the end: {exc}", file=sys.stderr)  # noqa: T201  # what the program tells


def _skipped(order: AgentOrder, code: str, reason: str) -> AgentAnswer:
    text = " ".join(reason.split())[:500]
    return AgentAnswer(state=AgentState.SKIPPED, reason_code=code, reason=text, model=order.agent.model)
