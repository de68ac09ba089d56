"""A checkout on somebody's own machine, taken as it lies there: what git ignores doesn't count, changes are named.

Git's own settings in it are the repository's: none that starts a program takes part. A folder that git knows nothing
of is taken whole only where it is small and holds a Dockerfile: nobody waits for a walk through a home or a /tmp.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from pathlib import Path

from janitor.guest.git_settings import overriding
from janitor.guest.processes.supervisor import LineSink, Outcome, ProcessStartError, run
from janitor.inspection.tree import RepositoryTree
from janitor.validator.settings import Settings

_LIMIT = timedelta(seconds=30)
_QUICK = timedelta(seconds=5)
_LOOK = timedelta(seconds=5)
"""For a disk that is slow itself; what is too large is told by its number of names, long before."""
_MOST_ENTRIES = 5_000
"""Of a folder outside of git; a worker's own files are a fraction of it."""
_NEXT = "name a worker's folder, as in `janitor validate path/to/worker`"
_SAFE = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "safe.directory=*")
_WITHOUT_WARNINGS = ("sh", "-c", 'exec "$@" 2>/dev/null', "sh")
_MOST_CHANGES = 50
_MOST_BYTES = 64 * 1024 * 1024
_NO_FILTER = {"clean": "", "smudge": "", "process": "", "required": "false"}


class NoCheckoutError(Exception):
    """A folder that is no checkout of a worker; the message says why, and what to do."""


class GitListing(Enum):
    """Whether git said which files count."""

    LISTED = "listed"
    NO_GIT = "no git"  # the folder is in no git repository, or there is no git here
    NO_ANSWER = "no answer"  # it is in one, and git did not list its files


@dataclass(frozen=True, kw_only=True)
class LocalCheckout:
    """A folder with a worker."""

    tree: RepositoryTree
    commit_sha: str | None
    """None before the first commit, and outside of git."""
    changes: tuple[str, ...]
    """What differs from the commit, as `git status` lists it."""
    listing: GitListing = GitListing.LISTED
    why_not_git: str | None = None
    """Why every file of the folder counts, or none could be listed; None where git says which do."""


def require_checkout(path: Path, settings: Settings, neutral: Path) -> None:
    """Refuse at once what is no checkout of a worker.

    Args:
        path: The folder.
        settings: Where git is.
        neutral: An empty folder, which stands for git's home.

    Raises:
        NoCheckoutError: It is the inside of a git repository; or it is outside of git, and either too large for a
            worker's folder or without a Dockerfile.
    """
    said = _git(path, settings, neutral)("rev-parse", "--is-inside-work-tree", limit=_QUICK)
    inside = _lines(said)
    if inside:
        if inside[0] != "true":
            raise NoCheckoutError(f"{path} is the inside of a git repository, not its files; {_NEXT}")
        return
    has_dockerfile = False
    began = time.monotonic()
    for count, name in enumerate(_names_below(path)):
        has_dockerfile = has_dockerfile or "dockerfile" in name.lower()
        if count == _MOST_ENTRIES or time.monotonic() - began > _LOOK.total_seconds():
            raise NoCheckoutError(
                f"{path} is no git checkout, and holds more than a worker's files; {_NEXT}, or say with `git init` and"
                " a .gitignore which of its files count"
            )
    if not has_dockerfile:
        raise NoCheckoutError(f"{path} is no git checkout, and no Dockerfile lies in it; {_NEXT}")


def _names_below(path: Path) -> Iterator[str]:
    """The names of all that is in a folder, one at a time: of a large one only the first are ever listed."""
    waiting = [str(path)]
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                yield entry.name
                if entry.name != ".git" and entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)


def read_local_checkout(path: Path, settings: Settings, neutral: Path) -> LocalCheckout:
    """Take a folder as it lies there.

    Args:
        path: The folder.
        settings: Where git is.
        neutral: An empty folder, which stands for git's home.
    """
    git = _git(path, settings, neutral)
    names = _Names()
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard", sink=names.add)
    if isinstance(listed, str) or listed.exit_code != 0 or names.is_cut:
        return _not_listed(path, listed, is_cut=names.is_cut)
    settings_names = _Names()
    git("config", "--list", "--name-only", "-z", "--includes", sink=settings_names.add)
    git.env.update(_without_filters(settings_names.all))
    head = git("rev-parse", "--quiet", "--verify", "HEAD^{commit}")
    # What is changed within a submodule would be asked of its own settings.
    status = git("status", "--porcelain=v1", "--untracked-files=normal", "--ignore-submodules=dirty", "--", ".")
    return LocalCheckout(
        tree=RepositoryTree(path, only=names.all, modes=_index_modes(git)),
        commit_sha=_lines(head)[0] if _lines(head) else None,
        changes=tuple(_lines(status)[:_MOST_CHANGES]),
    )


def _not_listed(path: Path, listed: Outcome | str, *, is_cut: bool) -> LocalCheckout:
    if isinstance(listed, Outcome) and (is_cut or listed.exit_code is None):
        # Every file of such a folder would be walked through, those that git ignores too.
        took = "lists more files than are read" if is_cut else f"did not list the files in {listed.seconds:.0f} s"
        why = f"git {took}; {_NEXT}"
        return LocalCheckout(
            tree=RepositoryTree(path, only=()),
            commit_sha=None,
            changes=(),
            listing=GitListing.NO_ANSWER,
            why_not_git=why,
        )
    why = listed if isinstance(listed, str) else "the folder is not in a git repository"
    return LocalCheckout(
        tree=RepositoryTree(path), commit_sha=None, changes=(), listing=GitListing.NO_GIT, why_not_git=why
    )


@dataclass
class _Git:
    """Runs git in a folder; its settings that start programs take no part."""

    path: Path
    neutral: Path
    env: dict[str, str]

    def __call__(self, *arguments: str, sink: LineSink | None = None, limit: timedelta = _LIMIT) -> Outcome | str:
        try:
            argv = ["git", *_SAFE, "-C", str(self.path), *arguments]
            # What git warns of would stand among the names that it lists.
            argv = [*_WITHOUT_WARNINGS, *argv] if sink is not None else argv
            return run(argv, cwd=self.neutral, env=self.env, limit=limit, confined=False, sink=sink)
        except ProcessStartError as exc:
            return f"git can't be started: {exc}"


def _git(path: Path, settings: Settings, neutral: Path) -> _Git:
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
    return _Git(path=path, neutral=neutral, env=env)


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


def _index_modes(git: _Git) -> dict[str, int]:
    """The modes that git has of its files where the file system keeps none; empty where those of the folder count."""
    kept = _lines(git("config", "--type=bool", "--get", "core.fileMode"))
    listed = _Names()
    if kept != ["false"] or isinstance(git("ls-files", "-z", "--stage", sink=listed.add), str) or listed.is_cut:
        return {}
    found = (entry.partition("\t") for entry in listed.all)
    return {name: int(stated[3:6], 8) for stated, _, name in found if stated.startswith("100") and name}


def _without_filters(names: Sequence[str]) -> dict[str, str]:
    """Settings from the environment in which no filter is a program: `git status` would run those of changed files."""
    found = {name.rpartition(".")[0] for name in names if name.lower().startswith("filter.")}
    pairs = [(f"{each}.{key}", value) for each in sorted(found) for key, value in _NO_FILTER.items()]
    return overriding(pairs)


def _lines(outcome: Outcome | str) -> list[str]:
    return [] if isinstance(outcome, str) or outcome.exit_code != 0 else outcome.output.text.splitlines()
