"""The agent's process: reads an order, leaves an answer, and ends, whatever a library still waits for.

Exit codes: 0 an answer was written; 2 bad order or usage; 3 no answer could be written.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import NoReturn

from janitor.agent.processes import hide_memory
from janitor.agent.settings import AgentSettings
from janitor.protocol.agent.repair import REPAIR_ORDER_FORMAT, RepairAnswer, RepairOrder
from janitor.protocol.agent.work import AgentAnswer, AgentDocumentError, AgentOrder, AgentState
from janitor.protocol.terms.reason_codes import ReasonCode

EXIT_ANSWERED, EXIT_USAGE, EXIT_UNANSWERED = 0, 2, 3
_LEAST_SECONDS = 1.0
_LAST_MOMENT = timedelta(seconds=1)
"""Before the deadline; the agent's own clock has stopped it by then, unless something blocks."""


def main(argv: Sequence[str] | None = None) -> int:
    """Answer one order; returns the exit code.

    Args:
        argv: Arguments, without the program's name; by default those of the process.
    """
    parser = argparse.ArgumentParser(prog="janitor-agent", description="Answers one prompt about one repository.")
    parser.add_argument("--order", required=True, type=Path, help="the order, as JSON")
    parser.add_argument("--answer", required=True, type=Path, help="the file that gets the answer")
    parser.add_argument("--transcript", required=True, type=Path, help="the file that gets the transcript")
    options = parser.parse_args(argv)
    hide_memory()
    try:
        order = read_order(options.order.read_bytes())
    except (OSError, AgentDocumentError) as exc:
        print(f"janitor-agent: {exc}", file=sys.stderr)  # noqa: T201  # what the program tells
        return EXIT_USAGE
    _watch(order, options.answer)
    return _write(answer_order(order, AgentSettings.from_environment(), options.transcript), options.answer)


def read_order(content: bytes) -> AgentOrder | RepairOrder:
    """An order of either kind.

    Raises:
        AgentDocumentError: It is none.
    """
    is_repair = f'"{REPAIR_ORDER_FORMAT}"'.encode() in content[:100]
    return RepairOrder.from_json(content) if is_repair else AgentOrder.from_json(content)


def answer_order(
    order: AgentOrder | RepairOrder, settings: AgentSettings, transcript: Path
) -> AgentAnswer | RepairAnswer:
    """The answer, whatever happens; importing the libraries is part of it.

    Args:
        order: What is asked.
        settings: Of this process.
        transcript: The file to write.
    """
    try:
        from janitor.agent.repair.service import serve_repair  # noqa: PLC0415  # what is missing there is an answer
        from janitor.agent.service import serve  # noqa: PLC0415  # the same
    except ImportError as exc:
        return _other(
            order, AgentState.SKIPPED, ReasonCode.AGENT_NOT_INSTALLED, f"the agent's packages are missing: {exc}"
        )
    try:
        # Not asyncio.run: it waits for threads, and a client's thread can wait minutes for its endpoint.
        loop = asyncio.new_event_loop()
        if isinstance(order, RepairOrder):
            return loop.run_until_complete(serve_repair(order, settings, transcript))
        return loop.run_until_complete(serve(order, settings, transcript))
    except Exception as exc:  # a mistake of ours must not look like a verdict
        return _other(
            order, AgentState.CRASHED, ReasonCode.AGENT_CRASHED, f"the agent failed: {type(exc).__name__}: {exc}"
        )


def run_and_exit() -> NoReturn:
    """`main` as a program, ending the process at once: a client's thread may wait for its endpoint for minutes."""
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _watch(order: AgentOrder | RepairOrder, answer: Path) -> None:
    """End the process at the order's deadline, even if the event loop is blocked."""

    def late() -> None:
        if not answer.exists():
            reason = "the agent was not done by its deadline, and was ended"
            _write(_other(order, AgentState.TIMED_OUT, ReasonCode.AGENT_TIMED_OUT, reason), answer)
        os._exit(EXIT_ANSWERED)

    left = (order.deadline - _LAST_MOMENT - datetime.now(timezone.utc)).total_seconds()
    timer = threading.Timer(max(left, _LEAST_SECONDS), late)
    timer.daemon = True
    timer.start()


def _other(order: AgentOrder | RepairOrder, state: AgentState, code: str, reason: str) -> AgentAnswer | RepairAnswer:
    text = " ".join(reason.split())[:500]
    if isinstance(order, RepairOrder):
        return RepairAnswer(state=state, reason=text, model=order.agent.model)
    return AgentAnswer(state=state, reason_code=code, reason=text, model=order.agent.model)


def _write(answer: AgentAnswer | RepairAnswer, path: Path) -> int:
    """Write the answer in one step, so that whoever sees it sees all of it."""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(answer.to_json())
        os.replace(temporary, path)
    except OSError as exc:
        print(f"janitor-agent: the answer can't be written: {exc}", file=sys.stderr)  # noqa: T201  # what the program tells
        return EXIT_UNANSWERED
    return EXIT_ANSWERED
