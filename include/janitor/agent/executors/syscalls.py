"""System calls that no sandbox needs and that lead round its namespaces, closed by a filter of the kernel.

Namespaces close the network's addresses but not every kind of socket (a virtual machine's socket to its host belongs to
no network namespace), a new user namespace gives back the capabilities that were dropped, and a ring of io_uring makes
the same calls unseen. A filter is inherited by whatever is started and can't be taken off.
"""

from __future__ import annotations

import ctypes
import platform
import socket
import struct
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from errno import EAFNOSUPPORT, ENOSYS, EPERM

_PR_SET_SECCOMP = 22
_MODE_FILTER = 2
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_LOAD, _EQUAL, _ANY_BIT, _AT_LEAST, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
"""Source: linux/bpf_common.h."""
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
"""Offsets in struct seccomp_data; both machines are little-endian, so that an argument's low half comes first."""
_CLONE_NEWUSER = 0x10000000
_FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, 16)  # 16: netlink, which libc asks for its addresses
_FOREIGN = 0x40000000
"""From here x86_64 has its x32 calls, the same ones under other numbers. Source: seccomp(2)."""


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
    if sys.platform != "linux" or machine is None or sys.byteorder != "little":
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    program = b"".join(struct.pack("<HBBI", *line) for line in _program(machine))
    lines = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(lines))
    pointer = ctypes.create_string_buffer(header, len(header))

    def close(_kept: object = lines) -> None:
        # A root process needs no "no new privileges" for it. What fails here shows in the sandbox's probe.
        libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, pointer, 0, 0)

    return close


def _program(machine: _Machine) -> Sequence[tuple[int, int, int, int]]:
    lines: list[tuple[int, int, int, int]] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, machine.architecture),
        (_RETURN, 0, 0, _ERRNO | ENOSYS),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _FOREIGN),
        (_RETURN, 0, 0, _ERRNO | ENOSYS),
    ]
    for number in (_CLONE3, _IO_URING_SETUP):
        lines += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ERRNO | ENOSYS)]
    for number in machine.refused:
        lines += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ERRNO | EPERM)]
    for number in (machine.unshare, machine.clone):
        lines += [
            (_EQUAL, 0, 4, number),
            (_LOAD, 0, 0, _FIRST_ARGUMENT),
            (_ANY_BIT, 0, 1, _CLONE_NEWUSER),
            (_RETURN, 0, 0, _ERRNO | EPERM),
            (_RETURN, 0, 0, _ALLOW),
        ]
    lines += [(_EQUAL, 0, len(_FAMILIES) + 2, machine.socket), (_LOAD, 0, 0, _FIRST_ARGUMENT)]
    for position, family in enumerate(_FAMILIES):
        lines.append((_EQUAL, len(_FAMILIES) - position, 0, int(family)))
    lines += [(_RETURN, 0, 0, _ERRNO | EAFNOSUPPORT), (_RETURN, 0, 0, _ALLOW)]
    return lines
