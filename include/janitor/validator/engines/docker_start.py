"""Judges the start of a container: whether the image's real command got as far as the runpod SDK."""

from __future__ import annotations

import re

from janitor.validator.engines.base import HandlerRun
from janitor.validator.engines.excuses import Place, excuse
from janitor.validator.findings import EvidenceMaker, Finding, errored, failed, passed
from janitor.validator.handler.log_judge import cause

BANNER = "--- Starting Serverless Worker |"
"""The SDK's first line, whatever its log level. Source: runpod-python 1.7.7 and 1.12.0, run."""
_ENGINE_REFUSED = 125
_NOT_STARTED = frozenset({126, 127})
"""Not executable, not found. Source: `docker run` reference, "Exit status"; 125 is the engine's own."""
_REFUSAL = re.compile(r"^docker: (?:Error response from daemon: )?(.*)$", re.MULTILINE)
_GPU_REFUSED = re.compile(r"(?i)nvidia-container-cli|could not select device driver|nvml|unsatisfied condition: cuda")
_EXCUSE_CHARACTERS = 12_000


def engine_refusal(exit_code: int | None, text: str) -> str | None:
    """What the engine said if it never ran the container; None if the container ran.

    Args:
        exit_code: Of `docker run`.
        text: What it printed.
    """
    match = _REFUSAL.search(text) if exit_code == _ENGINE_REFUSED else None
    return match.group(1)[:500] if match else None


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
        return errored("resource", "the container was killed for want of memory", *logs, outcome=outcome)
    if said := engine_refusal(code, text):
        if _GPU_REFUSED.search(said):
            return errored("host_driver", f"a container can't be given the GPU: {said}", *logs, outcome=outcome)
        return errored("engine_trouble", f"docker could not run the container: {said}", *logs, outcome=outcome)
    if BANNER in text:
        return passed(*logs, outcome=outcome)
    if code in _NOT_STARTED:
        return failed("command_not_started", f"the image's command can't be started: {last}", *logs, outcome=outcome)
    if code is None:
        if serves:
            return passed(*logs, outcome=outcome)
        reason = "the image's command neither ended nor started the runpod SDK"
        return errored("start_timeout", reason, *logs, outcome=outcome)
    if code == 0 and not serves:
        reason = "the image's command ended with exit code 0 without starting the runpod SDK"
        return failed("exited_at_once", reason, *logs, outcome=outcome)
    if trouble := excuse(text[-_EXCUSE_CHARACTERS:], place):
        return errored(trouble.code, trouble.reason, *logs, outcome=outcome)
    before = "while it should serve" if serves else "before the runpod SDK started"
    reason = f"the image's command ended with exit code {code} {before}: {cause(text)}"
    return failed("exited_early", reason, *logs, outcome=outcome)
