"""Finds versions that the shell takes for files: `pip install numpy<2` without quotes reads a file named 2.

With `<` the build stops, as there is no such file; with `>` the version is lost, and a file of its name is made.
Source: POSIX, Shell Command Language, 2.7 Redirection.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from janitor.inspection.dockerfile.lexer import lex
from janitor.inspection.dockerfile.stages import Dockerfile, Run
from janitor.inspection.dockerfile.usage import used_stages
from janitor.inspection.shell_pieces import commands_of, without_redirections

_SHELL = re.compile(r"^\[\s*\"(?:[^\"]*/)?(?:ba|da|z|a)?sh\"")
_INSTALLS = re.compile(r"\bpip[\d.]*\s+install\s")
_VERSION = re.compile(r"=?\d[\w.*+!-]*,?")
_QUOTED = re.compile(r"\\.|'[^']*'|\"(?:\\.|[^\"\\])*\"", re.DOTALL)
_GOES_ON = re.compile(r"[;\n|]|(?<!&)&(?!&)|\b(?:if|case|for|while|until)\s")
"""What a build can go on by, though one command fails."""


@dataclass(frozen=True, kw_only=True)
class LostVersion:
    """A version that the installer never sees."""

    line: int
    text: str
    """For people."""
    stops: bool
    """Whether the build surely stops at it."""


def lost_versions(dockerfile: Dockerfile) -> list[LostVersion]:
    """The versions in pip's commands that the shell takes for files."""
    shells = [each for each in lex(dockerfile.text).instructions if each.keyword == "SHELL"]
    if any(not _SHELL.search(each.value) for each in shells):
        return []
    runs = [step for stage in used_stages(dockerfile) for step in stage.steps if isinstance(step, Run)]
    return [found for run in runs for found in _of_command(run.command, run.line)]


def _of_command(text: str, line: int) -> list[LostVersion]:
    goes_on = _GOES_ON.search(_QUOTED.sub("", text).strip()) is not None
    found = []
    for command in commands_of(text):
        if not _INSTALLS.search(command.text):
            continue
        for each in without_redirections(command.text)[1]:
            if each.operator not in ("<", ">") or not _VERSION.fullmatch(each.file):
                continue
            written = f"{each.operator}{each.file}"
            if each.operator == "<":
                message = f"the shell reads a file named {each.file} for {written}, which stands in no quotes"
            elif each.file.startswith("="):
                message = (
                    f"no version is asked for: the shell writes to a file for {written}, which stands in no quotes"
                )
            else:
                continue
            stops = each.operator == "<" and not goes_on and not command.may_fail and not command.is_instead
            found.append(LostVersion(line=line, text=message, stops=stops))
    return found
