"""A port of the loopback interface for a server that starts in a moment."""

from __future__ import annotations

import secrets
import socket
from pathlib import Path

_LOOPBACK = "127.0.0.1"
_SYSTEMS_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_USUAL_START = 32_768
"""Where Linux' own range begins unless it was set (ip-sysctl); macOS begins at 49152."""
_LOWEST = 20_000
"""Below lie the ports that well-known servers listen on."""
_ATTEMPTS = 100


def free_port() -> int:
    """Return a TCP port that nobody has and that the system gives to nobody.

    The system takes the ports of outgoing connections from a range of its own. A port from that range may be gone again
    when the server that it was chosen for listens, a few seconds later.

    Raises:
        OSError: no port is free.
    """
    highest = _start_of_the_systems_range() - 1
    if highest >= _LOWEST:
        for _ in range(_ATTEMPTS):
            port = _LOWEST + secrets.randbelow(highest - _LOWEST + 1)
            try:
                return _bound(port)
            except OSError:
                continue
    return _bound(0)


def _start_of_the_systems_range() -> int:
    try:
        return int(_SYSTEMS_RANGE.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return _USUAL_START


def _bound(port: int) -> int:
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, port))
        return int(probe.getsockname()[1])
