"""What the kernel tells of a process in `/proc/PID/stat`."""

from __future__ import annotations

from typing import NamedTuple

_STARTED = 19
"""Its place behind the command's name. Source: proc_pid_stat(5), starttime."""


class ProcStat(NamedTuple):
    """Fields behind the command's name. Source: proc_pid_stat(5)."""

    state: str
    """One letter; Z and X are dead."""
    parent: int
    group: int
    started: int
    """In clock ticks since the machine's start: with the number it says which process this is."""

    @property
    def is_dead(self) -> bool:
        """Whether only its parent's look is waited for."""
        return self.state in "ZX"


def read_stat(pid: int) -> ProcStat | None:
    """Read a process's line; None where the process has ended or can't be seen."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            stat = file.read()
    except OSError:
        return None
    # The command name, in parentheses, may itself hold spaces and parentheses.
    fields = stat[stat.rfind(b")") + 2 :].split()
    return ProcStat(
        state=fields[0].decode(), parent=int(fields[1]), group=int(fields[2]), started=int(fields[_STARTED])
    )
