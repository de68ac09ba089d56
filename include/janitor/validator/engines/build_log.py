"""Reads BuildKit's plain progress log: which step failed, and what it said.

Source: docker buildx build --progress=plain.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_STEP = re.compile(r"^#(\d+) (\[.*)$")
_ERROR = re.compile(r"^#(\d+) ERROR: (.*)$")
_OUTPUT = re.compile(r"^#(\d+) (?:\d+\.\d+ )?(.*)$")


@dataclass(frozen=True, kw_only=True)
class FailedStep:
    """The step that ended a build."""

    name: str
    """Such as `[3/5] RUN pip install -r requirements.txt`."""
    error: str
    output: str
    """What this step printed, with the error."""


def failing_step(log: str) -> FailedStep | None:
    """The step that failed; None if the log names none."""
    lines = log.splitlines()
    failed = next((match for line in reversed(lines) if (match := _ERROR.match(line))), None)
    if failed is None:
        return None
    number, error = failed.groups()
    name = number
    output: list[str] = []
    for line in lines:
        if (step := _STEP.match(line)) and step.group(1) == number:
            name = step.group(2)
        elif (printed := _OUTPUT.match(line)) and printed.group(1) == number:
            output.append(printed.group(2))
    return FailedStep(name=name[:200], error=error[:300], output="\n".join(output[-400:]))
