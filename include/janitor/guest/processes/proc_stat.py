"""What the kernel tells of a process in `/proc/PID/stat`."""

from __future__ import annotations

from typing import NamedTuple


class ProcStat(NamedTuple):
    """The first fields behind the command's name. Source: proc_pid_stat(5)."""

    state: str
    """One letter; Z and X are dead."""
    parent: int
    group: int


def read_stat(pid: int) -> ProcStat | None:
    """Read a process's line; None where the process has ended or can't be seen."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            stat = file.read()
    except OSError:
        return None
    # The command name, in parentheses, may itself hold spaces and parentheses.
    state, parent, group = stat[stat.rfind(b")") + 2 :].split(maxsplit=3)[:3]
    return ProcStat(state=state.decode(), parent=int(parent), group=int(group))
