"""The processes of a worker: which there are, and the end of those that a task has left."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from janitor.guest.processes.child_user import OUTER_ID
from janitor.guest.processes.proc_stat import ProcStat, read_stat
from janitor.protocol.reuse.manifest import LONGEST_NAME, MOST_PROCESSES, ProcessSeen
from janitor.validator.reuse.scope import Scope, is_agent, scope_of

_KERNEL = 2
"""kthreadd, above all of the kernel's own. Source: kernel/kthread.c."""
_UNIT_FOLDERS = tuple(
    Path(each)
    for each in ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system", "/run/systemd/generator")
)
_OF_SYSTEM = ("/usr/", "/bin/", "/sbin/", "/lib/", "/lib64/", "/snap/", "/opt/aws/")
_SERVICE = re.compile(r"/system\.slice/(?:[\w.\\@:-]+/)*(?P<unit>[\w.\\@:-]+\.service)(?:/.*)?")
_STAYS_SECONDS = 0.2
"""What has ended by then was passing: a timer's `date`, a shell between two commands."""
_PAUSE_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True)
class ProcessLook:
    """The processes that are the worker's, without this one and those above it."""

    scope: Scope
    processes: tuple[ProcessSeen, ...]
    left_out: int


def look_at_processes() -> ProcessLook:
    """All that were there at two instants, a moment apart."""
    first = _look()
    time.sleep(_STAYS_SECONDS)
    now = _look()
    stayed = {each.identity for each in first.processes}
    kept = [each for each in now.processes if each.identity in stayed]
    return ProcessLook(
        scope=now.scope,
        processes=tuple(kept[:MOST_PROCESSES]),
        left_out=max(len(kept) - MOST_PROCESSES, 0) + now.left_out,
    )


def end_survivors(
    unknown: Callable[[ProcessLook], Sequence[ProcessSeen]], within_seconds: float
) -> tuple[list[ProcessSeen], list[ProcessSeen]]:
    """SIGKILL what a task has left until nothing of it is there.

    On a whole machine only what is provably nobody else's: the repository's user, the agent's own control group, and
    what is in no service; what else is new is told by the manifest.

    Args:
        unknown: Those of a look that weren't there before.
        within_seconds: For how long at most.

    Returns:
        Those that were found, and those that still live.
    """
    deadline = time.monotonic() + within_seconds
    found: dict[tuple[int, int], ProcessSeen] = {}
    while True:
        look = look_at_processes()
        living = [each for each in unknown(look) if _is_left_by_task(each, look.scope)]
        found |= {each.identity: each for each in living}
        if not living or time.monotonic() >= deadline:
            return list(found.values()), living
        # Stopped first, so that what starts others can't outrun us.
        for sign in (signal.SIGSTOP, signal.SIGKILL):
            for each in living:
                _send(each, sign)
        time.sleep(_PAUSE_SECONDS)


def _send(process: ProcessSeen, sign: signal.Signals) -> None:
    stat = read_stat(process.pid)
    if stat is None or stat.started != process.started:
        return  # the number is another's by now
    with contextlib.suppress(OSError):
        os.kill(process.pid, sign)


def _is_left_by_task(process: ProcessSeen, scope: Scope) -> bool:
    if not scope.is_whole:
        return True
    return process.user == OUTER_ID or process.group == _group_of("self") or _SERVICE.fullmatch(process.group) is None


def _look() -> ProcessLook:
    stats = {}
    for entry in _numbers():
        if (stat := read_stat(entry)) is not None and not stat.is_dead:
            stats[entry] = stat
    parents = {pid: stat.parent for pid, stat in stats.items()}
    programs = {pid: program for pid in stats if (program := _program(pid)) is not None}
    scope = scope_of(parents, programs)
    ours = _within(parents, scope)
    seen: list[ProcessSeen] = []
    for pid in sorted(ours - scope.own):
        if scope.is_whole and _KERNEL in (pid, stats[pid].parent):
            continue
        if (process := _seen(pid, stats[pid], programs.get(pid))) is not None:
            seen.append(process)
    return ProcessLook(scope=scope, processes=tuple(seen), left_out=0)


def _within(parents: dict[int, int], scope: Scope) -> set[int]:
    """The worker's processes: all of a whole machine's, else what lives below whoever starts its commands."""
    if scope.is_whole:
        return set(parents)
    if scope.reaper == 0:
        return set()
    children: dict[int, list[int]] = {}
    for pid, parent in parents.items():
        children.setdefault(parent, []).append(pid)
    found: set[int] = set()
    waiting = list(children.get(scope.reaper, ()))
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting += children.get(pid, ())
    return found


def _seen(pid: int, stat: ProcStat, program: str | None) -> ProcessSeen | None:
    try:
        user = os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return None  # it has ended meanwhile
    group = _group_of(str(pid))
    shown = program or "unreadable"
    return ProcessSeen(
        pid=pid,
        started=stat.started,
        parent=stat.parent,
        program=shown[:LONGEST_NAME],
        user=user,
        group=group,
        is_service=_is_service(group, shown),
    )


def _is_service(group: str, program: str) -> bool:
    """Whether it belongs to a unit with a file; the agent's own counts for the agent alone, as a task is in it, too."""
    match = _SERVICE.fullmatch(group)
    if match is None or not program.startswith(_OF_SYSTEM):
        return False
    if group == _group_of("self") and not is_agent(program):
        return False
    unit = match["unit"]
    names = (unit, _template_of(unit))
    return any((folder / name).is_file() for folder in _UNIT_FOLDERS for name in names)


def _template_of(unit: str) -> str:
    """The file that a unit with an instance's name is of: `getty@tty1.service` is of `getty@.service`."""
    name, at, _ = unit.partition("@")
    return f"{name}@.service" if at else unit


def _group_of(pid: str) -> str:
    """Its control group: of the one hierarchy, or of systemd's own where there are several."""
    try:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="replace") as file:
            lines = file.read(64 * 1024).splitlines()
    except OSError:
        return "unreadable"
    groups = {head: path for head, _, path in (_parted(line) for line in lines)}
    group = groups.get("name=systemd") or groups.get("") or "/"
    return group[:LONGEST_NAME] or "/"


def _parted(line: str) -> tuple[str, str, str]:
    _, _, rest = line.partition(":")
    return rest.partition(":")


def _program(pid: int) -> str | None:
    try:
        return os.fsencode(os.readlink(f"/proc/{pid}/exe")).decode("utf-8", "backslashreplace")
    except OSError:
        return None


def _numbers() -> list[int]:
    try:
        return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]
    except OSError:
        return []
