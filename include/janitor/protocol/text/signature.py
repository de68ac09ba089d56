"""The failure signature: the same for the same cause in any repository, another for another cause.

It is made of the failing check, its reason code and the line that shows the cause, normalised. The line is taken from
the check's reason; from the log among its evidence only where the reason says no more than that a process ended.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated

from janitor.protocol.codec import Part
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.protocol.terms.statuses import CheckName
from janitor.protocol.text.causes import known_cause
from janitor.protocol.text.plain_lines import normalised
from janitor.protocol.values import Text

MAX_LINE_CHARACTERS = 240
MAX_TITLE_CHARACTERS = 160
_Name = Annotated[str, Text(64, r"[a-z][a-z0-9_]{0,63}")]
_CHECKS_OF_CASES = (CheckName.HANDLER_API.value, CheckName.NEGATIVE_INPUT.value)
"""Their reasons begin with the name of a test case."""
_MOST_WORDS = 24
"""Reasons are cut at a number of characters, which falls elsewhere when a path before it is longer."""
_MOST_LOGS, _LOG_LINES = 8, 80
_SDK_ERROR = r"""error_type(\\?)": \\?"<class '([\w.]{1,200})'>\\?",\s{0,40}\\?"error_message\\?": \\?"(.{0,600})"""
_EXCEPTION = (
    r"(?:[A-Za-z_]\w{0,60}\.){0,8}"
    r"([A-Z]\w{0,60}(?:Error|Exception|Exit|Interrupt|Timeout|Failure|Iteration)|Exception(?=: ))(?![\w.])"
    r"(?::\s{1,3}(.{1,600}))?"
)
_TOOL_ERROR = (
    r"(?:^|(?<=[\s'\"]))(?:npm ERR!|ERROR:|Error:|error:|fatal:|FATAL:|fatal error:|E:|failed to solve:"
    r"|make(?:\[\d{1,3}\])?: \*\*\*|× )\s{0,3}(\S.{0,600})"  # noqa: RUF001 - uv's mark
)
_PREFIX = (
    r"^(?:#\d{1,4} (?:\d{1,6}\.\d{1,6} )?)?(?:\[\d\d:\d\d:\d\d\]\s?)?(?:\d{4}-\d\d-\d\d[T ][\d:.,]{1,20}Z?\s{1,3})?"
    r"(?:(?:TRACE|DEBUG|INFO|WARN|ERROR)\s{1,4}\| (?:\S{1,80} \| )?)?"
)
_SAYS_ONLY_THAT_IT_ENDED = (
    r"did not complete successfully|(?:ended with|exit(?:ed)?(?: with)?) (?:exit )?code|printed nothing"
    r"|ended by signal|subprocess-exited-with-error|the installer failed|docker build failed|broke off its answer"
    r"|Captured Handler Exception"
)
_TEST_CASE = (
    r"^.{0,250}?: (?=(?:the (?:worker|handler|job|API|answer|result|SDK)\b|no answer in|expected |output[.\[]))"
)
_BUILD_STEP = r"^in step \[[^\]\n]{0,80}\] .{0,200}?: (?=\S)"
_ENDED_BY_SIGNAL = r"(\bended by signal \d{1,2}[^:]{0,60}): .*"
"""What was printed last before a crash in native code is any line of the log."""
_LACKS_BEHIND = r"(?<=.); the venv engine lacks what the image has .*"
_LACKS_BEFORE = r"^the venv engine lacks what the image has \(.*\): "
"""What a place lacks is another list for each repository, whatever came of it."""
_WHERE_IN_OUTPUT = r"^(?:output(?:[.\[][^:\s.\[]{0,60})*): "
_UNRESOLVED = (
    r"\bthe secret(?: \S{1,700} \(for \w{1,128}\)|s for \w{1,128}(?:, \w{1,128}){0,200}) "
    r"([^;(]{1,300}(?: \([^:;)]{1,120})?)(?=[:;)])"
)
"""How `janitor.validator.secrets.delivery` tells of each secret; their names and number are no part of a cause."""
_RULE_BEHIND = r" \(rule [a-z_]{1,60}\)$"
"""By which rule the output judge saw it is told beside the cause, and is no part of it."""
OUTPUT_MISMATCH = r"\bexpected .{0,200}, got "
"""What tells that an output is another than a test case says."""
MISMATCH_TITLE = "the output is not the expected one"
"""What clusters call it, whatever was expected."""


@dataclass(frozen=True, kw_only=True)
class FailureSignature(Part):
    """What a failure has in common with others of the same cause."""

    id: Annotated[str, Text(16, r"[0-9a-f]{16}")]
    """Sixteen hex digits; equal for equal causes."""
    check: _Name | None
    """The failing check; None where no single check decided."""
    reason_code: _Name
    line: Annotated[str, Text(MAX_LINE_CHARACTERS, empty=True)]
    """The normalised line of evidence; empty where there is none."""
    title: Annotated[str, Text(MAX_TITLE_CHARACTERS)]
    """The same for people, on one line."""


def failure_signature(
    *,
    check: str | None,
    reason_code: str,
    reason: str,
    logs: Sequence[str] = (),
    organization: str = "",
    name: str = "",
) -> FailureSignature:
    """The signature of a failure.

    Args:
        check: The failing check.
        reason_code: Its code.
        reason: Its reason, in words.
        logs: The ends of the logs among its evidence, for a reason that doesn't tell the cause.
        organization: Of the repository; its name is taken out of the line.
        name: Of the repository.
    """
    line = _secrets_line(reason) if reason_code == ReasonCode.SECRET_UNRESOLVED.value else ""
    line = line or _cut(_plain_line(check, reason, logs, organization, name))
    identity = "\n".join((check or "-", reason_code, line.casefold()))
    said = re.sub(r"<(?:path|hash|id|n|time|address|repo)>", "…", line) or reason_code.replace("_", " ")
    title = f"{check}: {said}" if check else said
    return FailureSignature(
        id=hashlib.sha256(identity.encode("utf-8", errors="replace")).hexdigest()[:16],
        check=check,
        reason_code=reason_code,
        line=line,
        title=title if len(title) <= MAX_TITLE_CHARACTERS else title[: MAX_TITLE_CHARACTERS - 1] + "…",
    )


def plain_cause(check: str | None, reason: str) -> str | None:
    """The cause that a reason tells, in few words, with the names that it has in this one repository.

    None where the reason says no more than that something ended: then a log has to tell.

    Args:
        check: The failing check.
        reason: Its reason.
    """
    compiled, reason = _compiled(), _cause_alone(reason)
    if compiled["mismatch"].search(reason):
        return reason
    text = _described_by_sdk(reason) or reason
    if told := known_cause(text) or _exception(text, last=False) or _tool_error(text):
        return told
    if compiled["vague"].search(reason):
        return None
    if check in _CHECKS_OF_CASES:
        reason = compiled["case"].sub("", reason)
    return compiled["output"].sub("", compiled["step"].sub("", reason)) or None


def _cause_alone(reason: str) -> str:
    """The reason on one line, without what is told beside its cause."""
    compiled = _compiled()
    reason = compiled["rule_behind"].sub("", " ".join(reason.split()))
    return compiled["lacks_before"].sub("", compiled["lacks_behind"].sub("", reason))


def _secrets_line(reason: str) -> str:
    """What keeps secrets from the instance, each kind of failure once; empty where that can't be told."""
    kinds = {normalised(kind.replace(" (", ": ")) for kind in _compiled()["secret"].findall(reason)}
    return _cut("; ".join(sorted(kinds)))


