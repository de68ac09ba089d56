"""`log_scan`: what the worker logged while its tests passed or failed, searched for errors that they don't show.

A GPU that doesn't work fails a worker that needs one, however well it answered; other errors are noted.
"""

from __future__ import annotations

import re

from janitor.protocol.reason_codes import ReasonCode
from janitor.validator.checks.handler.handler_facts import API_LOG, LOCAL_LOG, HandlerLogs
from janitor.validator.context import CheckContext
from janitor.validator.findings import Finding, errored, failed, passed, skipped

_GPU_BROKEN = re.compile(
    r"(?i)no kernel image is available|CUDA error(?!: out of memory)|CU(?:DNN|BLAS)_STATUS_(?!ALLOC_FAILED)\w+"
    r"|cuda capability sm_\d+ is not|could not load library libcudnn|unable to load any of \{?libcudnn"
)
_DRIVER = re.compile(r"(?i)failed to initialize NVML|driver/library version mismatch")
_ERROR = re.compile(r"(?m)^(?:.*\bERROR\b|Traceback \(most recent call last\)|.*\bCRITICAL\b).*$")
# Lines that say ERROR and mean nothing.
_ALLOWED = re.compile(
    r"Unable to register cu(?:FFT|DNN|BLAS) factory|computation_placer|TF-TRT Warning|ERROR=|LOG_LEVEL|--log-level"
    r"|Invalid HTTP request received|(?i:\b(?:no|0|without) errors?\b)|error_rate|NCCL_ASYNC_ERROR|TORCH_NCCL"
    r"|(?i:errors?[\"']?\s*[:=]\s*(?:0\b|\[\]|None|null))"
)
# The SDK prints jobs and their results at these levels: what stands in them is data, not the worker's trouble.
_DATA = re.compile(r"(?:TRACE|DEBUG|INFO)\s*\| |\{\"requestId\".*\"level\": ?\"(?:TRACE|DEBUG|INFO)\"")
_DATA_AMID = re.compile(
    r"(?:DEBUG|INFO) ?\| (?:\S+ \| )?"
    r"(?:Job result|Handler output|run_job return|Retrieved local job|Generator output): "
)
_CUT = re.compile(r"\n\.\.\.TRUNCATED \d+ CHARACTERS\.\.\.\n")
_SHOWN = 30


def check_log_scan(context: CheckContext, runs: HandlerLogs) -> Finding:
    """Search the logs of the handler's runs."""
    logs = [(LOCAL_LOG, runs.local.log)] if runs.local is not None else []
    logs += [(API_LOG, log) for log in runs.api.logs] if runs.api is not None else []
    if not logs:
        return skipped(ReasonCode.NO_LOG, "no handler was run")
    lines = [(name, line) for name, log in logs for line in _suspicious(_without_outputs(log.text))]
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


def _suspicious(text: str) -> list[str]:
    found = []
    for pattern in (_DRIVER, _GPU_BROKEN, _ERROR):
        for match in pattern.finditer(text):
            start = text.rfind("\n", 0, match.start()) + 1
            end = text.find("\n", match.end())
            line = " ".join(text[start : end if end >= 0 else len(text)].split())[:300]
            is_data = _DATA.match(line) or _DATA_AMID.search(line)
            if line and not _ALLOWED.search(line) and not is_data and line not in found:
                found.append(line)
    return found


def _without_outputs(text: str) -> str:
    """The log without further lines of what a handler returned: a text is printed as it is, a long one cut in two."""
    text = _CUT.sub(" ", text)
    kept, position = [], 0
    while (start := text.find("| Handler output: ", position)) >= 0:
        end = text.find("run_job return: ", start)
        line_end = text.find("\n", start)
        if end < 0 or line_end < 0:
            break
        kept.append(text[position:line_end])
        position = max(text.rfind("\n", start, end), line_end)
    return "".join((*kept, text[position:]))
