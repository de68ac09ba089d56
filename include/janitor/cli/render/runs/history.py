"""A repository's validations as text: the answer of `query-db`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from janitor.cli.render.runs.phases import phases_line
from janitor.domain.views import ValidationView
from janitor.protocol.terms.statuses import Engine
from janitor.views.text.causes import reason_of
from janitor.views.text.differences import change_lines, change_tag
from janitor.views.text.marks import BAD, GOOD, UNKNOWN, WAITING, mark_of, one_line
from janitor.views.text.money import cost_text
from janitor.views.text.proof import proof_lines
from janitor.views.text.times import exactly, instant
from janitor.views.text.verdicts import timed_verdict
from janitor.views.verdict import verdict_text

_NOT_REACHED = f"{UNKNOWN} not reached"


def history_text(validations: Sequence[ValidationView], now: datetime) -> str:
    """The latest validation in full, then one line for each earlier one.

    Args:
        validations: Newest first; at least one.
        now: For the duration of one that still runs.
    """
    latest, *earlier = validations
    text = validation_text(latest, now)
    if not earlier:
        return text
    return "\n".join([text, "", "Earlier:", *(_earlier_line(each, now) for each in earlier)])


def validation_text(validation: ValidationView, now: datetime) -> str:
    """One validation in full."""
    at = validation.finished_at or validation.started_at
    elapsed = validation.elapsed(now)
    lines = [
        f"Repository: {validation.repository_name}",
        f'Custom Prompt: "{one_line(validation.prompt, limit=8_000)}"',
        f"Last Validation: {instant(at) if at else 'not begun'}",
        f"Status: {verdict_text(validation, *(['timeout enforced'] if validation.timeout_enforced else []))}",
    ]
    reason = reason_of(validation)
    if reason:
        lines.append(f"Reason: {reason}")
    lines += change_lines(validation)
    lines += [
        f"Instance: {validation.instance_id or 'none launched'}",
        f"Execution Time: {exactly(elapsed) if elapsed is not None else 'not begun'}",
        f"Build: {_build(validation)}",
        f"Container: {_container(validation)}",
        f"GPU Available: {_gpu(validation)}",
        *proof_lines(validation),
    ]
    if validation.cost_usd is not None:
        cost = cost_text(validation.cost_usd, validation.cost_places, is_final=validation.cost_is_final)
        lines.append(f"Cost: {cost}")
    if phases := phases_line(validation.phases):
        lines.append(phases)
    return "\n".join(lines)


def _build(validation: ValidationView) -> str:
    """In an environment the build is that of the environment, not of the image."""
    said = _outcome(validation.build_succeeded, "succeeded", "failed")
    without_image = validation.engine == Engine.VENV.value and validation.build_succeeded is not None
    return f"{said} (its Python environment; the image was not built)" if without_image else said


def _container(validation: ValidationView) -> str:
    in_environment = validation.engine == Engine.VENV.value and validation.build_succeeded is True
    if validation.container_succeeded is None and in_environment:
        return f"{UNKNOWN} not proven here (a Python environment took its place)"
    return _outcome(validation.container_succeeded, "executed successfully", "failed")


def _outcome(succeeded: bool | None, good: str, bad: str) -> str:
    if succeeded is None:
        return _NOT_REACHED
    return f"{GOOD} {good}" if succeeded else f"{BAD} {bad}"


def _gpu(validation: ValidationView) -> str:
    if validation.gpu_required is False and not validation.gpu_available:
        return f"{UNKNOWN} not needed"
    if validation.gpu_available is None:
        return _NOT_REACHED
    if not validation.gpu_available:
        return f"{BAD} CUDA detected, but no GPU available" if validation.cuda_detected else f"{BAD} no GPU available"
    if validation.cuda_detected is None:
        return f"{GOOD} GPU available, CUDA not reached"
    return f"{GOOD} CUDA detected and GPU available" if validation.cuda_detected else f"{GOOD} GPU available, no CUDA"


def _earlier_line(validation: ValidationView, now: datetime) -> str:
    at = validation.finished_at or validation.started_at
    said = timed_verdict(validation, now)
    text = f"{mark_of(validation.status)} {instant(at) if at else WAITING} {said} run {validation.run_id}"
    reason = reason_of(validation)
    return (f"{text}: {reason}" if reason else text) + change_tag(validation.difference)