def _plain_line(check: str | None, reason: str, logs: Sequence[str], organization: str, name: str) -> str:
    """The normalised line that tells a failure's cause."""
    compiled, reason = _compiled(), _cause_alone(reason)
    images = check == CheckName.BASE_IMAGE_EXISTS.value

    def plain(text: str) -> str:
        return normalised(text, organization=organization, name=name, images=images)

    def told(text: str, *, last: bool) -> str | None:
        if described := _described_by_sdk(text):
            text, last = described, False
        # A known cause is worded without what differs; what it names must stay as it is.
        if cause := known_cause(text):
            return cause
        found = _exception(text, last=last) or _tool_error(text)
        return plain(found) if found else None

    if compiled["mismatch"].search(reason):
        return MISMATCH_TITLE
    if line := told(reason, last=False):
        return line
    if compiled["vague"].search(reason):
        for log in reversed(logs[-_MOST_LOGS:]):
            lines = [compiled["prefix"].sub("", line) for line in log.splitlines()[-_LOG_LINES:]]
            if line := told("\n".join(lines), last=True):
                return line
    if check == CheckName.AGENT_PROMPT.value:
        return ""  # a model words the same thing otherwise each time
    if check in _CHECKS_OF_CASES:
        reason = compiled["case"].sub("", reason)
    reason = compiled["signal"].sub(r"\1", reason)
    return plain(compiled["output"].sub("", compiled["step"].sub("", reason)))


