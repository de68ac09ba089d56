"""Sockets that wait for somebody, and the kernel's modules."""

from __future__ import annotations

import os
import re
import socket
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

from janitor.protocol.reuse.manifest import LONGEST_NAME, LONGEST_VALUE, MOST_ENTRIES, Area, AreaSeen
from janitor.validator.reuse.processes import ProcessLook

_LISTENS = "0A"
_UNCONNECTED = "07"
"""Of /proc/net: TCP_LISTEN; TCP_CLOSE, which a UDP socket without a peer has. Source: include/net/tcp_states.h."""
_INODE = re.compile(r"socket:\[(\d+)\]")
_MOST_LINES = 20_000


def listeners(look: ProcessLook) -> AreaSeen:
    """Each waiting socket, with the program that has it; on a part of a machine only those of its own processes."""
    owners = _owners(look)
    entries: dict[str, str] = {}
    left_out = 0
    for kind, address, inode in _waiting_sockets():
        owner = owners.get(inode)
        if owner is None and not look.scope.is_whole:
            continue
        name = f"{kind} {address} of {owner or 'nobody to be seen'}"[:LONGEST_NAME]
        if name in entries or len(entries) < MOST_ENTRIES:
            entries[name] = ""
        else:
            left_out += 1
    return AreaSeen(area=Area.LISTENERS, entries=entries, left_out=left_out)


def modules(*, is_whole: bool) -> AreaSeen:
    """The kernel's modules, each with whether its file is one of the system's; none of a part of a machine."""
    entries: dict[str, str] = {}
    if is_whole:
        known = _modules_of_system()
        for name in _lines("/proc/modules"):
            module = name.split(" ", 1)[0][:LONGEST_NAME]
            entries[module] = "of the system" if module in known else "from elsewhere"
    kept = dict(sorted(entries.items())[:MOST_ENTRIES])
    return AreaSeen(area=Area.MODULES, entries=kept, left_out=len(entries) - len(kept))


def _modules_of_system() -> frozenset[str]:
    """By the index that the system's own tool has written of what is installed."""
    found = set()
    for line in _lines(f"/lib/modules/{os.uname().release}/modules.dep"):
        file = line.partition(":")[0]
        found.add(Path(file).name.partition(".ko")[0].replace("-", "_"))
    return frozenset(found)


def _owners(look: ProcessLook) -> Mapping[str, str]:
    """The program that holds each socket, by the socket's number."""
    found: dict[str, str] = {}
    for process in look.processes:
        try:
            entries = os.listdir(f"/proc/{process.pid}/fd")
        except OSError:
            continue
        for entry in entries:
            try:
                match = _INODE.fullmatch(os.readlink(f"/proc/{process.pid}/fd/{entry}"))
            except OSError:
                continue
            if match is not None:
                found.setdefault(match[1], process.program[: LONGEST_VALUE - 100])
    return found


def _waiting_sockets() -> Iterator[tuple[str, str, str]]:
    """Kind, address and number of each; UDP's at a port that clients get by chance is none."""
    by_chance = _ports_by_chance()
    for kind, state in (("tcp", _LISTENS), ("tcp6", _LISTENS), ("udp", _UNCONNECTED), ("udp6", _UNCONNECTED)):
        for line in _lines(f"/proc/net/{kind}")[1:]:
            fields = line.split()
            if len(fields) < 10 or fields[3] != state:
                continue
            host, _, port = fields[1].partition(":")
            number = int(port, 16)
            if kind.startswith("udp") and number in by_chance:
                continue
            yield kind, f"{_address(host)}:{number}", fields[9]


def _address(text: str) -> str:
    """The kernel writes words of four bytes in the machine's own order."""
    words = [int(text[at : at + 8], 16) for at in range(0, len(text), 8)]
    packed = b"".join(struct.pack("=I", word) for word in words)
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, packed)


def _ports_by_chance() -> range:
    try:
        low, high = _lines("/proc/sys/net/ipv4/ip_local_port_range")[0].split()
        return range(int(low), int(high) + 1)
    except (IndexError, ValueError):
        return range(32_768, 61_000)


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(_MOST_LINES * 200).splitlines()[:_MOST_LINES]
    except OSError:
        return []
