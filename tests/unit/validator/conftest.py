"""Material for the validator's unit tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from janitor.inspection.tree import RepositoryTree

REAL_WORKERS = Path(__file__).parents[3].parent / "shared" / "real-workers"


@pytest.fixture(scope="session")
def real_workers() -> Path:
    """Real files and SDK logs; where they aren't at hand the tests that need them skip by name."""
    if not REAL_WORKERS.is_dir():
        pytest.skip(f"{REAL_WORKERS} is not here")
    return REAL_WORKERS


@pytest.fixture
def tree(tmp_path: Path) -> Callable[[Mapping[str, str]], RepositoryTree]:
    """Makes a repository tree of files."""

    def make(files: Mapping[str, str]) -> RepositoryTree:
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return RepositoryTree(tmp_path)

    return make
