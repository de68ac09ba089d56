"""A wheel, installed with what it declares into an environment that has nothing, works from any folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.timeout(900)


def run(*command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_it_is_built_installed_and_used(tmp_path: Path) -> None:
    tree, wheels, venv, folder = (tmp_path / name for name in ("tree", "wheels", "venv", "anywhere"))
    left = shutil.ignore_patterns(".git", ".venv", ".local", "__pycache__", "build", "dist", "*.egg-info", "tests")
    shutil.copytree(ROOT, tree, ignore=left, symlinks=True)
    folder.mkdir()
    built = run(
        *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"),
        *("--wheel-dir", str(wheels), str(tree)),
        folder=folder,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = wheels.glob("janitor-*.whl")
    made = run(sys.executable, "-m", "venv", str(venv), folder=folder)
    assert made.returncode == 0, made.stderr
    installed = run(str(venv / "bin/python"), "-m", "pip", "install", "--quiet", f"{wheel}[command]", folder=folder)
    assert installed.returncode == 0, installed.stderr
    janitor = str(venv / "bin" / "janitor")
    told = run(janitor, "--help", folder=folder)
    assert (told.returncode, "check-config" in told.stdout) == (0, True), told.stderr
    checked = run(janitor, "check-config", "infra/workers-config.yaml", folder=folder)
    assert checked.returncode == 0, checked.stderr
    examined = run(janitor, "doctor", "--env", "dev", "--json", folder=folder)
    assert "JANITOR_BUCKET" in examined.stdout + examined.stderr
    assert list(folder.iterdir()) == []
