"""Airflow's own programs with Janitor's plugins: none starts without its environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def airflow(home: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """A command that every Airflow has, started as its components are."""
    return subprocess.run(
        [sys.executable, "-m", "airflow", "config", "get-value", "core", "dags_folder"],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "AIRFLOW_HOME": str(home / "airflow"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "PYTHONPATH": str(ROOT / "include"),
            **environ,
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_airflow_refuses_to_start_without_an_environment(tmp_path: Path) -> None:
    refused = airflow(tmp_path)
    assert refused.returncode == 1
    assert "error: JANITOR_ENV is not set in this component of Airflow" in refused.stderr
    assert "Traceback" not in refused.stderr
    started = airflow(tmp_path, JANITOR_ENV="prod")
    assert started.returncode == 0, started.stderr
    assert started.stdout.strip().endswith(str(ROOT / "dags"))
