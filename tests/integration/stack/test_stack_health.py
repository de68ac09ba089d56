"""The status of a stack whose parts run, and don't do what the product asks of them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import psycopg
import pytest

from janitor.cli.render.stack.stack import stack_text
from janitor.settings import Settings
from janitor.stack import stack
from janitor.stack.components import Component
from tests.integration.stack.waiting import wait_until

MORE_THAN_THERE_ARE = 300
HEARTBEAT_SECONDS = 240
"""Until an old heartbeat is noticed, on a machine that has other things to do."""


def problem_of(settings: Settings, component: Component) -> str | None:
    return next(each.problem for each in stack.status(settings).components if each.component is component)


@contextmanager
def no_connection_left(settings: Settings) -> Iterator[None]:
    with ExitStack() as held:
        with suppress(psycopg.OperationalError):
            for _ in range(MORE_THAN_THERE_ARE):
                held.enter_context(psycopg.connect(settings.writer_url, application_name="greedy"))
            pytest.fail("the server has more connections than this test takes")
        yield


def test_connections_that_are_all_taken(settings: Settings) -> None:
    with no_connection_left(settings):
        status = stack.status(settings)
        problem = next(each.problem for each in status.components if each.component is Component.POSTGRES)
        assert not status.running
        assert problem is not None
        assert "no connection left for this role" in problem
        assert "janitor_writer (greedy) " in problem
        assert problem in stack_text(status)
    wait_until("the stack is healthy again", lambda: stack.status(settings).running)


def test_a_triggerer_that_is_frozen_is_judged_by_the_age_of_its_heartbeat(settings: Settings) -> None:
    """supervisord sees a process that runs."""
    pid = next(each.pid for each in stack.status(settings).components if each.component is Component.TRIGGERER)
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_until(
            "the old heartbeat is noticed",
            lambda: "no heartbeat for " in str(problem_of(settings, Component.TRIGGERER)),
            HEARTBEAT_SECONDS,
        )
        assert stack.is_up(settings)
        assert not stack.status(settings).running
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_until("the stack is healthy again", lambda: stack.status(settings).running, HEARTBEAT_SECONDS)


def test_a_disk_that_is_nearly_full_is_part_of_the_status(settings: Settings) -> None:
    status = stack.status(settings.model_copy(update={"needed_disk_gib": 10.0**9}))
    assert status.running
    assert not status.is_well
    assert status.disk is not None
    assert str(status.disk.problem) in stack_text(status)
    wait_until("status is well with the usual need", lambda: stack.status(settings).is_well)
