"""Tells whose fault a failed build is from what the tools said: the repository's, or that of the world around it."""

from __future__ import annotations

import re

from janitor.diagnosis.rules.build import NOT_THERE, REPOSITORY, WORLD
from janitor.diagnosis.rules.rule import Trouble, first_trouble
from janitor.protocol.terms.reason_codes import ReasonCode

_KILLED = frozenset({-9, 137})
_NO_BUILD_TOOLS = re.compile(
    r"command '?[\w./+-]*(?:cc|gcc|g\+\+|clang|nvcc|cmake|ninja|cargo|rustc)'? failed: no such file"
    r"|unable to execute '?[\w./+-]+'?: no such file"
    r"|no such file or directory: '(?:gcc|cc|c\+\+|cmake|ninja|make|git|nvcc|cargo)'|unknown compiler"
    r"|cmake must be installed|can't find rust compiler|\b(?:gcc|cc|make|cmake): (?:command )?not found"
    r"|fatal error: [\w./]+\.h: no such file|git executable not found|pkg-config.{0,40}not found",
    re.IGNORECASE | re.MULTILINE,
)


def missing_requirements(text: str) -> Trouble | None:
    """That a file or folder to install from is not there: the repository's fault where all its files were at hand."""
    return first_trouble(text, NOT_THERE)


def lacks_build_tools(text: str) -> bool:
    """Whether a package failed to build for want of a compiler, a header or a tool of the system."""
    return _NO_BUILD_TOOLS.search(text) is not None


def world_trouble(text: str) -> Trouble | None:
    """Trouble that no repository is to blame for; None if there is no sign of any."""
    return first_trouble(text, WORLD)


def build_trouble(text: str, exit_code: int | None) -> Trouble | None:
    """Why a build failed; None if its output gives no known reason.

    Args:
        text: What the build printed.
        exit_code: Of the build; -9 and 137 are the kernel's way to say that memory ran out.
    """
    if trouble := world_trouble(text):
        return trouble
    # Before what it said: a build that was killed complains of what it could not end.
    if exit_code in _KILLED:
        return Trouble(
            repository_at_fault=False,
            code=ReasonCode.OUT_OF_MEMORY,
            reason="the build was killed, as by lack of memory",
        )
    return first_trouble(text, REPOSITORY)
