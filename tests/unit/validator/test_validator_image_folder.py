"""The folder that stands for an image: every run finds what the build left."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path, PurePosixPath

import pytest

from janitor.diagnosis.handler.sdk_log import LOCAL_END
from janitor.guest.processes.supervisor import start
from janitor.validator.engines.local_end import wait_for_local_end
from janitor.validator.engines.venv.image_folder import ImageFolder
from janitor.validator.workspace import Workspace

LARGE = 5 * 1024**2


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.make(tmp_path)


@pytest.fixture
def files(workspace: Workspace, tmp_path: Path) -> ImageFolder:
    source = tmp_path / "source"
    source.mkdir()
    (source / "state.json").write_text("{}")
    (source / "model.bin").write_bytes(b"m" * LARGE)
    (source / "link").symlink_to("state.json")
    folder = ImageFolder(workspace)
    names = ("state.json", "model.bin", "link")
    folder.lay_out({f"/app/{name}": PurePosixPath(name) for name in names}, source, "/work")
    folder.make_folder("/app/outputs/images")
    folder.make_folder("/app/state.json/no")
    folder.keep()
    return folder


def shown(folder: ImageFolder) -> list[str]:
    root = folder.real("/")
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def _changes(folder: ImageFolder) -> None:
    folder.real("/app/state.json").write_text("changed in place")
    folder.real("/app/new.txt").write_text("new")
    folder.real("/app/model.bin").unlink()
    folder.real("/app/outputs").chmod(0o500)


def _removes_all(folder: ImageFolder) -> None:
    for path in sorted(folder.real("/").rglob("*"), reverse=True):
        path.unlink() if path.is_symlink() or path.is_file() else path.rmdir()
    folder.real("/").rmdir()


def _is_replaced(folder: ImageFolder) -> None:
    _removes_all(folder)
    folder.real("/").symlink_to("/nowhere")


@pytest.mark.parametrize("harm", [_changes, _removes_all, _is_replaced])
def test_next_run_finds_what_the_build_left(
    files: ImageFolder, workspace: Workspace, tmp_path: Path, harm: Callable[[ImageFolder], None]
):
    files.start_afresh()
    before = shown(files)
    names = ("link", "model.bin", "outputs", "outputs/images", "state.json")
    assert before == ["app", *(f"app/{name}" for name in names), "work"]
    (workspace.home / "cache").mkdir()
    (workspace.temporary / "x").write_text("x")
    harm(files)
    files.start_afresh()
    assert shown(files) == before
    assert files.real("/app/link").read_text() == "{}"
    assert os.listdir(workspace.home) == os.listdir(workspace.temporary) == []
    # What the worker did to its own files is not done to the repository's.
    assert (tmp_path / "source" / "state.json").read_text() == "{}"


def test_large_files_are_not_copied(files: ImageFolder, tmp_path: Path):
    files.start_afresh()
    assert files.real("/app/model.bin").stat().st_ino == (tmp_path / "source" / "model.bin").stat().st_ino
    assert files.real("/app/state.json").stat().st_ino != (tmp_path / "source" / "state.json").stat().st_ino


def test_folder_of_its_own_leaves_the_image_alone(files: ImageFolder, workspace: Workspace, tmp_path: Path):
    own = ImageFolder(workspace, workspace.root / "build-0")
    own.lay_out({"/b/state.json": PurePosixPath("state.json")}, tmp_path / "source", "/b")
    assert own.real("/b/state.json").read_text() == "{}"
    assert not files.real("/b").exists()
    with pytest.raises(OSError, match="build-0"):
        own.lay_out({"/b": PurePosixPath("state.json"), "/b/c": PurePosixPath("link")}, tmp_path / "source", "/b")


def test_no_path_leads_out_of_the_folder(files: ImageFolder):
    assert files.real("/../../etc/passwd") == files.real("/etc/passwd")


@pytest.mark.parametrize(
    ("script", "exit_limit", "ended"),
    [
        ("print('a'); raise SystemExit(3)", 0.1, True),
        (f"import time; print({LOCAL_END!r}, flush=True); time.sleep(600)", 0.1, False),
        (f"print({LOCAL_END!r}, flush=True)", 60, True),
    ],
)
def test_worker_that_has_done_its_job_is_not_waited_for_for_ever(
    tmp_path: Path, script: str, exit_limit: float, ended: bool
):
    with start([sys.executable, "-c", script], cwd=tmp_path, env={}, confined=False) as running:
        assert wait_for_local_end(running, timedelta(seconds=exit_limit)) is ended


def test_what_the_build_takes_away_and_moves_is_where_the_finished_image_has_it(
    workspace: Workspace, tmp_path: Path
) -> None:
    source = tmp_path / "repository"
    source.mkdir()
    for name in ("kept.txt", "gone.txt", "moved.txt"):
        (source / name).write_text(name)
    folder = ImageFolder(workspace)
    copied = {f"/app/{name}": PurePosixPath(name) for name in ("kept.txt", "gone.txt", "moved.txt")}
    folder.lay_out(copied, source, "/app")
    held = {"/app/kept.txt": PurePosixPath("kept.txt"), "/data/there.txt": PurePosixPath("moved.txt")}
    folder.settle(copied, held, source)
    assert shown(folder) == ["app", "app/kept.txt", "data", "data/there.txt"]
    assert folder.real("/data/there.txt").read_text() == "moved.txt"
    assert (source / "gone.txt").exists()
