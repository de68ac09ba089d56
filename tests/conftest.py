"""How the suite is spread over processes: a folder that shares a stack or a server stays together."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent


@pytest.hookimpl(tryfirst=True)  # before xdist looks for groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test the group of its folder; the slowest folders come first, so that they don't end alone."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item.path)))
    items.sort(key=lambda item: _ORDER.get(_group(item.path), len(_ORDER)))


_ORDER = {"dags": 0, "acceptance": 1, "integration/stack": 2, "integration/validator": 3, "integration/localcloud": 4}


def _group(path: Path) -> str:
    parts = path.relative_to(TESTS).parts[:-1]
    return "/".join(parts[:2] if parts and parts[0] == "integration" else parts[:1]) or "unit"
