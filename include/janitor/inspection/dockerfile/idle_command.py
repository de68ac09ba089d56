"""Tells a container that surely starts no program of anybody's: a shell or a Python without one, a mere `sleep`."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

from janitor.inspection.dockerfile.base_images import is_bare, surely_lacks_pytorch
from janitor.inspection.dockerfile.command import is_python, is_shell, without_wrappers
from janitor.inspection.dockerfile.lexer import Instruction, split_words
from janitor.inspection.dockerfile.stages import Dockerfile

_BUILT_IN = frozenset({"cd", "export", "source", ".", "set", "eval", "alias", "unset", "ulimit"})
"""Commands of a shell that without one are no programs, or do nothing."""
_IDLE = frozenset({"sleep", "tail", "true", "false", "echo", "cat", "date", "ls", "pwd", "whoami"})
_SEPARATORS = re.compile(r"[;&|\n$`]")
_STARTUP = re.compile(r"bashrc|profile|BASH_ENV|sitecustomize|usercustomize|PYTHONSTARTUP|\.pth\b|\bENV=")
"""What a shell or Python reads by itself before it does anything."""


@dataclass(frozen=True, kw_only=True)
class IdleCommand:
    """What a container starts instead of a worker."""

    line: int | None
    """Of the instruction; None where there is none."""
    text: str
    """For people."""


def idle_command(dockerfile: Dockerfile) -> IdleCommand | None:
    """What a container of the image starts, if no program of the repository can come of it; None if one may."""
    final = dockerfile.final
    entrypoint, command = final.entrypoint, final.command
    has_entrypoint = entrypoint is not None and entrypoint.exec_form() != []
    if _STARTUP.search(dockerfile.text) or not (has_entrypoint or is_bare(final.base_image)):
        return None
    if entrypoint is not None and has_entrypoint:
        words = entrypoint.exec_form()
        if words is None:
            return _shell_form(entrypoint)
        given = _words(command)
        return _exec_form([*words, *given], entrypoint.line)
    if command is None or command.exec_form() == []:
        if not surely_lacks_pytorch(final.base_image):
            return None
        text = f"there is neither CMD nor ENTRYPOINT, so the container starts what {final.base_image} starts by itself"
        return IdleCommand(line=None, text=text)
    words = command.exec_form()
    return _shell_form(command) if words is None else _exec_form(words, command.line)


def _words(command: Instruction | None) -> list[str]:
    if command is None or not command.value:
        return []
    exact = command.exec_form()
    return ["/bin/sh", "-c", command.value] if exact is None else exact


def _shell_form(instruction: Instruction) -> IdleCommand | None:
    text = instruction.value.strip()
    if _SEPARATORS.search(text):
        return None
    if text.startswith("["):
        reason = f"{instruction.keyword} is no JSON list, so that a shell looks for a program named {text.split()[0]}"
        return IdleCommand(line=instruction.line, text=reason)
    return _exec_form(split_words(text), instruction.line, built_in=frozenset())


def _exec_form(words: list[str], line: int, *, built_in: frozenset[str] = _BUILT_IN) -> IdleCommand | None:
    found = IdleCommand(line=line, text=f"the container starts `{' '.join(words)}`, and no program by it")
    if words and words[0] in built_in:
        return found
    words = without_wrappers(words)
    if not words:
        return None
    options = words[1:]
    bare = all(word.startswith("-") for word in options)
    if is_python(words[0]):
        starts = any(re.match(r"-[A-Za-z]*[mc]", word) for word in options if not word.startswith("--"))
        return found if bare and not starts else None
    if is_shell(words[0]):
        return found if bare and not any(re.match(r"-[A-Za-z]*[cs]", word) for word in options) else None
    return found if posixpath.basename(words[0]) in _IDLE else None
