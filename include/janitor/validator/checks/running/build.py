"""`build`, `image`, `gpu_in_container`, `container_start`: what the engine makes of the worker."""

from __future__ import annotations

from collections.abc import Callable

from janitor.protocol.statuses import CheckStatus
from janitor.validator.bench import Bench, given
from janitor.validator.engine import EngineError
from janitor.validator.findings import Finding, errored

_TRI_STATE = {CheckStatus.PASS: True, CheckStatus.FAIL: False}
"""What couldn't be told stays None."""


def check_build(bench: Bench) -> Finding:
    """Make the worker ready to run."""
    finding = _asked(given(bench.known.engine).build)
    if finding.status is CheckStatus.FAIL and bench.known.unfetched_files:
        files = ", ".join(bench.known.unfetched_files[:3])
        return errored(
            "lfs_unfetched", f"Git LFS files were not fetched ({files}): {finding.reason}", *finding.evidence
        )
    bench.known.build_succeeded = _TRI_STATE.get(finding.status)
    return finding


def check_image(bench: Bench) -> Finding:
    """Describe the image."""
    return _asked(given(bench.known.engine).image)


def check_gpu_in_container(bench: Bench) -> Finding:
    """Show that a container of the image has the GPU."""
    return _asked(given(bench.known.engine).gpu_in_container)


def check_container_start(bench: Bench) -> Finding:
    """Start the image's real command."""
    finding = _asked(given(bench.known.engine).container_start)
    bench.known.container_succeeded = _TRI_STATE.get(finding.status)
    return finding


def _asked(ask: Callable[[], Finding]) -> Finding:
    """What the engine says; an engine that can't be reached is nobody's fault."""
    try:
        return ask()
    except EngineError as exc:
        return errored("engine_trouble", str(exc))
