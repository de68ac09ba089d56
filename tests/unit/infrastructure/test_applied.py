"""Destroy does not go on where nobody could say yes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("arguments", [("destroy",), ("destroy", "--kill-all-workers")])
def test_destroy_does_nothing_where_nobody_can_be_asked(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Not even what comes before it: no instance is ended, no service asked."""
    done = subprocess.run(
        [sys.executable, "-m", "janitor.cli.main", *arguments, "--env", "dev"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "include"), "JANITOR_STATE_DIR": str(tmp_path / "s")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert "give --yes (`make`: YES=1) to remove everything of ENV=dev. Nothing was changed" in done.stderr
    assert not (tmp_path / "s").exists()
