"""The functions that the SDK calls on the platform alone, each called once.

The worker's real command is started with a module that Python loads before it (`callback_probe`): where the program
hands its configuration to the SDK, that module calls what is in it, says what came of it, and ends the program.
"""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from janitor.diagnosis.handler.verdict import clipped
from janitor.diagnosis.host_conditions import excuse
from janitor.inspection.python.sdk_use import Named
from janitor.protocol.terms.proven import UnprovenKind
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.validator.checks.handler.api_session import Session, room_for_another
from janitor.validator.checks.handler.callback_probe import MARK, PROBE
from janitor.validator.checks.handler.handler_facts import ApiFacts, turned
from janitor.validator.context import CheckContext
from janitor.validator.engine import EngineError
from janitor.validator.findings import Finding

_LIMIT = timedelta(minutes=5)
_SLOWER = 3
"""How much longer than the worker's start it may take until the functions have answered."""
_LOOK = timedelta(seconds=0.2)


@dataclass(frozen=True)
class Answered:
    """What the functions gave, or what the worker said instead."""

    answers: tuple[dict[str, Any], ...] | None
    log: str


def with_callbacks(context: CheckContext, facts: ApiFacts, session: Session | None, finding: Finding) -> Finding:
    """The finding with what came of the worker's callbacks, where its source has any.

    Args:
        context: The validation.
        facts: The worker.
        session: The last life of its API, if there was one; its start tells how long one takes.
        finding: On what was shown before.
    """
    callbacks = facts.worker.facts.sdk.callbacks
    if not callbacks:
        return finding
    local = facts.local.seconds if facts.local is not None else 0.0
    usual = timedelta(seconds=session.ready_seconds if session is not None else local)
    room = room_for_another(context, usual * 2)
    if room is None:
        return _left(finding, callbacks, "there was no time to call it")
    limit = min(room, max(usual * _SLOWER, _LIMIT))
    try:
        answered = _ask(facts, limit)
    except EngineError as exc:
        return _left(finding, callbacks, str(exc))
    if answered.answers is None:
        return _left(finding, callbacks, "the program did not hand it to the SDK here")
    for answer in answered.answers:
        finding = _judged(facts, finding, callbacks, answer, answered.log)
    called = {str(answer.get("name")) for answer in answered.answers}
    return _left(finding, tuple(each for each in callbacks if each.name not in called), "the program didn't give it")


def _ask(facts: ApiFacts, limit: timedelta) -> Answered:
    """Start the worker and wait for its functions' answers.

    Raises:
        EngineError: It could not be started.
    """
    token = secrets.token_hex(8)
    worker = facts.worker
    deadline = time.monotonic() + limit.total_seconds()
    mark = f"{MARK} {token} "
    with worker.start_probed(PROBE.replace("TOKEN", repr(token)), worker.facts.test_environment) as running:
        while not running.wait(_LOOK) and time.monotonic() < deadline:
            if mark in running.output_so_far():
                running.wait(_LOOK)
                break
        log = running.end().output.text
    line = next((line for line in log.splitlines() if mark in line), None)
    try:
        answers = None if line is None else json.loads(line.partition(mark)[2])
    except (ValueError, RecursionError):
        answers = None
    if not isinstance(answers, list) or not all(isinstance(answer, dict) for answer in answers):
        return Answered(None, log)
    return Answered(tuple(answers), log)


def _judged(
    facts: ApiFacts, finding: Finding, callbacks: tuple[Named, ...], answer: dict[str, Any], log: str
) -> Finding:
    """The finding with the verdict on one function's answer."""
    name, label = str(answer.get("name")), clipped(str(answer.get("label")), 80)
    where = next((each for each in callbacks if each.name == name), callbacks[0])
    place = f"{where.path}, line {where.line}"
    if raised := answer.get("raised"):
        reason = f"{label}, which the SDK calls on the platform, raises {clipped(str(raised))}"
        trouble = excuse(f"{log}\n{raised}", reason, facts.worker.place)
        if trouble is not None:
            return _left(finding, (where,), f"{reason}; {trouble.reason}")
        return turned(finding, ReasonCode.CALLBACK_FAILED, f"{reason} ({place})")
    if wrong := answer.get("wrong"):
        reason = f"{label}, which the SDK calls on the platform, {clipped(str(wrong))}"
        return turned(finding, ReasonCode.CALLBACK_FAILED, f"{reason} ({place})")
    if odd := answer.get("odd"):
        text = f"{label}, which the SDK calls on the platform, {clipped(str(odd))}"
        return finding.noted(ReasonCode.CALLBACK_UNCLEAR, text, file=str(where.path), line=where.line)
    return finding


def _left(finding: Finding, callbacks: tuple[Named, ...], why: str) -> Finding:
    for each in callbacks:
        text = f"whether {each.name} works, which the SDK calls on the platform: {why}"
        finding = finding.left_unproven(UnprovenKind.NOT_ASKED, text, file=str(each.path), line=each.line)
    return finding
