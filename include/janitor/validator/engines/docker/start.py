"""Judges the start of a container: whether the image's real command got as far as the runpod SDK."""

from __future__ import annotations

import re
from enum import Enum

from janitor.diagnosis.handler.log_judge import cause
from janitor.diagnosis.handler.sdk_log import BANNER
from janitor.diagnosis.host_conditions import Place, host_condition
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.validator.engine import HandlerRun
from janitor.validator.findings import EvidenceMaker, Finding, errored, failed, passed

_NOT_STARTED = frozenset({126, 127})
"""Not executable, not found. Source: `docker run` reference, "Exit status"; 125 is the engine's own."""
_REFUSED = _NOT_STARTED | {125}
"""By the words of its own trouble Docker chooses among all three: a driver's library that is not there gives 127."""
_REFUSAL = re.compile(r"^docker: (?:Error response from daemon: )?(.*)$", re.MULTILINE)
_REFUSAL_BY_PODMAN = re.compile(r"^Error: (.*)$", re.MULTILINE)
_GPU_REFUSED = re.compile(
    r"(?i)nvidia-container|could not select device driver|nvml|unsatisfied condition: cuda|nvidia\.com/gpu"
)
_IMAGE_REFUSED = re.compile(
    r"(?i)no command specified|no command or entrypoint|executable file `|open executable"
    r"|exec: \"|exec /|unable to find (?:user|group)|no matching entries in (?:passwd|group)"
    r"|chdir to cwd|exec format error"
)
"""What of the image itself keeps Docker from starting it."""


class Refusal(str, Enum):
    """Whose fault it is that a container never ran."""

    GPU = "gpu"
    IMAGE = "image"
    ENGINE = "engine"


def engine_refusal(handler_run: HandlerRun) -> tuple[Refusal, str] | None:
    """Why the engine never ran a container, and what it said; None if the container ran.

    What a program prints is not the engine's word, however it is put: the engine knows whether the program was started.
    """
    outcome = handler_run.outcome
    if handler_run.has_run or outcome.exit_code not in _REFUSED:
        return None
    match = _REFUSAL.search(outcome.output.text)
    if match is None and handler_run.has_run is False:
        match = _REFUSAL_BY_PODMAN.search(outcome.output.text)
    if match is None:
        return None
    said = match.group(1)[:500]
    if _GPU_REFUSED.search(said):
        return Refusal.GPU, said
    return (Refusal.IMAGE if _IMAGE_REFUSED.search(said) else Refusal.ENGINE), said


def judge_start(handler_run: HandlerRun, *, evidence: EvidenceMaker, place: Place, serves: bool) -> Finding:
    """What a run of the real command shows.

    Args:
        handler_run: The run, ended by itself, or by us once it had shown enough or its time was over.
        evidence: Makes the evidence.
        place: Where it ran.
        serves: Whether the worker is a server of its own kind, without the SDK.
    """
    outcome = handler_run.outcome
    text, code = outcome.output.text, outcome.exit_code
    ended = "still running" if code is None else f"{code}"
    state = evidence.value("state", f"exit code: {ended}; killed for want of memory: {handler_run.out_of_memory}")
    logs = (evidence.log("container", outcome), state)
    last = " ".join(text.split())[-300:]
    if handler_run.out_of_memory and code != 0:
        return errored(ReasonCode.RESOURCE, "the container was killed for want of memory", *logs, outcome=outcome)
    if refused := engine_refusal(handler_run):
        refusal, said = refused
        if refusal is Refusal.GPU:
            return errored(
                ReasonCode.HOST_DRIVER, f"a container can't be given the GPU: {said}", *logs, outcome=outcome
            )
        if refusal is Refusal.IMAGE:
            reason = f"the image's command can't be started: {said}"
            return failed(ReasonCode.COMMAND_NOT_STARTED, reason, *logs, outcome=outcome)
        return errored(ReasonCode.ENGINE_TROUBLE, f"docker could not run the container: {said}", *logs, outcome=outcome)
    if BANNER in text:
        return passed(*logs, outcome=outcome)
    if code in _NOT_STARTED:
        return failed(
            ReasonCode.COMMAND_NOT_STARTED, f"the image's command can't be started: {last}", *logs, outcome=outcome
        )
    if code is None:
        if serves:
            return passed(*logs, outcome=outcome)
        reason = "the image's command neither ended nor started the runpod SDK"
        return errored(ReasonCode.START_TIMEOUT, reason, *logs, outcome=outcome)
    if code == 0 and not serves:
        reason = "the image's command ended with exit code 0 without starting the runpod SDK"
        return failed(ReasonCode.EXITED_AT_ONCE, reason, *logs, outcome=outcome)
    if trouble := host_condition(text, place):
        return errored(trouble.code, trouble.reason, *logs, outcome=outcome)
    before = "while it should serve" if serves else "before the runpod SDK started"
    reason = f"the image's command ended with exit code {code} {before}: {cause(text)}"
    return failed(ReasonCode.EXITED_EARLY, reason, *logs, outcome=outcome)
