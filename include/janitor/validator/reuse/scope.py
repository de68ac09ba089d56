"""How much of what this process sees is its worker's: a whole machine, a part of one, or nothing that may be touched.

A machine of AWS is the worker's alone, and is known by its agent, which is above this process. Elsewhere, as in the
local cloud, a command is the first process of a session without a terminal, and what it or its like have left are the
children of whoever has started it. Everything else isn't ours: a person who tries this at a terminal loses nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_AGENT = re.compile(r"(?:amazon-)?ssm-(?:agent|document|session)[\w-]*")
"""Source: the program names of amazon-ssm-agent."""
_INIT = 1
_TTY = 4
"""Place of tty_nr behind the command's name in /proc/PID/stat. Source: proc_pid_stat(5)."""


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What belongs to the worker."""

    is_whole: bool
    """Whether everything on the machine does."""
    reaper: int
    """Who gets its orphans; 0: no process of it can be told from others'."""
    own: frozenset[int]
    """This process and those above it."""

    @property
    def is_known(self) -> bool:
        """Whether anything can be told to be the worker's."""
        return self.is_whole or self.reaper != 0


def scope_of(parents: Mapping[int, int], programs: Mapping[int, str]) -> Scope:
    """Find it out.

    Args:
        parents: Of each living process its parent.
        programs: What each executes, as far as that can be seen.
    """
    own = _ancestors(parents)
    if any(is_agent(programs.get(pid, "")) for pid in own):
        return Scope(is_whole=True, reaper=_INIT, own=own)
    leader = os.getsid(0)
    starter = parents.get(leader, 0)
    is_command = leader in (os.getpid(), os.getppid()) and not _has_terminal()
    return Scope(is_whole=False, reaper=starter if is_command else 0, own=own)


def is_agent(program: str) -> bool:
    """Whether a program's file has the name of one of SSM's."""
    return _AGENT.fullmatch(Path(program).name) is not None


def _ancestors(parents: Mapping[int, int]) -> frozenset[int]:
    found: list[int] = []
    pid = os.getpid()
    while pid and pid not in found:
        found.append(pid)
        pid = parents.get(pid, 0)
    return frozenset(found)


def _has_terminal() -> bool:
    try:
        with open("/proc/self/stat", "rb") as file:
            stat = file.read()
    except OSError:
        return True  # nothing can be said, so nothing is ours
    return int(stat[stat.rfind(b")") + 2 :].split()[_TTY]) != 0
