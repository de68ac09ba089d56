"""The port of a worker's API: chosen seconds before the worker listens, and nobody else's by then."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from janitor.guest.processes import free_port as module
from janitor.guest.processes.free_port import free_port

SYSTEMS_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


@pytest.mark.skipif(not SYSTEMS_RANGE.exists(), reason="this system doesn't say which ports it gives away")
def test_the_port_is_none_that_the_system_gives_away() -> None:
    first, last = map(int, SYSTEMS_RANGE.read_text().split())
    assert not [port for port in (free_port() for _ in range(200)) if first <= port <= last]


def test_the_port_can_be_listened_on() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", free_port()))
        server.listen()


def test_a_port_that_somebody_has_is_not_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one port below the system's range is taken."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        (tmp_path / "range").write_text(f"{port + 1}\t60999\n")
        monkeypatch.setattr(module, "_SYSTEMS_RANGE", tmp_path / "range")
        monkeypatch.setattr(module, "_LOWEST", port)
        assert free_port() != port


@pytest.mark.parametrize("text", [None, "", "nonsense", "1024 60999"])
def test_without_room_below_the_systems_range_or_word_of_it_there_is_a_port(
    text: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if text is not None:
        (tmp_path / "range").write_text(text)
    monkeypatch.setattr(module, "_SYSTEMS_RANGE", tmp_path / "range")
    assert free_port() > 1_024
