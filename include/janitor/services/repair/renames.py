"""What a repository's history calls a path of before today."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from janitor.domain.errors import WorkspaceError
from janitor.services.repair.world import UnknownError
from janitor.services.workspaces.git import Git

_MOST_BYTES = 16 * 1024 * 1024
_MOST_COMMITS = 2_000
_SIMILAR = "60%"
_MOST_STEPS = 20


def renames_of(
    git: Git, commit: str, *, cwd: Path, env: Mapping[str, str] | None = None
) -> Callable[[str], tuple[str, ...]]:
    """How to ask the history of a commit.

    Args:
        git: Runs git.
        commit: Its full hash.
        cwd: A folder in which git finds the repository, or any where `env` says it.
        env: Where git's folders are.
    """
    read: dict[str, tuple[str, ...]] | None = None

    def renamed_to(path: str) -> tuple[str, ...]:
        nonlocal read
        if read is None:
            read = _read(git, commit, cwd=cwd, env=env)
        return _ends(read, path)

    return renamed_to


def _read(git: Git, commit: str, *, cwd: Path, env: Mapping[str, str] | None) -> dict[str, tuple[str, ...]]:
    """New names by old ones, as the commits made them."""
    arguments = ["log", "-z", "--format=", "--name-status", f"--find-renames={_SIMILAR}", "--diff-filter=R"]
    arguments += ["--no-ext-diff", "--no-textconv", f"--max-count={_MOST_COMMITS}", "--end-of-options", commit, "--"]
    try:
        content = git.output(*arguments, cwd=cwd, env=env, most_bytes=_MOST_BYTES)
    except WorkspaceError as exc:
        raise UnknownError(f"the history can't be read: {exc}") from exc
    words = content.decode("utf-8", errors="replace").split("\0")
    found: dict[str, tuple[str, ...]] = {}
    index = 0
    while index + 2 < len(words):
        if not words[index].lstrip("\n").startswith("R"):
            index += 1
            continue
        old, new = words[index + 1], words[index + 2]
        found[old] = tuple(dict.fromkeys((*found.get(old, ()), new)))
        index += 3
    return found


def _ends(read: Mapping[str, tuple[str, ...]], path: str) -> tuple[str, ...]:
    """Where a path has come to, through one rename after another."""
    seen, waiting = {path}, [path]
    found: list[str] = []
    for _ in range(_MOST_STEPS):
        following = [new for old in waiting for new in read.get(old, ()) if new not in seen]
        if not following:
            break
        seen.update(following)
        found += following
        waiting = following
    return tuple(found)
