"""Reads the SDK's own messages out of what a worker printed, in the plain form and in that of JSON lines.

Source: runpod-python, serverless/modules/rp_logger.py, versions 1.7.7 and 1.12.0, and logs of both.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

BANNER = "--- Starting Serverless Worker |"
LOCAL_END = "Local testing complete, exiting."
"""The last that the local mode says."""
OWN_TEST_INPUT = "test_input set, using test_input as job input."
"""What the local mode says of a job that the program gave it itself."""
_LINE = re.compile(r"(TRACE|DEBUG|INFO|WARN|ERROR|TIP)\s*\| (.*)")
# A worker that has printed without a newline, such as a progress bar, has the SDK's line begin amid its own. Only what
# the SDK says of a job is looked for there.
_AMID = re.compile(
    r"(DEBUG  |INFO   |WARN   |ERROR  )\| ((?:[^|\n]{1,200} \| )?(?:Started\.|Captured Handler Exception"
    r"|run_job return: |Job .{1,200}? (?:completed successfully|failed with error)|Job result: "
    r"|Job has no input parameter|test_input\.json not found|Using (?:Standard|Async) Generator"
    r"|Local testing complete).*)"
)
_JSON_LINE = '{"requestId"'
_BATCH = re.compile(r"((?:\S{1,200} \| )?)\[batchId=[^\]]*\] ")


@dataclass(frozen=True, kw_only=True)
class LogEntry:
    """One message of the SDK's logger."""

    level: str
    message: str
    """With the lines that follow it up to the next message."""


@dataclass(frozen=True, kw_only=True)
class SdkLog:
    """What the SDK said in a log."""

    started_sdk: bool
    """Whether the SDK's first line is there."""
    entries: tuple[LogEntry, ...]

    @property
    def is_silent(self) -> bool:
        """Whether the SDK was told to keep to itself what it does: it says something of every job otherwise."""
        return not any(entry.level in ("TRACE", "DEBUG", "INFO") for entry in self.entries)


def read_sdk_log(text: str) -> SdkLog:
    """Take a log apart, in the plain form or in that of JSON lines, which the SDK uses under an endpoint's id."""
    started = False
    entries: list[LogEntry] = []
    pending: list[str] | None = None
    level = ""

    def flush() -> None:
        if pending is not None:
            entries.append(LogEntry(level=level, message=_without_batch("\n".join(pending))))

    for line in text.splitlines():
        if BANNER in line:
            started = True
        elif (parsed := _json_entry(line)) is not None:
            flush()
            pending = None
            entries.append(parsed)
        elif match := _LINE.match(line) or _AMID.search(line):
            flush()
            level, pending = match.group(1).strip(), [match.group(2)]
        elif pending is not None:
            pending.append(line)
    flush()
    return SdkLog(started_sdk=started, entries=tuple(entries))


def _without_batch(message: str) -> str:
    """A message without the id that the SDK puts before it; the same further on is the worker's own text."""
    match = _BATCH.match(message)
    return f"{match.group(1)}{message[match.end() :]}" if match else message


def _json_entry(line: str) -> LogEntry | None:
    start = line.find(_JSON_LINE)
    if start < 0 or _LINE.match(line):
        return None
    try:
        entry, _ = json.JSONDecoder().raw_decode(line, start)
        return LogEntry(level=str(entry["level"]), message=_without_batch(str(entry["message"])))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
