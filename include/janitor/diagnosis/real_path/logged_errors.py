"""What went wrong while a job was answered well: tracebacks, error lines, tools that could not be started.

A handler that catches everything logs what it caught and answers as if nothing had been. Whether that matters can't be
told by the log, as one who tries again logs the same: it is worth a note. Where the answer has nothing to show either,
what was caught is what should have been the answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from janitor.diagnosis.handler.output_rules.part import is_empty
from janitor.diagnosis.handler.sdk_log import BANNER, LOCAL_END
from janitor.diagnosis.handler.verdict import Remark, Verdict, clipped, failing
from janitor.diagnosis.real_path.error_lines import ERROR, is_harmless, telling_lines, without_outputs
from janitor.protocol.terms.reason_codes import ReasonCode

_BEGINS = re.compile(
    r"\| Started\.\r?$|\"message\": ?\"Started\.\"|Using (?:Standard|Async) Generator|\| (?:Async g|G)enerator\r?$",
    re.MULTILINE,
)
"""What the SDK says as a job begins."""
_TRACEBACK = "Traceback (most recent call last):"
_LONGEST_TRACEBACK = 20_000
_RAISED = re.compile(r"^(?:[A-Za-z_][\w.]{0,200})(?:: .*)?$")
"""The last line of a traceback: an exception's name, with its text."""
_TOOL = re.compile(
    r"(?m)^(?:/\S{0,100}/)?(?:ba|da|z)?sh: (?:line )?\d{0,6}:? ?[^\n:]{1,200}: (?:command )?not found$"
    r"|^[^\n]{0,300}error while loading shared libraries[^\n]{0,300}$|^Segmentation fault\b[^\n]{0,100}$"
    r"|^(?:/\S{0,100}/)?python[\d.]{0,6}: (?:can't open file|No module named|Error while finding module)[^\n]{0,300}$"
)
"""What shells, the loader and Python say of a program that could not be started or died."""
_WITHOUT_LEVEL = re.compile(
    r"(?m)^[^\s:]{1,100} {0,30}:\d{1,6} {1,6}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} "
    r"(?i:could(?: not|n't)|can(?:not|'t)|failed to|unable to|error\b(?! rate)(?!s?\s*[:=]\s*(?:0|none|null)\b))"
    r"[^\n]{0,300}$"
)
"""What begins as errors do, in the format that the SDK's import gives to Python's root logger: it leaves the level out.
Source: runpod 1.7.7, runpod/serverless/utils/rp_upload.py."""
_GOES_ON = re.compile(r"(?i)\b(?:instead|default|download\w{0,3}|cached?|skipp\w{0,3}|will|using)\b")
"""Words of somebody who tells how it goes on all the same."""
_TRIES_AGAIN = re.compile(r"(?i)\bre-?try|\btry(?:ing)? again\b|\battempts?\b|\bfall(?:ing|s)? ?back\b|\bback-?off\b")
_AROUND = 400
"""Characters on either side of a traceback in which somebody says that it is tried again."""
_MOST = 8
_STATE = re.compile(
    r"(?:.{0,40}_)?(?:status|state|success|ok|done|completed|finished|code|id|uuid|time|timestamp|duration|elapsed"
    r"|seconds|ms|took|version|model|device|seed|worker|format|mime|type)"
)
"""Members that say how a job went, and nothing of what came of it."""
_COUNT = re.compile(r"(?:count|total|length|size|num_.{1,40}|n_.{1,40}|.{1,40}_count)")
_DEEPEST = 6


@dataclass(frozen=True)
class LoggedError:
    """Something that went wrong, as the log has it."""

    text: str
    """One line."""
    is_traceback: bool
    is_tried_again: bool = False
    """Whether the log says around it that it was tried again, or done in another way."""

    is_sure: bool = True
    """Whether it is known to have been logged as an error."""

    @property
    def remark(self) -> Remark:
        """The same as a note."""
        if self.is_traceback:
            return Remark(code=ReasonCode.TRACEBACK_LOGGED, text=f"a traceback was logged during the job: {self.text}")
        return Remark(code=ReasonCode.ERRORS_LOGGED, text=f"an error was logged during the job: {self.text}")


def during_the_job(log: str) -> str:
    """What a worker printed from its first job on, without what came after the local mode's end.

    Args:
        log: Of the local mode, or of an API without what came before a job.
    """
    match = _BEGINS.search(log)
    banner = log.find(BANNER)
    start = match.end() if match else max(banner, 0)
    end = log.find(LOCAL_END, start)
    return log[start : end if end >= 0 else len(log)]


