"""System calls that no sandbox needs and that lead round its namespaces, closed by a filter of the kernel.

Namespaces close the network's addresses but not every kind of socket (a virtual machine's socket to its host belongs to
no network namespace), a new user namespace gives back the capabilities that were dropped, and a ring of io_uring makes
the same calls unseen. A filter is inherited by whatever is started and can't be taken off.
"""

from __future__ import annotations

import platform
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from errno import EAFNOSUPPORT, ENOSYS, EPERM

from janitor.guest.processes.seccomp import ALLOW, ANY_BIT, EQUAL, ERRNO, LOAD, RETURN, Line, argument, loader, prelude

_CLONE_NEWUSER = 0x10000000
_FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, 16)  # 16: netlink, which libc asks for its addresses


@dataclass(frozen=True)
class _Machine:
    """A machine's own numbers. Source: linux/audit.h and the machine's syscall table."""

    architecture: int
    socket: int
    clone: int
    unshare: int
    refused: tuple[int, ...]
    """add_key, request_key, keyctl, userfaultfd, bpf, perf_event_open."""


_MACHINES = {
    "x86_64": _Machine(0xC000003E, 41, 56, 272, (248, 249, 250, 323, 321, 298)),
    "aarch64": _Machine(0xC00000B7, 198, 220, 97, (217, 218, 219, 282, 280, 241)),
}
_CLONE3, _IO_URING_SETUP = 435, 425
"""The same everywhere. clone3 has its flags in memory, where no filter sees them; libc then takes clone."""


def seccomp_filter() -> Callable[[], None] | None:
    """What closes the calls in the process that calls it, safe between fork and exec; None: not for this machine."""
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        return None
    return loader(_program(machine))


def _program(machine: _Machine) -> Sequence[Line]:
    lines = prelude(machine.architecture)
    for number in (_CLONE3, _IO_URING_SETUP):
        lines += [(EQUAL, 0, 1, number), (RETURN, 0, 0, ERRNO | ENOSYS)]
    for number in machine.refused:
        lines += [(EQUAL, 0, 1, number), (RETURN, 0, 0, ERRNO | EPERM)]
    for number in (machine.unshare, machine.clone):
        lines += [
            (EQUAL, 0, 4, number),
            (LOAD, 0, 0, argument(0)),
            (ANY_BIT, 0, 1, _CLONE_NEWUSER),
            (RETURN, 0, 0, ERRNO | EPERM),
            (RETURN, 0, 0, ALLOW),
        ]
    lines += [(EQUAL, 0, len(_FAMILIES) + 2, machine.socket), (LOAD, 0, 0, argument(0))]
    for position, family in enumerate(_FAMILIES):
        lines.append((EQUAL, len(_FAMILIES) - position, 0, int(family)))
    lines += [(RETURN, 0, 0, ERRNO | EAFNOSUPPORT), (RETURN, 0, 0, ALLOW)]
    return lines
