"""Folders that other programs fill."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from localcloud.trees import spread_subfolders


def test_what_the_file_system_was_told_is_what_it_says(tmp_path: Path) -> None:
    lsattr = shutil.which("lsattr")
    if lsattr is None:
        pytest.skip("lsattr is not installed")
    folder = tmp_path / "boxes"
    folder.mkdir()

    told = spread_subfolders(folder)

    shown = subprocess.run([lsattr, "-d", str(folder)], capture_output=True, text=True, check=False).stdout
    assert ("T" in shown.split(" ", 1)[0]) is told
    assert not list(folder.iterdir())


def test_another_file_system_keeps_its_ways() -> None:
    assert not spread_subfolders(Path("/proc/self"))


def test_what_is_no_folder_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("kept")

    assert not spread_subfolders(file)
    assert not spread_subfolders(tmp_path / "nothing")
    assert file.read_text() == "kept"
