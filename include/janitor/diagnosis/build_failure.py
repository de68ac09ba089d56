"""Whose fault a failed build is: judged by what BuildKit and the kernel say, and by what a tool within a step says as
long as that is the tool's word and not the repository's own.

A step's output is the repository's to print. What it echoes from its Dockerfile or from a script excuses nothing, nor
does a server of its own that it can't reach.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Protocol

from janitor.diagnosis.build_log import FailedStep
from janitor.diagnosis.failure_rules import build_trouble, world_trouble
from janitor.diagnosis.rules.docker import ENGINE_SAYS, NEVER_STARTED, STEP_SAYS
from janitor.diagnosis.rules.rule import LOOPBACK, Trouble, first_trouble
from janitor.inspection.tree import RepositoryTree, UnreadableError

_KILLED = 137
_LONGEST_LINE_WORDS = 80
_MOST_SCRIPTS = 5
_MOST_SCRIPT_CHARACTERS = 64 * 1024
_SHORT_TAIL = 4_000

_KILL_CLAIM = re.compile(
    r"(?i)signal: killed|killed signal terminated program|OOMKilled|out of memory: killed|^killed$"
)
_PRINTS = re.compile(r"(?i)\b(?:echo|printf|print|raise|die|fail|abort|warn\w*|log\w*|err\w*|write|puts|cat|exit)\b")
_CODE = (".py", ".sh", ".bash", ".pl", ".js", ".ts", ".rb")
_WORD = re.compile(r"[\w./@+-]{1,200}")
_QUOTING = re.compile(r"[\"'`\\]+")
_PROCESS = re.compile(r'^(?:ERROR: )?(?:executor failed running \[|process ").*$', re.MULTILINE)
"""BuildKit's error of a RUN, with the command. Source: BuildKit 0.8 to 0.20."""
_RESOLVER = re.compile(r"(?i)\bon \[?[\da-f.:]+\]?:53\b|\b(?:udp|tcp) \S+->\S+:53\b")
"""The name server in a message, which is often at a loopback address."""
_UNPREFIXED = re.compile(r"^(?!#\d+ |[^\S\n]*(?:\d+ \| |\d+\.\d+ |>|$)|-{3,}).*$", re.MULTILINE)
"""A line of the client's own at the end: neither a step's nor part of the summary."""


class ImageSource(Protocol):
    """What the repository brings into the image."""

    @property
    def tree(self) -> RepositoryTree:
        """The checkout."""

    @property
    def image_files(self) -> Mapping[str, PurePosixPath]:
        """Absolute path in the image → path in the repository."""


def one_line_each(log: str) -> str:
    """A log in which only line feeds end lines: what a step prints can then not pass for a line of BuildKit's."""
    return re.sub(r"[\r\v\f\x1c-\x1e\x85\u2028\u2029]", " ", log)


def step_trouble(source: ImageSource, step: FailedStep, *, killed: bool | None) -> Trouble | None:
    """Why a step failed; None if there is no known reason.

    Args:
        source: The repository's files in the image.
        step: The one that ended the build.
        killed: Whether the kernel has killed for want of memory meanwhile; None where that can't be seen.
    """
    if step.exit_code is None:
        # An image may be called anything, also `unauthorized`.
        named = step.name.rpartition(" for ")[2] if "load metadata" in step.name else ""
        shown = step.output.replace(named, "…") if named else step.output
        return first_trouble(shown, ENGINE_SAYS) or build_trouble(shown, None)
    command = _command(step)
    own = _plain("\n".join([command, *_own_words(source, command)]))
    lines = [line for line in _PROCESS.sub("", step.output).splitlines() if line.strip()]
    text = "\n".join(_believed(line, own, killed) for line in lines)
    if len(lines) <= 2 and (trouble := first_trouble(text, NEVER_STARTED)):
        return trouble
    code = step.exit_code if step.exit_code != _KILLED or killed is not False else 1
    world = world_trouble(text)
    return world or first_trouble(text, STEP_SAYS) or build_trouble(text, code)


def client_trouble(log: str, exit_code: int | None) -> Trouble | None:
    """Why a build failed that names no step: by what the client says in the end, not by what steps printed before.

    Args:
        log: Of the build.
        exit_code: Of the client.
    """
    said = _UNPREFIXED.findall(log[-_SHORT_TAIL:])
    text = "\n".join(said[-3:])
    return first_trouble(text, ENGINE_SAYS) or build_trouble(text, exit_code)


def named_files(source: ImageSource, text: str) -> list[tuple[PurePosixPath, str]]:
    """The repository's files in the image that a text names, with what they hold; a few, and their beginnings."""
    names = {posixpath.basename(word) for word in _WORD.findall(text)}
    found: list[tuple[PurePosixPath, str]] = []
    for path in list(dict.fromkeys(path for path in source.image_files.values() if path.name in names))[:_MOST_SCRIPTS]:
        try:
            found.append((path, source.tree.read_text(path)[:_MOST_SCRIPT_CHARACTERS]))
        except UnreadableError:
            continue
    return found


def _own_words(source: ImageSource, command: str) -> list[str]:
    """The lines of the files that a command names which can be what it prints."""
    lines: list[str] = []
    for path, text in named_files(source, command):
        is_code = path.name.endswith(_CODE) or text.startswith("#!")
        lines += [line for line in text.splitlines() if not is_code or _can_print(line)]
    return lines


def _can_print(line: str) -> bool:
    return not line.lstrip().startswith("#") and _PRINTS.search(line) is not None


def _command(step: FailedStep) -> str:
    # The last one is BuildKit's; others are printed.
    found = _PROCESS.findall(step.output)
    return f"{step.name}\n{found[-1]}" if found else step.name


def _believed(line: str, own: str, killed: bool | None) -> str:
    """What counts of a line that a step printed; nothing of one that looks like trouble of the world and is none."""
    if killed is False and _KILL_CLAIM.search(line):
        return ""
    # Within a step the machine itself is the step's container.
    if _looks_like_trouble(line) and LOOPBACK.search(_RESOLVER.sub("", line)):
        return ""
    return _without_own(line, own)


def _without_own(line: str, own: str) -> str:
    """A line without what looks like trouble in it and stands in the repository's own words."""
    if not _looks_like_trouble(line):
        return line
    words = _plain(line).split()[:_LONGEST_LINE_WORDS]
    taken: set[int] = set()
    for start in range(len(words)):
        for end in range(start + 1, len(words) + 1):
            segment = " ".join(words[start:end])
            if segment not in own:
                break  # a longer one isn't there either
            if _looks_like_trouble(segment):
                taken.update(range(start, end))
                break
    return " ".join(word for number, word in enumerate(words) if number not in taken) if taken else line


def _looks_like_trouble(text: str) -> bool:
    return world_trouble(text) is not None or first_trouble(text, (*STEP_SAYS, *NEVER_STARTED)) is not None


def _plain(text: str) -> str:
    return " ".join(_QUOTING.sub("", text).split())
