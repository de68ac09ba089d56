"""Machines for the bootstrap; a test that can't have one says by name why it skips."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.machine import Machine, machine, why_no_machine


def _made(*, docker: bool) -> Iterator[Machine]:
    if reason := why_no_machine(docker=docker):
        pytest.skip(f"no machine for bootstrap.sh: {reason}")
    # A short path: Docker's sockets lie in it.
    with machine(Path(tempfile.mkdtemp(prefix="janitor-machine-")), docker=docker) as made:
        yield made


@pytest.fixture
def bare_machine() -> Iterator[Machine]:
    """One where a file stands for Docker."""
    yield from _made(docker=False)


@pytest.fixture
def docker_machine() -> Iterator[Machine]:
    """One with a real dockerd."""
    yield from _made(docker=True)
