"""Removing the logs that nobody rotates.

Airflow begins a folder a day for what parsing DAG files said, and one for each run; the reaper's runs are 2,880 a day.
"""

from __future__ import annotations

import shutil
from datetime import date, datetime, timedelta
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
    return _remove([entry for entry in sorted(folder.iterdir()) if _is_older(entry, today)])


def remove_old_run_logs(task_logs: Path, dag_id: str, before: datetime) -> list[Path]:
    """Remove the folders of a DAG's runs in which nothing was made since; other DAGs' stay.

    Args:
        task_logs: Holds `dag_id=…/run_id=…`; it may be missing.
        dag_id: The DAG.
        before: What is older goes.

    Returns:
        What was removed.
    """
    old = []
    for entry in sorted(task_logs.glob(f"dag_id={dag_id}/run_id=*")):
        if not entry.is_symlink() and entry.stat().st_mtime < before.timestamp():
            old.append(entry)
    return _remove(old)


def _remove(folders: list[Path]) -> list[Path]:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)  # a log that can't be removed is no reason not to start
    return folders


def _is_older(entry: Path, today: date) -> bool:
    try:
        day = date.fromisoformat(entry.name)
    except ValueError:
        return False
    return not entry.is_symlink() and today - day > RETENTION
