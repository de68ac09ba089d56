"""The example workers as git repositories, as if they were hosted somewhere.

Each folder of examples becomes one bare repository with one commit. Author, date and message are fixed, so that the SHA
changes with the content and with nothing else: on every machine the same example has the same commit.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from janitor.domain.errors import StackError

BRANCH = "main"
_GIT_TIMEOUT = timedelta(seconds=60)
_DATE = "2026-01-01T00:00:00+0000"
_IDENTITY = {"NAME": "Janitor examples", "EMAIL": "examples@janitor.invalid", "DATE": _DATE}
_LEFT_OUT = "__pycache__/\n*.pyc\n.venv/\n.DS_Store\n"


def ensure_example_repositories(examples: Path, repositories: Path, inherited: Mapping[str, str]) -> dict[str, str]:
    """Make or refresh one bare repository per example worker.

    Args:
        examples: Folder whose folders are the examples; where it is missing there are none.
        repositories: Where `<name>.git` are kept.
        inherited: Process environment; only PATH is used of it, so that nobody's git configuration matters.

    Returns:
        The commit of each example by name.

    Raises:
        StackError: git isn't there, or failed.
    """
    if not examples.is_dir():
        return {}
    git = _Git(inherited.get("PATH"))
    folders = sorted(folder for folder in examples.iterdir() if folder.is_dir() and not folder.name.startswith("."))
    return {folder.name: _ensure(folder, repositories / f"{folder.name}.git", git) for folder in folders}


def _ensure(folder: Path, repository: Path, git: _Git) -> str:
    if repository.exists() and not (repository / "HEAD").is_file():
        shutil.rmtree(repository)  # the work of a killed `git init`
    if not repository.exists():
        git.run("init", "--quiet", "--bare", f"--initial-branch={BRANCH}", str(repository))
        # Hosting services hand out a commit by its SHA, also after the branch has moved on.
        git.run("--git-dir", str(repository), "config", "uploadpack.allowAnySHA1InWant", "true")
    (repository / "info").mkdir(exist_ok=True)
    (repository / "info" / "exclude").write_text(_LEFT_OUT)
    with tempfile.TemporaryDirectory(prefix="janitor-index-") as scratch:
        work = git.at(repository, folder, Path(scratch) / "index")
        work.run("add", "--all", "--", ".")
        tree = work.run("write-tree")
        commit = work.run("commit-tree", tree, "-m", f"Example worker {folder.name}")
        head = work.run("for-each-ref", "--format=%(objectname)", f"refs/heads/{BRANCH}")
        if head != commit:
            work.run("update-ref", f"refs/heads/{BRANCH}", commit)
    return commit


class _Git:
    """git without anybody's configuration, hooks or home."""

    def __init__(self, path: str | None, extra: Mapping[str, str] | None = None) -> None:
        executable = shutil.which("git", path=path)
        if executable is None:
            raise StackError("git isn't installed, or isn't on PATH; install git")
        self._executable = executable
        self._path = path
        self._environment = {
            "PATH": path or "",
            "HOME": "/nonexistent",
            "LC_ALL": "C",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            **{f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in _IDENTITY.items()},
            **(extra or {}),
        }

    def at(self, repository: Path, folder: Path, index: Path) -> _Git:
        """Return git that takes its files from a folder, and keeps them in a repository."""
        return _Git(
            self._path,
            {"GIT_DIR": str(repository), "GIT_WORK_TREE": str(folder), "GIT_INDEX_FILE": str(index)},
        )

    def run(self, *arguments: str) -> str:
        """Run one command and return its output. Raises StackError when it fails."""
        settings = ("-c", "core.autocrlf=false", "-c", "core.bare=false", "-c", "gc.auto=0", "-c", "safe.directory=*")
        options = settings if "GIT_DIR" in self._environment else ()
        try:
            result = subprocess.run(
                [self._executable, *options, *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                env=self._environment,
                cwd=self._environment.get("GIT_WORK_TREE"),
                timeout=_GIT_TIMEOUT.total_seconds(),
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as exc:
            raise StackError(f"git {arguments[0]} for an example worker failed: {exc}") from exc
        if result.returncode != 0:
            raise StackError(f"git {arguments[0]} for an example worker failed: {result.stderr.strip()}")
        return result.stdout.strip()
