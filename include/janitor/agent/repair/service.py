"""From a repair order to its answer: the model, then the sandbox, then the work."""

from __future__ import annotations

import dataclasses
import time
from datetime import datetime, timezone
from pathlib import Path

from janitor.agent.executors.base import ExecutorError
from janitor.agent.executors.choose import start_executor
from janitor.agent.models import Skip, resolve
from janitor.agent.repair.runner import propose_repair
from janitor.agent.repository_copy import pack_repository
from janitor.agent.service import LEAST, MARGIN, quietly
from janitor.agent.settings import AgentSettings
from janitor.agent.transcript import Transcript
from janitor.guest.redaction import Redactor
from janitor.protocol.agent.answers import Provider
from janitor.protocol.agent.repair import RepairAnswer, RepairOrder
from janitor.protocol.agent.work import AgentOrder, AgentState


async def serve_repair(order: RepairOrder, settings: AgentSettings, transcript_path: Path) -> RepairAnswer:
    """Answer a repair order.

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
        return not_asked(order, choice.reason)
    redactor = Redactor(choice.secrets)
    archive, notes = pack_repository(Path(order.checkout))
    try:
        executor = await start_executor(_plain_order(order), settings, archive)
    except ExecutorError as exc:
        return not_asked(order, f"no sandbox: {exc}")
    del archive
    transcript = Transcript(transcript_path, redactor)
    left = order.deadline - MARGIN - datetime.now(timezone.utc)
    spec = order.agent
    try:
        answer = await propose_repair(
            model=choice.model,
            model_name=spec.model,
            checks=order.checks,
            changes=order.changes,
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


def not_asked(order: RepairOrder, reason: str, *, state: AgentState = AgentState.SKIPPED) -> RepairAnswer:
    """Nothing was asked of a model, or nothing came of it."""
    return RepairAnswer(state=state, reason=" ".join(reason.split())[:500] or "no reason", model=order.agent.model)


def _plain_order(order: RepairOrder) -> AgentOrder:
    """As whoever chooses a sandbox reads it.

    No engine has built an image of the repository here. And this machine isn't thrown away: a container of our own
    image goes before namespaces, which see the machine's files.
    """
    return AgentOrder(
        validation_id=order.validation_id,
        prompt="-",
        agent=order.agent,
        checks=(),
        checkout=order.checkout,
        deadline=order.deadline,
        sandbox_image=order.agent.image,
    )
