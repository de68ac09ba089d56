"""Finds the lines of a log that tell of an error, and leaves those that say so and mean nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

ERROR = re.compile(r"(?m)^(?:.*\bERROR\b|Traceback \(most recent call last\)|.*\bCRITICAL\b).*$")
_ALLOWED = re.compile(
    r"Unable to register cu(?:FFT|DNN|BLAS) factory|computation_placer|TF-TRT Warning|ERROR=|LOG_LEVEL|--log-level"
    r"|Invalid HTTP request received|(?i:\b(?:no|0|without) errors?\b)|error_rate|NCCL_ASYNC_ERROR|TORCH_NCCL"
    r"|(?i:errors?[\"']?\s*[:=]\s*(?:0\b|\[\]|None|null))"
    # A progress update has nowhere to go off the platform, and the SDK says so.
    r"|Failed to return job results\. \|.{0,200}JOB_DONE_URL"
)
# The SDK prints jobs and their results at these levels: what stands in them is data, not the worker's trouble.
_DATA = re.compile(r"(?:TRACE|DEBUG|INFO)\s*\| |\{\"requestId\".*\"level\": ?\"(?:TRACE|DEBUG|INFO)\"")
_DATA_AMID = re.compile(
    r"(?:DEBUG|INFO) ?\| (?:\S+ \| )?"
    r"(?:Job result|Handler output|run_job return|Retrieved local job|Generator output): "
)
_CUT = re.compile(r"\n\.\.\.TRUNCATED \d+ CHARACTERS\.\.\.\n")
_LONGEST = 300


def telling_lines(text: str, patterns: tuple[re.Pattern[str], ...]) -> list[str]:
    """The lines that match, each once, as they are without blanks; none that is harmless, or only data."""
    found: list[str] = []
    for pattern in patterns:
        for line in _lines(text, pattern):
            if line and not is_harmless(line) and line not in found:
                found.append(line)
    return found


def is_harmless(line: str) -> bool:
    """Whether a line that says error means none: it is known to, or what it says is a job's data."""
    return bool(_ALLOWED.search(line) or _DATA.match(line) or _DATA_AMID.search(line))


def without_outputs(text: str) -> str:
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


def _lines(text: str, pattern: re.Pattern[str]) -> Iterator[str]:
    for match in pattern.finditer(text):
        start = text.rfind("\n", 0, match.start()) + 1
        end = text.find("\n", match.end())
        yield " ".join(text[start : end if end >= 0 else len(text)].split())[:_LONGEST]
