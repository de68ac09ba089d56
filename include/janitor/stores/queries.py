"""The named queries of `queries/*.sql`, as functions of a connection."""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import aiosql


@cache
def named_queries() -> Any:
    """Load every named query once per process.

    Returns:
        An object with one method per ``-- name:`` in the files; the parameters are those named there.
    """
    folder = resources.files("janitor.stores") / "queries"
    return aiosql.from_path(Path(str(folder)), "psycopg")