def _described_by_sdk(text: str) -> str | None:
    """The exception that the SDK describes as JSON."""
    match = _compiled()["sdk"].search(text)
    return f"{match[2]}: {_unquoted(match[3], match[1])}" if match else None


def _exception(text: str, *, last: bool) -> str | None:
    """An exception with its message: the first of a reason, the last of a log."""
    if last and (final := _end_of_traceback(text)):
        return final
    found = list(_compiled()["exception"].finditer(text))
    if not found:
        return None
    match = found[-1] if last else found[0]
    return f"{match[1]}: {match[2].strip()}" if match[2] else match[1]


def _tool_error(text: str) -> str | None:
    """What a tool called an error: the first, since what follows comes of it."""
    compiled = _compiled()
    found = (each for each in compiled["tool"].finditer(text) if not compiled["vague"].search(each[0]))
    return next((match[1] for match in found), None)


def _end_of_traceback(text: str) -> str | None:
    """The exception under the last traceback, whatever it is called."""
    _, found, after = text.rpartition("Traceback (most recent call last)")
    if not found:
        return None
    line = next((line for line in after.splitlines()[1:] if line and not line.startswith((" ", "\t"))), None)
    if line is None:
        return None
    kind, colon, message = line.partition(": ")
    return f"{kind.rsplit('.', 1)[-1]}{colon}{message}".strip()


def _unquoted(text: str, escape: str) -> str:
    """The first line of a JSON string's content; where it stands within another string, its quotes have an escape."""
    content = re.split(rf'(?<!\\){re.escape(escape)}"', text, maxsplit=1)[0]
    return re.split(r"\\{1,2}n", content, maxsplit=1)[0].replace("\\", "")


def _cut(line: str) -> str:
    words = line.split(" ")[:_MOST_WORDS]
    while len(" ".join(words)) > MAX_LINE_CHARACTERS and len(words) > 1:
        words.pop()
    return " ".join(words)[:MAX_LINE_CHARACTERS]


@cache
def _compiled() -> dict[str, re.Pattern[str]]:
    return {
        "sdk": re.compile(_SDK_ERROR, re.DOTALL),
        "exception": re.compile(r"(?<![\w.])" + _EXCEPTION),
        "tool": re.compile(_TOOL_ERROR, re.MULTILINE),
        "prefix": re.compile(_PREFIX),
        "vague": re.compile(_SAYS_ONLY_THAT_IT_ENDED, re.IGNORECASE),
        "case": re.compile(_TEST_CASE, re.DOTALL),
        "step": re.compile(_BUILD_STEP),
        "secret": re.compile(_UNRESOLVED),
        "output": re.compile(_WHERE_IN_OUTPUT),
        "rule_behind": re.compile(_RULE_BEHIND),
        "lacks_behind": re.compile(_LACKS_BEHIND),
        "lacks_before": re.compile(_LACKS_BEFORE),
        "signal": re.compile(_ENDED_BY_SIGNAL, re.DOTALL),
        "mismatch": re.compile(OUTPUT_MISMATCH),
    }
