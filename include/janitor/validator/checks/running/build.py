"""`build`, `image`, `gpu_in_container`, `container_start`: what the engine makes of the worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.protocol.terms.statuses import CheckStatus
from janitor.validator.checks.running.missing_imports import with_missing_imports
from janitor.validator.context import CheckContext, ReportHead
from janitor.validator.engine import BuildResult, BuiltWorker, EngineError, GpuResult, HostFacts, StartResult
from janitor.validator.facts import WorkerFacts
from janitor.validator.findings import Finding, Produced, errored
from janitor.validator.provenance.packages import listed_packages

T = TypeVar("T")
_TRI_STATE = {CheckStatus.PASS: True, CheckStatus.FAIL: False}
"""What couldn't be told stays None."""


@dataclass(frozen=True)
class BuildOrder:
    """For `build`."""

    worker: WorkerFacts
    host: HostFacts


def check_build(context: CheckContext, order: BuildOrder) -> Finding | Produced[BuildResult]:
    """Make the worker ready to run."""
    concluded = _asked(lambda: order.host.engine.build(order.worker))
    finding, unfetched = _finding(concluded), order.worker.repository.checkout.unfetched_files
    if finding.status is CheckStatus.FAIL and unfetched:
        files = ", ".join(unfetched[:3])
        return errored(
            ReasonCode.LFS_UNFETCHED, f"Git LFS files were not fetched ({files}): {finding.reason}", *finding.evidence
        )
    context.tell(ReportHead(build_succeeded=_TRI_STATE.get(finding.status)))
    if isinstance(concluded, Produced):
        # Before anything of the worker has run: these are the packages that the build brought.
        worker = concluded.facts.worker
        packages = listed_packages(
            lambda program, limit: worker.run_python(program, limit).output.text, context.evidence.tell
        )
        context.tell(ReportHead(provenance=packages))
        return Produced(with_missing_imports(finding, worker), concluded.facts)
    return concluded


def check_image(_context: CheckContext, built: BuildResult) -> Finding | Produced[BuiltWorker]:
    """Describe the image."""
    return _asked(built.worker.image)


def check_gpu_in_container(context: CheckContext, worker: BuiltWorker) -> Finding | Produced[GpuResult]:
    """Show that a container of the image has the GPU."""
    concluded = _asked(worker.gpu_in_container)
    if isinstance(concluded, Produced):
        context.tell(ReportHead(cuda_detected=concluded.facts.cuda_detected))
    return concluded


def check_container_start(context: CheckContext, worker: BuiltWorker) -> Finding | Produced[StartResult]:
    """Start the image's real command."""
    concluded = _asked(worker.container_start)
    context.tell(ReportHead(container_succeeded=_TRI_STATE.get(_finding(concluded).status)))
    return concluded


def _finding(concluded: Finding | Produced[T]) -> Finding:
    return concluded.finding if isinstance(concluded, Produced) else concluded


def _asked(ask: Callable[[], Finding | Produced[T]]) -> Finding | Produced[T]:
    """What the engine says; an engine that can't be reached is nobody's fault."""
    try:
        return ask()
    except EngineError as exc:
        return errored(ReasonCode.ENGINE_TROUBLE, str(exc))
