"""Old logs go, everything else stays."""

from __future__ import annotations

import os
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

from janitor.stack.state.log_retention import remove_old_logs, remove_old_run_logs

TODAY = date(2026, 3, 10)


def test_only_folders_of_old_days_are_removed(tmp_path: Path) -> None:
    for name in ("2026-03-02", "2026-03-03", "2026-03-10", "not a day"):
        (tmp_path / name / "dags").mkdir(parents=True)
    (tmp_path / "latest").symlink_to("2026-03-02")
    assert [path.name for path in remove_old_logs(tmp_path, TODAY)] == ["2026-03-02"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2026-03-03", "2026-03-10", "latest", "not a day"]


def test_a_missing_folder_is_nothing(tmp_path: Path) -> None:
    assert remove_old_logs(tmp_path / "missing", TODAY) == []


def test_only_old_runs_of_the_one_dag_lose_their_logs(tmp_path: Path) -> None:
    now = datetime(2026, 3, 10, tzinfo=timezone.utc)
    for name, age in (
        ("dag_id=reap_instances/run_id=old", timedelta(days=3)),
        ("dag_id=reap_instances/run_id=new", timedelta(hours=1)),
        ("dag_id=validate_workers/run_id=old", timedelta(days=3)),
    ):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        (folder / "attempt=1.log").write_text("x")
        os.utime(folder, ((now - age).timestamp(),) * 2)
    removed = remove_old_run_logs(tmp_path, "reap_instances", now - timedelta(days=2))
    assert [path.name for path in removed] == ["run_id=old"]
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.glob("*/*"))
    assert left == ["dag_id=reap_instances/run_id=new", "dag_id=validate_workers/run_id=old"]
    assert remove_old_run_logs(tmp_path / "missing", "reap_instances", now) == []
