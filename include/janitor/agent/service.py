"""From an order to an answer: the model, then the sandbox, then the work; what is missing makes a skip."""

from __future__ import annotations

import asyncio
import dataclasses
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from pydantic_ai.models import Model

from janitor.agent.executors.base import Executor, ExecutorError
from janitor.agent.executors.choose import start_executor
from janitor.agent.models import Skip, resolve
from janitor.agent.repository_copy import pack_repository
from janitor.agent.runner import answer_prompt
from janitor.agent.settings import AgentSettings
from janitor.agent.transcript import Transcript
from janitor.guest.redaction import Redactor
from janitor.protocol.agent.answers import AgentLimits, Provider
from janitor.protocol.agent.work import AgentAnswer, AgentOrder, AgentState
from janitor.protocol.terms.reason_codes import ReasonCode

MARGIN = timedelta(seconds=4)
"""Between the end of the model's work and the deadline, for the sandbox's end and the answer."""
_LEAST = timedelta(seconds=1)
_STOP_SECONDS = 2.5


@dataclass(frozen=True, kw_only=True)
class WorkPlace:
    """Everything that a model works with, for as long as it works."""

    model: Model
    executor: Executor
    transcript: Transcript
    redactor: Redactor
    limits: AgentLimits
    """The wall clock cut to the deadline."""
    priced: bool
    """Whether the provider's list prices hold."""
    notes: Sequence[str]


class NoModelError(Exception):
    """There is no model to ask.

    Args:
        skip: Why.
    """

    def __init__(self, skip: Skip) -> None:
        super().__init__(skip.reason)
        self.skip = skip


class NoSandboxError(Exception):
    """There is no sandbox; the message says why."""


@asynccontextmanager
async def work_place(order: AgentOrder, settings: AgentSettings, transcript_path: Path) -> AsyncIterator[WorkPlace]:
    """The model and a started sandbox with the checkout, ended with the block.

    Args:
        order: What is asked; its prompt and checks aren't looked at.
        settings: Of this process.
        transcript_path: The file to write; it must not be there yet.

    Raises:
        NoModelError, NoSandboxError: One of them can't be had; nothing was begun.
        OSError: The checkout can't be read, or the transcript can't be made.
    """
    choice = resolve(order.agent, settings)
    if isinstance(choice, Skip):
        raise NoModelError(choice)
    redactor = Redactor(choice.secrets)
    archive, notes = pack_repository(Path(order.checkout))
    try:
        executor = await start_executor(order, settings, archive)
    except ExecutorError as exc:
        raise NoSandboxError(str(exc)) from exc
    del archive
    transcript = Transcript(transcript_path, redactor)
    left = order.deadline - MARGIN - datetime.now(timezone.utc)
    spec = order.agent
    try:
        yield WorkPlace(
            model=choice.model,
            executor=executor,
            transcript=transcript,
            redactor=redactor,
            limits=dataclasses.replace(spec.limits, wall_clock=min(spec.limits.wall_clock, max(left, _LEAST))),
            # Whoever runs an endpoint that speaks OpenAI's protocol sets prices of their own.
            priced=spec.base_url is None or spec.provider is not Provider.OPENAI,
            notes=notes,
        )
    finally:
        transcript.close()
        await _quietly(executor.stop())
        if choice.close is not None:
            await _quietly(choice.close())


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
    try:
        async with work_place(order, settings, transcript_path) as place:
            answer = await answer_prompt(
                order.prompt,
                model=place.model,
                model_name=order.agent.model,
                checks=order.checks,
                executor=place.executor,
                transcript=place.transcript,
                redactor=place.redactor,
                limits=place.limits,
                priced=place.priced,
                notes=place.notes,
            )
    except NoModelError as exc:
        return _skipped(order, exc.skip.reason_code, exc.skip.reason)
    except NoSandboxError as exc:
        return _skipped(order, ReasonCode.AGENT_NO_SANDBOX, f"no sandbox for the agent's commands: {exc}")
    return dataclasses.replace(answer, duration_seconds=round(time.monotonic() - began, 3))


async def _quietly(ending: Awaitable[None]) -> None:
    """End something, but don't let that cost the answer: the validator's cleanup looks again."""
    try:
        await asyncio.wait_for(ending, _STOP_SECONDS)
    except (asyncio.TimeoutError, ExecutorError, OSError) as exc:
        print(f"janitor-agent: {type(exc).__name__} at the end: {exc}", file=sys.stderr)  # noqa: T201  # what the program tells


def _skipped(order: AgentOrder, code: str, reason: str) -> AgentAnswer:
    text = " ".join(reason.split())[:500]
    return AgentAnswer(state=AgentState.SKIPPED, reason_code=code, reason=text, model=order.agent.model)
