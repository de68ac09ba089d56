"""From a repair order to its answer: the model, then the sandbox, then the work."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

from janitor.agent.repair.runner import propose_repair
from janitor.agent.service import NoModelError, NoSandboxError, work_place
from janitor.agent.settings import AgentSettings
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
    try:
        async with work_place(_plain_order(order), settings, transcript_path) as place:
            answer = await propose_repair(
                model=place.model,
                model_name=order.agent.model,
                checks=order.checks,
                changes=order.changes,
                executor=place.executor,
                transcript=place.transcript,
                redactor=place.redactor,
                limits=place.limits,
                priced=place.priced,
                notes=place.notes,
            )
    except NoModelError as exc:
        return not_asked(order, exc.skip.reason)
    except NoSandboxError as exc:
        return not_asked(order, f"no sandbox: {exc}")
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
