"""Removing the logs that nobody rotates: Airflow begins a folder a day for what parsing DAG files said."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

RETENTION = timedelta(days=7)


def remove_old_logs(folder: Path, today: date) -> list[Path]:
    """Remove the folders of days that are further back than the retention; others stay.

    Args:
        folder: Holds one folder per day, named like 2026-01-31; it may be missing.
        today: The present day, in UTC as Airflow names its folders.

    Returns:
        What was removed.
    """
    if not folder.is_dir():
        return []
    old = [entry for entry in sorted(folder.iterdir()) if _is_older(entry, today)]
    for entry in old:
        shutil.rmtree(entry, ignore_errors=True)  # a log that can't be removed is no reason not to start
    return old


def _is_older(entry: Path, today: date) -> bool:
    try:
        day = date.fromisoformat(entry.name)
    except ValueError:
        return False
    return not entry.is_symlink() and today - day > RETENTION
