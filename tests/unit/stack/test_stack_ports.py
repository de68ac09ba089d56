"""Ports: kept where possible, replaced where taken, never given to two stacks."""

from __future__ import annotations

import socket

import pytest

from janitor.domain.errors import StackError
from janitor.stack.state.ports import LOOPBACK, Ports, is_free, reserve
from tests.support.ports import free_ports
from tests.support.stack import stack_settings


@pytest.fixture
def preferred(tmp_path) -> Ports:
    settings = stack_settings(tmp_path)
    return Ports(settings.web_port, settings.postgres_port, settings.cloud_port, settings.supervisor_port)


@pytest.fixture
def listener():
    with socket.socket() as server:
        server.bind((LOOPBACK, 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_listener_makes_a_port_taken(listener: int) -> None:
    assert not is_free(listener)


def test_a_taken_port_is_replaced_by_the_next(preferred: Ports, listener: int) -> None:
    wanted = Ports(web=listener, postgres=preferred.postgres, cloud=preferred.cloud, supervisor=preferred.supervisor)
    with reserve(wanted, {}) as ports:
        assert ports.web > listener


def test_kept_ports_come_first_and_are_dropped_when_taken(preferred: Ports, listener: int) -> None:
    with reserve(preferred, {}) as free:
        pass
    kept = {**free.as_dict(), "web": free_ports(1)[0], "cloud": listener}
    with reserve(preferred, kept) as ports:
        assert ports.web == kept["web"]
        assert ports.cloud != listener


def test_two_stacks_that_start_at_once_get_different_ports(preferred: Ports) -> None:
    with reserve(preferred, {}) as first, reserve(preferred, first.as_dict()) as second:
        assert not set(first.as_dict().values()) & set(second.as_dict().values())


def test_one_stack_never_uses_a_port_twice(preferred: Ports) -> None:
    same = Ports(preferred.web, preferred.web, preferred.web, preferred.web)
    with reserve(same, {}) as ports:
        assert len(set(ports.as_dict().values())) == 4


def test_no_free_port_is_told() -> None:
    with socket.socket() as server:
        server.bind((LOOPBACK, 65_535))
        server.listen()
        with pytest.raises(StackError, match="JANITOR_WEB_PORT"), reserve(Ports(65_535, 1, 2, 3), {}):
            pass
