"""Only a uv that is known to build nothing resolves anything outside an engine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from janitor.validator.checks.static.python.tested_uv import OLDEST_UV, NoTestedUvError, find_tested_uv

OLDEST = ".".join(map(str, OLDEST_UV))


def program(folder: Path, text: str) -> Path:
    folder.mkdir()
    path = folder / "uv"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def found(tmp_path: Path, *folders: Path) -> str:
    path = os.pathsep.join([*map(str, folders), "/usr/bin", "/bin"])
    return find_tested_uv(path, cwd=tmp_path, env={"PATH": path, "HOME": str(tmp_path)})


@pytest.fixture(autouse=True)
def interpreter_without_uv(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))


@pytest.mark.parametrize("version", [f"uv {OLDEST}", "uv 0.13.9 (abc 2026-01-01)", "uv 1.0.0"])
def test_new_enough(tmp_path, version):
    uv = program(tmp_path / "a", f"echo '{version}'")
    assert found(tmp_path, uv.parent) == str(uv)


@pytest.mark.parametrize(
    "text", ["echo 'uv 0.4.30'", "echo 'uv 0.5.30'", "echo no version", "exit 1", "echo 'uv 9.9.9'; exit 1"]
)
def test_too_old_or_no_uv_at_all(tmp_path, text):
    with pytest.raises(NoTestedUvError, match=f"there is no uv from {OLDEST} on .*install uv"):
        found(tmp_path, program(tmp_path / "a", text).parent)


def test_next_one_on_the_path_is_taken(tmp_path):
    old, new = program(tmp_path / "a", "echo 'uv 0.4.30'"), program(tmp_path / "b", "echo 'uv 0.9.0'")
    assert found(tmp_path, old.parent, new.parent) == str(new)


def test_relative_folder_of_the_path_is_not_searched(tmp_path, monkeypatch):
    program(tmp_path / "a", f"touch {tmp_path / 'mark'}; echo 'uv 1.0.0'")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NoTestedUvError, match="none on PATH"):
        find_tested_uv("a:.", cwd=tmp_path, env={"PATH": "a:."})
    assert not (tmp_path / "mark").exists()
