"""Reads BuildKit's plain progress log: which step failed, what it said, and what came from the cache.

Source: docker build --progress=plain, Docker 20.10 to 28.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

_STEP = re.compile(r"^#(\d+) (\[.*)$")
_ERROR = re.compile(r"^#(\d+) ERROR: (.*)$")
_OUTPUT = re.compile(r"^#(\d+) (?:\d+\.\d+ )?(.*)$")
_ENDED = re.compile(r"^#(\d+) (DONE|CACHED|ERROR|CANCELED)\b")
_INSTRUCTION = re.compile(r"\[(?:[^\]]+ )?\d+/\d+\] ([A-Z]+)\b")
"""A step of a stage; `[internal]` ones and exports have no count."""
_TAKEN = re.compile(r"^#\d+ (?:\[[^\]\n]{1,200}\] )?FROM ([^\s@]{1,400})@(sha256:[0-9a-f]{64})$")
"""An image that is copied from has no step of a stage."""
_EXIT_CODE = re.compile(r"exit code: (\d+)")


class CacheState(str, Enum):
    """How much of a build came from the layer cache; build times compare within one state alone."""

    COLD = "cold"
    PARTIAL = "partial"
    WARM = "warm"


@dataclass(frozen=True, kw_only=True)
class FailedStep:
    """The step that ended a build."""

    name: str
    """Such as `[3/5] RUN pip install -r requirements.txt`."""
    error: str
    output: str
    """What this step printed, with the error."""
    exit_code: int | None
    """Of the step's own process; None if it had none."""


@dataclass(frozen=True, kw_only=True)
class CacheUse:
    """What came from the cache; FROM doesn't count."""

    steps: int
    cached: int

    @property
    def state(self) -> CacheState:
        """The state that build times are compared within."""
        if self.cached == 0:
            return CacheState.COLD
        return CacheState.WARM if self.cached == self.steps else CacheState.PARTIAL


def failing_step(log: str) -> FailedStep | None:
    """The step that failed; None if the log names none."""
    lines = _lines(log)
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
    code = _EXIT_CODE.search(error)
    return FailedStep(
        name=name[:200],
        error=error[:300],
        output="\n".join(output[-400:]),
        exit_code=int(code.group(1)) if code else None,
    )


def running_step(log: str) -> str | None:
    """The step that a build was in when it was ended; None if none had begun or all had ended by themselves."""
    names: dict[str, str] = {}
    for line in _lines(log):
        if (ended := _ENDED.match(line)) and ended.group(2) in ("DONE", "CACHED"):
            names.pop(ended.group(1), None)
        elif step := _STEP.match(line):
            names[step.group(1)] = step.group(2)
    return list(names.values())[-1][:200] if names else None


def cache_use(log: str) -> CacheUse:
    """How many steps there were, and how many of them came from the cache."""
    steps: set[str] = set()
    cached: set[str] = set()
    for line in _lines(log):
        if (step := _STEP.match(line)) and (kind := _INSTRUCTION.match(step.group(2))):
            if kind.group(1) != "FROM":
                steps.add(step.group(1))
        elif (ended := _ENDED.match(line)) and ended.group(2) == "CACHED":
            cached.add(ended.group(1))
    return CacheUse(steps=len(steps), cached=len(steps & cached))


def images_taken(log: str) -> Mapping[str, str]:
    """The digest of each image that the build started or copied from, by its full name as BuildKit writes it.

    A step can print such a line, too: the first one counts, and an image is taken before a step runs on it.
    """
    taken: dict[str, str] = {}
    for line in _lines(log):
        if match := _TAKEN.match(line):
            taken.setdefault(match[1], match[2])
    return taken


def _lines(log: str) -> list[str]:
    # BuildKit marks its own lines alone: what a step prints may hold any other line break.
    return log.split("\n")
