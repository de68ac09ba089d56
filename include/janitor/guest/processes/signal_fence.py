"""Keeps the repository's processes from signalling the validator, where they run as its user.

A worker that fails could otherwise end or stop whoever is to say so: by a signal to its parent, to those above, to
their groups or to everybody, and its own fault would look like trouble of the instance. The kernel refuses such signals
as it does between users (EPERM), whatever the process does about it: the fault stays its own. Processes with a user of
their own (`child_user`) have that anyway.

Not closed: a signal to one of the validator's threads by the number of that thread (tkill), which has no telling sign.
"""

from __future__ import annotations

import functools
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from errno import EPERM

from janitor.guest.processes.proc_stat import read_stat
from janitor.guest.processes.seccomp import ALLOW, EQUAL, ERRNO, LOAD, RETURN, Line, argument, loader, prelude

_EVERYBODY = -1
_MOST_ANCESTORS = 40
_F_SETOWN, _F_SETOWN_EX = 8, 15


@dataclass(frozen=True)
class _Machine:
    """A machine's own numbers. Source: linux/audit.h and the machine's syscall table."""

    architecture: int
    kill: int
    tkill: int
    tgkill: int
    rt_sigqueueinfo: int
    rt_tgsigqueueinfo: int
    prlimit64: int
    fcntl: int


_MACHINES = {
    "x86_64": _Machine(0xC000003E, 62, 200, 234, 129, 297, 302, 72),
    "aarch64": _Machine(0xC00000B7, 129, 130, 131, 138, 240, 261, 25),
}
_PIDFD_OPEN = 434
"""The same everywhere."""


@functools.lru_cache(maxsize=4)
def signal_fence(pid: int) -> Callable[[], None] | None:
    """What fences the process that calls it off from another and its ancestors, safe between fork and exec.

    Args:
        pid: Of the process to protect; it is this one.

    Returns:
        None where this machine has no such thing.
    """
    machine = _MACHINES.get(platform.machine())
    return None if machine is None else loader(_program(machine, _protected(pid)))


def _protected(pid: int) -> list[int]:
    """Process and group numbers, as `kill` takes them: of a process, of all those that it descends from."""
    targets, current = [_EVERYBODY], pid
    for _ in range(_MOST_ANCESTORS):
        targets.append(current)
        stat = read_stat(current)
        if stat is None:
            break
        if stat.group > 1:
            targets.append(-stat.group)
        if stat.parent <= 0:
            break
        current = stat.parent
    return list(dict.fromkeys((*targets, os.getpid(), os.getppid())))


def _program(machine: _Machine, targets: Sequence[int]) -> Sequence[Line]:
    lines = prelude(machine.architecture)
    for number, signal_argument in (
        (machine.kill, 1),
        (machine.tkill, 1),
        (machine.tgkill, 2),
        (machine.rt_sigqueueinfo, 1),
        (machine.rt_tgsigqueueinfo, 2),
    ):
        # Signal 0 asks whether a process lives, and does nothing to it.
        asks = [(LOAD, 0, 0, argument(signal_argument)), (EQUAL, 0, 1, 0), (RETURN, 0, 0, ALLOW)]
        lines += _block(number, [*asks, *_refusing(targets, 0)])
    # A process can be ended by the limit of its time as well, and a descriptor of it takes signals, too.
    for number in (machine.prlimit64, _PIDFD_OPEN):
        lines += _block(number, _refusing(targets, 0))
    owner = _refusing(targets, 2)
    lines += _block(
        machine.fcntl,
        [
            (LOAD, 0, 0, argument(1)),
            (EQUAL, 0, 1, _F_SETOWN_EX),
            (RETURN, 0, 0, ERRNO | EPERM),
            (EQUAL, 1, 0, _F_SETOWN),
            (RETURN, 0, 0, ALLOW),
            *owner,
        ],
    )
    return [*lines, (RETURN, 0, 0, ALLOW)]


def _block(number: int, lines: Sequence[Line]) -> list[Line]:
    """Lines for one system call, of which the last always decides."""
    return [(EQUAL, 0, len(lines), number), *lines]


def _refusing(targets: Sequence[int], position: int) -> list[Line]:
    """Lines that refuse the call where an argument is one of these."""
    count = len(targets)
    return [
        (LOAD, 0, 0, argument(position)),
        *((EQUAL, count - index, 0, target & 0xFFFF_FFFF) for index, target in enumerate(targets)),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, ERRNO | EPERM),
    ]
