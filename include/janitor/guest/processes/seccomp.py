"""Filters of system calls: lines of the kernel's packet filter, and how a process takes one on.

A filter is inherited by whatever the process starts, and can't be taken off. Source: seccomp(2).
"""

from __future__ import annotations

import ctypes
import struct
import sys
from collections.abc import Callable, Sequence
from errno import ENOSYS

ALLOW, ERRNO = 0x7FFF0000, 0x00050000
LOAD, EQUAL, ANY_BIT, _AT_LEAST, RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
"""Source: linux/bpf_common.h."""
Line = tuple[int, int, int, int]
"""Operation, lines to skip where it holds and where it doesn't, value."""

_NUMBER, _ARCHITECTURE = 0, 4
"""Offsets in struct seccomp_data."""
_FOREIGN = 0x40000000
"""From here x86_64 has its x32 calls, the same ones under other numbers."""
_PR_SET_SECCOMP = 22
_MODE_FILTER = 2


def argument(number: int) -> int:
    """Where an argument's low half stands, counted from 0, on a little-endian machine."""
    return 16 + 8 * number


def prelude(architecture: int) -> list[Line]:
    """The lines that come first: calls under the numbers of another machine don't exist, and the number is loaded."""
    return [
        (LOAD, 0, 0, _ARCHITECTURE),
        (EQUAL, 1, 0, architecture),
        (RETURN, 0, 0, ERRNO | ENOSYS),
        (LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _FOREIGN),
        (RETURN, 0, 0, ERRNO | ENOSYS),
    ]


def loader(lines: Sequence[Line]) -> Callable[[], None] | None:
    """What has the process that calls it take the filter on, safe between fork and exec; None: not on this machine."""
    if sys.platform != "linux" or sys.byteorder != "little":
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    program = b"".join(struct.pack("<HBBI", *line) for line in lines)
    kept = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(kept))
    pointer = ctypes.create_string_buffer(header, len(header))

    def close(_kept: object = kept) -> None:
        # A root process needs no "no new privileges" for it. What fails here shows by what is not refused.
        libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, pointer, 0, 0)

    return close
