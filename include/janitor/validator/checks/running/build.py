"""`build`, `image`, `gpu_in_container`, `container_start`: what the engine makes of the worker."""

from __future__ import annotations

from collections.abc import Callable

from janitor.protocol.statuses import CheckStatus
from janitor.validator.context import CheckContext, given
from janitor.validator.engine import EngineError
from janitor.validator.findings import Finding, errored

_TRI_STATE = {CheckStatus.PASS: True, CheckStatus.FAIL: False}
"""What couldn't be told stays None."""


def check_build(context: CheckContext) -> Finding:
    """Make the worker ready to run."""
    finding = _asked(given(context.known.engine).build)
    if finding.status is CheckStatus.FAIL and context.known.unfetched_files:
        files = ", ".join(context.known.unfetched_files[:3])
        return errored(
            "lfs_unfetched", f"Git LFS files were not fetched ({files}): {finding.reason}", *finding.evidence
        )
    context.known.build_succeeded = _TRI_STATE.get(finding.status)
    return finding


def check_image(context: CheckContext) -> Finding:
    """Describe the image."""
    return _asked(given(context.known.engine).image)


def check_gpu_in_container(context: CheckContext) -> Finding:
    """Show that a container of the image has the GPU."""
    return _asked(given(context.known.engine).gpu_in_container)


def check_container_start(context: CheckContext) -> Finding:
    """Start the image's real command."""
    finding = _asked(given(context.known.engine).container_start)
    context.known.container_succeeded = _TRI_STATE.get(finding.status)
    return finding


def _asked(ask: Callable[[], Finding]) -> Finding:
    """What the engine says; an engine that can't be reached is nobody's fault."""
    try:
        return ask()
    except EngineError as exc:
        return errored("engine_trouble", str(exc))
