"""Runs the agent as a child process with a hard wall clock, and brings back its answer and its transcript.

Invariant: when `ask` returns or raises, the process and all that it started are gone, whatever it waits for.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from janitor.guest.processes.supervisor import Outcome, end_everything, start
from janitor.guest.regular_file import read_beginning
from janitor.protocol.agent.answers import AgentSpec
from janitor.protocol.agent.work import ANSWER_MAX_BYTES, AgentAnswer, AgentDocumentError, AgentOrder, AgentState
from janitor.protocol.report import Check
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.protocol.terms.statuses import Engine
from janitor.validator.agent.launch import ANSWER, ORDER, TRANSCRIPT, Launch, plan_launch
from janitor.validator.agent.settings import AgentMachine
from janitor.validator.context import CheckContext
from janitor.validator.docker.client import DockerClient
from janitor.validator.engine import BuildResult, EngineError, HostFacts
from janitor.validator.engines.docker.container import LABEL
from janitor.validator.facts import CheckoutFacts

LEAST_TIME = timedelta(seconds=20)
"""Less is not worth asking."""
_RESERVE = timedelta(seconds=15)
"""Between the agent's deadline and the validation's, for its end, the cleanup and the report."""
_START = timedelta(seconds=20)
"""For the agent's imports and its sandbox, beyond its wall-clock limit."""
_OVERTIME = timedelta(seconds=3)
"""After the agent's deadline, or after its answer, it is killed."""
_PAUSE = timedelta(seconds=0.25)
_MAX_TRANSCRIPT_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class AgentFacts:
    """What the agent is told of the validation; None where a check found nothing."""

    checks: tuple[Check, ...]
    """Concluded so far; their evidence is redacted."""
    checkout: CheckoutFacts | None
    host: HostFacts | None
    built: BuildResult | None


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What came of it."""

    answer: AgentAnswer
    outcome: Outcome
    """Of the agent's process."""
    transcript: bytes


def ask(context: CheckContext, spec: AgentSpec, facts: AgentFacts, machine: AgentMachine) -> Asked:
    """Have the agent answer the prompt.

    Args:
        context: The validation.
        spec: The model and its limits.
        facts: What was found so far.
        machine: Credentials.

    Raises:
        AgentMissingError: Its packages are not here.
        ProcessStartError: It can't be started.
        OSError: The order can't be written.
    """
    # Nothing of the repository may be alive beside a process that holds credentials.
    end_everything()
    folder = Path(tempfile.mkdtemp(prefix="agent-", dir=context.workspace.root))
    validation = context.spec.validation_id
    label = f"{LABEL}={validation}"
    launch = plan_launch(
        spec,
        machine,
        context.settings,
        folder=folder,
        checkout=context.workspace.checkout,
        name=f"janitor-{validation}-agent",
        label=label,
    )
    left = min(context.interrupts.remaining() - _RESERVE, spec.limits.wall_clock + _START)
    order = AgentOrder(
        validation_id=validation,
        prompt=context.spec.prompt,
        agent=spec,
        checks=tuple(check.to_dict() for check in facts.checks),
        checkout=launch.checkout,
        deadline=datetime.now(timezone.utc) + left,
        sandbox_image=_worker_image(context, facts.built, label),
        sandbox_label=label,
        sandbox_gpu=facts.host is not None and facts.host.machine.gpu is not None,
    )
    _write_private(folder / ORDER, order.to_json().encode())
    outcome = _run(context, launch, folder, left + _OVERTIME)
    return Asked(
        answer=_answer(folder / ANSWER, spec, outcome),
        outcome=outcome,
        transcript=read_beginning(folder / TRANSCRIPT, _MAX_TRANSCRIPT_BYTES) or b"",
    )


def _run(context: CheckContext, launch: Launch, folder: Path, limit: timedelta) -> Outcome:
    ends_at = time.monotonic() + limit.total_seconds()
    try:
        with start(launch.argv, cwd=folder, env=launch.environment, confined=False) as running:
            while not running.wait(_PAUSE) and time.monotonic() < ends_at:
                if (folder / ANSWER).exists():
                    # A client's thread can wait for its endpoint long after the answer is there.
                    running.wait(_OVERTIME)
                    break
            return running.end(graceful=False)
    finally:
        if launch.container is not None:
            DockerClient(context.settings).remove(launch.container)


def _answer(path: Path, spec: AgentSpec, outcome: Outcome) -> AgentAnswer:
    content = read_beginning(path, ANSWER_MAX_BYTES + 1)
    if content is None:
        if outcome.exit_code is None:
            return _none(
                spec, AgentState.TIMED_OUT, ReasonCode.AGENT_TIMED_OUT, "the agent was not done in time and was killed"
            )
        said = " ".join(outcome.output.text.split())[-300:]
        reason = f"the agent's process ended with {outcome.exit_code} and left no answer: {said}"
        return _none(spec, AgentState.CRASHED, ReasonCode.AGENT_CRASHED, reason)
    try:
        return AgentAnswer.from_json(content)
    except AgentDocumentError as exc:
        return _none(spec, AgentState.CRASHED, ReasonCode.AGENT_CRASHED, f"the agent's answer can't be read: {exc}")


def _none(spec: AgentSpec, state: AgentState, code: ReasonCode, reason: str) -> AgentAnswer:
    return AgentAnswer(state=state, reason_code=code, reason=reason, model=spec.model)


def _worker_image(context: CheckContext, built: BuildResult | None, label: str) -> str | None:
    """The image that the engine built of the repository; it is found by what the engine marks it with."""
    if built is None or built.worker.kind is not Engine.DOCKER:
        return None
    with contextlib.suppress(EngineError):
        listed = DockerClient(context.settings).command("images", "--quiet", "--filter", f"label={label}")
        if listed.exit_code == 0 and (found := listed.output.text.split()):
            return found[0]
    return None


def _write_private(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
