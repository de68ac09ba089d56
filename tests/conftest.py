"""How the suite is spread over processes: a folder that shares a stack or a server stays together, modules don't."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.selection import part_of

TOGETHER = (
    "dags",
    "integration/stack",
    "integration/services",
    "integration/killers",
    "integration/localcloud",
    "integration/agent",
)
"""Folders whose modules share a stack or servers: each stays in one process. The longest first, as they end last."""
SLOWEST_FIRST = (*TOGETHER, "integration/validator", "integration/cli", "integration")


def folder_of(nodeid: str) -> str:
    """The folder of tests that a test is in, for example `integration/stack` or `unit/domain`."""
    return "/".join(PurePosixPath(nodeid.split("::", 1)[0]).parts[1:-1])


def group_of(nodeid: str) -> str:
    """What stays together in one process: a folder that shares what is expensive, else a module."""
    folder = folder_of(nodeid)
    shared = next((each for each in TOGETHER if folder == each or folder.startswith(f"{each}/")), None)
    return shared or nodeid.split("::", 1)[0]


def _rank(nodeid: str) -> int:
    folder = folder_of(nodeid)
    ranks = (place for place, each in enumerate(SLOWEST_FIRST) if folder == each or folder.startswith(f"{each}/"))
    return next(ranks, len(SLOWEST_FIRST))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `make test` leaves out, and put the slowest folders first, so that they don't end alone."""
    for item in items:
        if part_of(item.nodeid) is not None:
            item.add_marker(pytest.mark.full)
    items.sort(key=lambda item: _rank(item.nodeid))


class FolderScheduling(LoadScopeScheduling):
    """Gives a process one group after another."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        # In the order above, not by the number of tests.
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FolderScheduling | None:
    """Take the place of `--dist=loadscope`."""
    return FolderScheduling(config, log) if config.getvalue("dist") == "loadscope" else None
