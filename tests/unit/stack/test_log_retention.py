"""Old logs go, everything else stays."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from janitor.stack.log_retention import remove_old_logs

TODAY = date(2026, 3, 10)


def test_only_folders_of_old_days_are_removed(tmp_path: Path) -> None:
    for name in ("2026-03-02", "2026-03-03", "2026-03-10", "not a day"):
        (tmp_path / name / "dags").mkdir(parents=True)
    (tmp_path / "latest").symlink_to("2026-03-02")
    assert [path.name for path in remove_old_logs(tmp_path, TODAY)] == ["2026-03-02"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2026-03-03", "2026-03-10", "latest", "not a day"]


def test_a_missing_folder_is_nothing(tmp_path: Path) -> None:
    assert remove_old_logs(tmp_path / "missing", TODAY) == []
