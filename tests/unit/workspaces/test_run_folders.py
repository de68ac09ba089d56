"""The folder of a run: names stay apart, and nothing is written outside of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from janitor.domain.errors import WorkspaceError
from janitor.domain.workspace.names import LONGEST, file_name
from janitor.services.workspaces.run_folder import RunFolder
from tests.support.leases import lease

ROOT = Path(__file__).resolve().parents[3]

names = st.text(min_size=1, max_size=300) | st.sampled_from(["..", ".", "a/b", "a-b", "a%2Fb", "/", "\0", "%", "%~"])


@given(names, names)
def test_two_names_are_two_files_and_each_one_component(first: str, second: str) -> None:
    assert (file_name(first) == file_name(second)) == (first == second)
    for name in (file_name(first), file_name(second)):
        assert len(name.encode()) <= LONGEST
        assert re.fullmatch(r"[A-Za-z0-9_~%-][A-Za-z0-9_.~%-]*", name)


def test_long_names_that_begin_alike_stay_apart_and_empty_ones_are_refused() -> None:
    assert file_name("x" * 500) != file_name("x" * 501)
    assert file_name("run-1") == "run-1"
    with pytest.raises(ValueError, match="empty"):
        file_name("")


def test_artefacts_of_attempts_and_fences_stay_apart(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "runs", "a/b")
    paths = {
        run.artefact(shard, attempt, lease(fence), name)
        for shard in ("s/1", "s-1", "..")
        for attempt in (1, 2)
        for fence in (1, 2)
        for name in ("baseline.json", "../baseline.json")
    }
    assert len(paths) == 3 * 2 * 2 * 2
    for path in paths:
        run.write(path, str(path).encode())
    assert all(path.read_text() == str(path) and path.is_relative_to(run.path) for path in paths)
    assert list((tmp_path / "runs").iterdir()) == [run.path]
    assert run.path.stat().st_mode & 0o777 == 0o700
    assert not list(run.path.rglob("*.new"))


@pytest.mark.parametrize("outside", ["../other/x", "../../x", "/elsewhere/x", "artefacts/../../x"])
def test_what_leads_out_of_the_run_is_refused(tmp_path: Path, outside: str) -> None:
    run = RunFolder(tmp_path / "runs", "r")
    with pytest.raises(WorkspaceError, match="is not in the folder of run r"):
        run.write(run.path / outside, b"x")
    assert not list(tmp_path.rglob("x"))


def test_a_link_in_the_way_is_not_followed(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "runs", "r")
    run.make(run.path)
    (tmp_path / "elsewhere").mkdir()
    (run.path / "artefacts").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(WorkspaceError, match="something else lies there"):
        run.write(run.artefact("s", 1, lease(1), "x"), b"x")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_file_that_is_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "runs", "r")
    path = run.artefact("s", 1, lease(1), "x")
    run.write(path, b"old")
    path.unlink()
    target = tmp_path / "target"
    target.write_text("theirs")
    path.symlink_to(target)
    run.write(path, b"new")
    assert (path.read_bytes(), path.is_symlink(), target.read_text()) == (b"new", False, "theirs")


def test_maintenance_writes_files_in_these_modules_alone() -> None:
    """Whatever else has something to keep asks `RunFolder`; mirrors and trees have folders of their own."""
    writing = re.compile(r"\.write_(?:text|bytes)\(|\.mkdir\(|os\.open\(|copyfile\(|open\(\"[aw]|\.symlink_to\(")
    found = {
        path.name
        for path in (ROOT / "include" / "janitor" / "services" / "workspaces").glob("*.py")
        if writing.search(path.read_text(encoding="utf-8"))
    }
    assert found == {"git.py", "mirror.py", "run_folder.py", "staging.py", "tree.py", "turns.py"}
