"""A checkout on somebody's own machine, taken as it lies there: what git ignores doesn't count, changes are named.

Git's own settings in it are the repository's: none that starts a program takes part.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from janitor.guest.processes.supervisor import LineSink, Outcome, ProcessStartError, run
from janitor.inspection.tree import RepositoryTree
from janitor.validator.settings import Settings

_LIMIT = timedelta(seconds=30)
_SAFE = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "safe.directory=*")
_WITHOUT_WARNINGS = ("sh", "-c", 'exec "$@" 2>/dev/null', "sh")
_MOST_CHANGES = 50
_MOST_BYTES = 64 * 1024 * 1024
_NO_FILTER = {"clean": "", "smudge": "", "process": "", "required": "false"}


@dataclass(frozen=True, kw_only=True)
class LocalCheckout:
    """A folder with a worker."""

    tree: RepositoryTree
    commit_sha: str | None
    """None before the first commit, and outside of git."""
    changes: tuple[str, ...]
    """What differs from the commit, as `git status` lists it."""
    why_not_git: str | None
    """Why every file of the folder counts; None where git says which do."""


def read_local_checkout(path: Path, settings: Settings, neutral: Path) -> LocalCheckout:
    """Take a folder as it lies there.

    Args:
        path: The folder.
        settings: Where git is.
        neutral: An empty folder, which stands for git's home.
    """

    env = {
        "PATH": settings.path,
        "HOME": str(neutral),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        # A repository can lack objects on purpose, and name a program to fetch them with.
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": "none",
    }

    def git(*arguments: str, sink: LineSink | None = None) -> Outcome | str:
        try:
            argv = ["git", *_SAFE, "-C", str(path), *arguments]
            # What git warns of would stand among the names that it lists.
            argv = [*_WITHOUT_WARNINGS, *argv] if sink is not None else argv
            return run(argv, cwd=neutral, env=env, limit=_LIMIT, confined=False, sink=sink)
        except ProcessStartError as exc:
            return f"git can't be started: {exc}"

    names = _Names()
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard", sink=names.add)
    if isinstance(listed, str) or listed.exit_code != 0 or names.is_cut:
        why = listed if isinstance(listed, str) else "the folder is not in a git repository"
        why = "git lists more files than are read" if names.is_cut else why
        return LocalCheckout(tree=RepositoryTree(path), commit_sha=None, changes=(), why_not_git=why)
    settings_names = _Names()
    git("config", "--list", "--name-only", "-z", "--includes", sink=settings_names.add)
    env.update(_without_filters(settings_names.all))
    head = git("rev-parse", "--quiet", "--verify", "HEAD^{commit}")
    # What is changed within a submodule would be asked of its own settings.
    status = git("status", "--porcelain=v1", "--untracked-files=normal", "--ignore-submodules=dirty", "--", ".")
    return LocalCheckout(
        tree=RepositoryTree(path, only=names.all),
        commit_sha=_lines(head)[0] if _lines(head) else None,
        changes=tuple(_lines(status)[:_MOST_CHANGES]),
        why_not_git=None,
    )


class _Names:
    """Takes names that end with NUL as they are printed, in whatever encoding."""

    def __init__(self) -> None:
        self._content = bytearray()
        self.is_cut = False

    def add(self, piece: bytes) -> None:
        """Take the next piece."""
        self.is_cut = self.is_cut or len(self._content) + len(piece) > _MOST_BYTES
        if not self.is_cut:
            self._content += piece

    @property
    def all(self) -> list[str]:
        """The names, as the file system's functions take them."""
        return [os.fsdecode(name) for name in bytes(self._content).split(b"\0") if name]


def _without_filters(names: Sequence[str]) -> dict[str, str]:
    """Settings from the environment in which no filter is a program: `git status` would run those of changed files."""
    found = {name.rpartition(".")[0] for name in names if name.lower().startswith("filter.")}
    pairs = [(f"{each}.{key}", value) for each in sorted(found) for key, value in _NO_FILTER.items()]
    env = {"GIT_CONFIG_COUNT": str(len(pairs))}
    for index, (key, value) in enumerate(pairs):
        env[f"GIT_CONFIG_KEY_{index}"], env[f"GIT_CONFIG_VALUE_{index}"] = key, value
    return env


def _lines(outcome: Outcome | str) -> list[str]:
    return [] if isinstance(outcome, str) or outcome.exit_code != 0 else outcome.output.text.splitlines()
