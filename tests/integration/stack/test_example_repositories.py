"""Example workers as git repositories."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from janitor.domain.errors import StackError
from janitor.stack.example_repositories import ensure_example_repositories

PATH = {"PATH": os.environ["PATH"]}


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    folder = tmp_path / "workers"
    (folder / "good").mkdir(parents=True)
    (folder / "good" / "handler.py").write_text("print(1)\n")
    (folder / "good" / "start.sh").write_text("#!/bin/sh\n")
    (folder / "good" / "start.sh").chmod(0o755)
    (folder / "good" / "__pycache__").mkdir()
    (folder / "good" / "__pycache__" / "handler.pyc").write_bytes(b"\0")
    (folder / "other").mkdir()
    (folder / "other" / "README.md").write_text("other\r\n")
    (folder / "a file").write_text("no worker")
    return folder


@pytest.fixture
def repositories(tmp_path: Path) -> Path:
    folder = tmp_path / "repositories"
    folder.mkdir()
    return folder


def git(*arguments: str, cwd: Path | None = None) -> str:
    return subprocess.run(
        ["git", "-c", "safe.directory=*", *arguments], cwd=cwd, check=True, capture_output=True, text=True, timeout=30
    ).stdout.strip()


def test_a_clone_has_the_files_as_they_are(examples: Path, repositories: Path, tmp_path: Path) -> None:
    commits = ensure_example_repositories(examples, repositories, PATH)
    assert sorted(commits) == ["good", "other"]
    clone = tmp_path / "clone"
    git("clone", "--quiet", f"file://{repositories}/good.git", str(clone))
    assert git("rev-parse", "HEAD", cwd=clone) == commits["good"]
    assert git("rev-parse", "--abbrev-ref", "HEAD", cwd=clone) == "main"
    assert sorted(git("ls-files", cwd=clone).split()) == ["handler.py", "start.sh"]
    assert os.access(clone / "start.sh", os.X_OK)
    assert git("show", f"{commits['other']}:README.md", cwd=repositories / "other.git") == "other"
    assert git("cat-file", "-s", f"{commits['other']}:README.md", cwd=repositories / "other.git") == "7"


def test_the_commit_depends_on_the_content_alone(
    examples: Path, repositories: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ensure_example_repositories(examples, repositories, PATH)
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(examples, elsewhere / "workers")
    (elsewhere / "repositories").mkdir()
    hostile = tmp_path / "home"
    hostile.mkdir()
    (hostile / ".gitconfig").write_text(
        "[user]\nname = me\n[core]\nautocrlf = true\nhooksPath = /\n[commit]\ngpgSign = true\n"
    )
    monkeypatch.setenv("HOME", str(hostile))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "somebody else")
    monkeypatch.setenv("GIT_DIR", str(hostile))
    assert ensure_example_repositories(elsewhere / "workers", elsewhere / "repositories", PATH) == first


def test_a_changed_example_is_refreshed_and_its_old_commit_stays_available(
    examples: Path, repositories: Path, tmp_path: Path
) -> None:
    first = ensure_example_repositories(examples, repositories, PATH)
    assert ensure_example_repositories(examples, repositories, PATH) == first
    (examples / "good" / "handler.py").unlink()
    (examples / "good" / "new.py").write_text("print(2)\n")
    second = ensure_example_repositories(examples, repositories, PATH)
    assert second["good"] != first["good"]
    assert second["other"] == first["other"]
    assert git("ls-tree", "--name-only", "main", cwd=repositories / "good.git").split() == ["new.py", "start.sh"]
    clone = tmp_path / "clone"
    git("init", "--quiet", str(clone))
    git("fetch", "--quiet", f"file://{repositories}/good.git", first["good"], cwd=clone)
    assert "handler.py" in git("ls-tree", "--name-only", "FETCH_HEAD", cwd=clone)


def test_a_half_made_repository_is_made_anew(examples: Path, repositories: Path) -> None:
    (repositories / "good.git" / "objects").mkdir(parents=True)
    assert "good" in ensure_example_repositories(examples, repositories, PATH)
    assert git("rev-parse", "--is-bare-repository", cwd=repositories / "good.git") == "true"


def test_without_examples_there_are_no_repositories(tmp_path: Path, repositories: Path) -> None:
    assert ensure_example_repositories(tmp_path / "missing", repositories, {}) == {}


def test_missing_git_is_told(examples: Path, repositories: Path, tmp_path: Path) -> None:
    with pytest.raises(StackError, match="install git"):
        ensure_example_repositories(examples, repositories, {"PATH": str(tmp_path)})
