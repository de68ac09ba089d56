"""How the suite is spread over processes: a folder that shares a stack stays together, others go by the module.

Servers that a folder's modules share cost seconds: each process that gets some of them starts its own, and ends it with
the last one in a row.
"""

from __future__ import annotations

import gc
import signal
from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from localcloud.trees import spread_subfolders
from tests.durations import seconds_of_modules
from tests.selection import part_of

if TYPE_CHECKING:
    from tests.support.quick_cloud import QuickCloud

TESTS = Path(__file__).resolve().parent
NOT_FULL = "not full"
"""How `make test` and `make test-quick` say what they leave out."""
TOGETHER = ("dags", "integration/stack")
"""Folders whose modules share a whole stack: each stays in one process, which begins with it."""
LAST_OF_ITS_FOLDER = ("tests/dags/test_history_pruning.py",)
"""What waits for something that the other tests of its folder bring along by taking their time."""


def folder_of(nodeid: str) -> str:
    """The folder of tests that a test is in, for example `integration/stack` or `unit/domain`."""
    return "/".join(PurePosixPath(nodeid.split("::", 1)[0]).parts[1:-1])


def group_of(nodeid: str) -> str:
    """What stays together in one process: a folder that shares a stack, else a module."""
    folder = folder_of(nodeid)
    shared = next((each for each in TOGETHER if folder == each or folder.startswith(f"{each}/")), None)
    return shared or nodeid.split("::", 1)[0]


class Order:
    """What is begun first: what shares a stack, then folder by folder what takes longest, and last what has no server.

    A folder's modules share servers, which a process ends with the last one in a row. The modules of unit tests are
    short: they fill what time is left in each process.
    """

    def __init__(self, seconds: Mapping[str, float]) -> None:
        self._seconds = seconds
        self._of_folders: defaultdict[str, float] = defaultdict(float)
        for module, value in seconds.items():
            self._of_folders[str(PurePosixPath(module).parent)] += value

    def rank(self, nodeid: str) -> tuple[Any, ...]:
        """By what the tests of a process are sorted."""
        module = nodeid.split("::", 1)[0].removeprefix("tests/")
        group = group_of(nodeid)
        if group in TOGETHER:
            return 0, TOGETHER.index(group), nodeid.startswith(LAST_OF_ITS_FOLDER)
        folder = folder_of(nodeid)
        return (
            1 if folder.startswith("integration") else 2,
            -self._of_folders.get(folder, 0.0),
            folder,
            -self._seconds.get(module, 0.0),
            module,
        )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Don't even import, in each process, what the whole of is left out."""
    if config.getoption("markexpr") != NOT_FULL or not collection_path.is_relative_to(TESTS):
        return None
    return part_of(f"tests/{collection_path.relative_to(TESTS).as_posix()}") is not None or None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage while all modules are imported, nor later among what they made: none of it goes."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `make test` leaves out, and put the slowest folders first, so that they don't end alone."""
    for item in items:
        if part_of(item.nodeid) is not None:
            item.add_marker(pytest.mark.full)
    order = Order(seconds_of_modules())
    items.sort(key=lambda item: order.rank(item.nodeid))


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


@pytest.fixture(scope="session", autouse=True)
def _interrupts_arrive() -> None:
    """A shell that starts the suite in the background has SIGINT ignored, and so would every program of a test."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _folders_of_tests_apart(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests make and remove whole environments beside each other."""
    spread_subfolders(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def quick_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QuickCloud]:
    """Started for whoever asks for it first: it takes seconds, of which unit tests need none."""
    from tests.support.quick_cloud import running_quick_cloud

    with running_quick_cloud(tmp_path_factory) as running:
        yield running
