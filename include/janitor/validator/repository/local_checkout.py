"""A checkout on somebody's own machine, taken as it lies there: what git ignores doesn't count, changes are named.

Git's own settings in it are the repository's: none that starts a program takes part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from janitor.validator.processes.supervisor import Outcome, ProcessStartError, run
from janitor.validator.repository.tree import RepositoryTree
from janitor.validator.settings import Settings

_LIMIT = timedelta(seconds=30)
_SAFE = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "safe.directory=*")
_MOST_CHANGES = 50


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

    def git(*arguments: str) -> Outcome | str:
        env = {
            "PATH": settings.path,
            "HOME": str(neutral),
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_TERMINAL_PROMPT": "0",
        }
        try:
            argv = ["git", *_SAFE, "-C", str(path), *arguments]
            return run(argv, cwd=neutral, env=env, limit=_LIMIT, confined=False)
        except ProcessStartError as exc:
            return f"git can't be started: {exc}"

    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    if isinstance(listed, str) or listed.exit_code != 0 or not _is_whole(listed):
        why = listed if isinstance(listed, str) else "the folder is not in a git repository"
        return LocalCheckout(tree=RepositoryTree(path), commit_sha=None, changes=(), why_not_git=why)
    head = git("rev-parse", "--quiet", "--verify", "HEAD^{commit}")
    status = git("status", "--porcelain=v1", "--untracked-files=normal", "--", ".")
    return LocalCheckout(
        tree=RepositoryTree(path, only=_names(listed)),
        commit_sha=_lines(head)[0] if _lines(head) else None,
        changes=tuple(_lines(status)[:_MOST_CHANGES]),
        why_not_git=None,
    )


def _is_whole(outcome: Outcome) -> bool:
    return outcome.output.size_bytes == len(outcome.output.content)


def _names(outcome: Outcome) -> Sequence[str]:
    return [name for name in outcome.output.text.split("\0") if name]


def _lines(outcome: Outcome | str) -> list[str]:
    return [] if isinstance(outcome, str) or outcome.exit_code != 0 else outcome.output.text.splitlines()
