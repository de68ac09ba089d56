"""How the suite is spread over processes: a folder that shares a stack or a server stays together."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.selection import part_of

SLOWEST_FIRST = (
    "dags/kills",
    "dags",
    "integration/localcloud",
    "integration/killers",
    "integration/validator/docker",
    "integration/validator",
    "integration/stack",
    "acceptance",
)


APART = frozenset({"integration/validator/docker"})
"""Folders whose modules share nothing but the Docker engine, which serves every process.

The container that is killed for want of memory isn't among them: on one machine it would excuse the workers of
`integration/validator` beside it.
"""


def folder_of(nodeid: str) -> str:
    """The folder that shares what is expensive, for example `integration/stack` or `unit`."""
    parts = PurePosixPath(nodeid.split("::", 1)[0]).parts[1:-1]
    return "/".join(parts if parts[:1] in (("integration",), ("dags",)) else parts[:1])


def group_of(nodeid: str) -> str:
    """What stays together in one process: a folder, or a module of a folder that is spread."""
    folder = folder_of(nodeid)
    return nodeid.split("::", 1)[0] if folder in APART else folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `make test` leaves out, and put the slowest folders first, so that they don't end alone."""
    for item in items:
        if part_of(item.nodeid) is not None:
            item.add_marker(pytest.mark.full)
    rank = {group: position for position, group in enumerate(SLOWEST_FIRST)}
    items.sort(key=lambda item: rank.get(folder_of(item.nodeid), len(rank)))


class FolderScheduling(LoadScopeScheduling):
    """Gives a process one folder after another."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        # In the order above, not by the number of tests.
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FolderScheduling | None:
    """Take the place of `--dist=loadscope`."""
    return FolderScheduling(config, log) if config.getvalue("dist") == "loadscope" else None