def logged_errors(text: str, answered: str = "") -> list[LoggedError]:
    """What went wrong, each once, tracebacks first.

    Args:
        text: What was printed during jobs.
        answered: What came back of them, in which the same words are no trouble but the answer.
    """
    answered = answered.replace('\\"', '"').replace("\\'", "'")
    text = without_outputs(text)
    found = [*_tracebacks(text)]
    lines = [line for line in telling_lines(text, (ERROR, _TOOL)) if _TRACEBACK not in line]
    found += [LoggedError(line, is_traceback=False) for line in lines]
    unsure = [line for line in telling_lines(text, (_WITHOUT_LEVEL,)) if line not in lines]
    unsure = [line for line in unsure if not (_GOES_ON.search(line) or _TRIES_AGAIN.search(line))]
    found += [LoggedError(line, is_traceback=False, is_sure=False) for line in unsure]
    distinct = {error.text: error for error in reversed(found) if error.text not in answered}
    return [error for error in found if distinct.get(error.text) is error][:_MOST]


def _tracebacks(text: str) -> Iterable[LoggedError]:
    position = 0
    while (start := text.find(_TRACEBACK, position)) >= 0:
        line_start = text.rfind("\n", 0, start) + 1
        position = start + len(_TRACEBACK)
        if is_harmless(text[line_start : start + len(_TRACEBACK)]):
            continue
        lines = text[position : position + _LONGEST_TRACEBACK].split("\n")
        ends = (line.strip() for line in lines[1:] if line.strip() and not line.startswith((" ", "\t")))
        raised = next((line for line in ends if _RAISED.fullmatch(line)), None)
        around = text[max(line_start - _AROUND, 0) : position + _AROUND + sum(map(len, lines[:40]))]
        # Of a chain the last one is what was raised in the end; each is told.
        yield LoggedError(
            clipped(raised or "it names no exception"),
            is_traceback=True,
            is_tried_again=_TRIES_AGAIN.search(around) is not None,
        )


def swallowed(errors: Iterable[LoggedError], output: Any) -> LoggedError | None:
    """The error in whose place an answer with nothing in it came; None where there is an answer, or no such error.

    A list may be empty because nothing was found, so that a line which merely says ERROR isn't enough for one.
    """
    if not shows_nothing(output):
        return None
    candidates = (error for error in errors if error.is_sure and not error.is_tried_again)
    return next((error for error in candidates if error.is_traceback or _has_null(output)), None)


def shows_nothing(output: Any, depth: int = _DEEPEST) -> bool:
    """Whether an output has nothing to show but how the job went: all that could be its result is null or empty."""
    if is_empty(output):
        return True
    if depth == 0:
        return False
    if isinstance(output, Mapping):
        results = [value for key, value in output.items() if not _tells_state(str(key), value)]
        return bool(results) and all(shows_nothing(value, depth - 1) for value in results)
    if isinstance(output, (list, tuple)):
        return all(shows_nothing(item, depth - 1) for item in output)
    return False


def _tells_state(key: str, value: Any) -> bool:
    key = key.strip().lower()
    if isinstance(value, (Mapping, list, tuple)) or value is None:
        return False
    is_none_counted = not isinstance(value, (str, bool)) and value == 0 and _COUNT.fullmatch(key) is not None
    return is_none_counted or _STATE.fullmatch(key) is not None


def _has_null(output: Any) -> bool:
    waiting = [(output, _DEEPEST)]
    while waiting:
        value, depth = waiting.pop()
        if value is None:
            return True
        if depth and isinstance(value, Mapping):
            waiting += ((item, depth - 1) for item in value.values())
        elif depth and isinstance(value, (list, tuple)):
            waiting += ((item, depth - 1) for item in value)
    return False


def judged_with_log(verdict: Verdict, errors: Iterable[LoggedError], output: Any, *, is_settled: bool) -> Verdict:
    """A verdict that passes, with what was logged meanwhile: as remarks, or as the fault that the answer doesn't show.

    Args:
        verdict: On the answer alone.
        errors: What was logged.
        output: What came back.
        is_settled: Whether the author has said that this is the answer to expect; nothing in a log outweighs that.
    """
    errors = list(errors)
    if not verdict.passes or not errors:
        return verdict
    if not is_settled and (error := swallowed(errors, output)):
        reason = f"the answer holds nothing ({clipped(output, 100)}), and this was logged meanwhile: {error.text}"
        return failing(ReasonCode.SWALLOWED_ERROR, reason)
    return replace(verdict, remarks=(*verdict.remarks, *(error.remark for error in errors)))
