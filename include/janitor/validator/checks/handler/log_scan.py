"""`log_scan`: what the worker logged while its tests passed or failed, searched for errors that they don't show.

A GPU that doesn't work fails a worker that needs one, however well it answered; other errors are noted.
"""

from __future__ import annotations

import re

from janitor.diagnosis.real_path.error_lines import ERROR, telling_lines, without_outputs
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.validator.checks.handler.handler_facts import API_LOG, LOCAL_LOG, HandlerLogs
from janitor.validator.context import CheckContext
from janitor.validator.findings import Finding, errored, failed, passed, skipped

_GPU_BROKEN = re.compile(
    r"(?i)no kernel image is available|CUDA error(?!: out of memory)|CU(?:DNN|BLAS)_STATUS_(?!ALLOC_FAILED)\w+"
    r"|cuda capability sm_\d+ is not|could not load library libcudnn|unable to load any of \{?libcudnn"
)
_DRIVER = re.compile(r"(?i)failed to initialize NVML|driver/library version mismatch")
_PATTERNS = (_DRIVER, _GPU_BROKEN, ERROR)
_SHOWN = 30


def check_log_scan(context: CheckContext, runs: HandlerLogs) -> Finding:
    """Search the logs of the handler's runs."""
    logs = [(LOCAL_LOG, runs.local.log)] if runs.local is not None else []
    logs += [(API_LOG, log) for log in runs.api.logs] if runs.api is not None else []
    if not logs:
        return skipped(ReasonCode.NO_LOG, "no handler was run")
    lines = [(name, line) for name, log in logs for line in telling_lines(without_outputs(log.text), _PATTERNS)]
    evidence = [context.evidence.value("lines", "\n".join(f"{name}: {line}" for name, line in lines[:_SHOWN]))]
    evidence = evidence if lines else []
    if driver := next((line for _, line in lines if _DRIVER.search(line)), None):
        reason = f"the instance's GPU driver is at fault: {driver}"
        return errored(ReasonCode.HOST_DRIVER, reason, *evidence, required=context.spec.gpu_required)
    if broken := next((line for _, line in lines if _GPU_BROKEN.search(line)), None):
        reason = f"the worker logged a GPU error: {broken}"
        return failed(ReasonCode.GPU_ERROR, reason, *evidence, required=context.spec.gpu_required)
    if lines:
        return failed(
            ReasonCode.ERRORS_LOGGED, f"{len(lines)} error lines; first: {lines[0][1]}", *evidence, required=False
        )
    return passed(required=False)
