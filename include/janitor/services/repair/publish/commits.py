"""The commit that a repair makes, and what its repository says by now.

It is made of the patch alone, not of the tree's files: what is published is what was proved, whatever else lies there.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from janitor.domain.errors import WorkspaceError
from janitor.domain.repair.offering.mail import AUTHOR_EMAIL, AUTHOR_NAME
from janitor.domain.repair.offering.policy import POLICY_FILE
from janitor.domain.repair.publication import Publication
from janitor.services.workspaces.manager import Workspace

_LARGEST_POLICY = 1_000_000
_MOST_NAMES = 100


def commit_repair(workspace: Workspace, publication: Publication, *, patch: Path, message: Path) -> str:
    """Make the repair's commit in the workspace's own objects; the same publication makes the same commit.

    Args:
        workspace: A tree of the repository.
        publication: What is proved, against which commit.
        patch: Its file.
        message: The file of the commit's message.

    Raises:
        WorkspaceError: git refuses.
    """
    tree = workspace.tree
    index = tree.objects.with_name(f"{tree.objects.name}.publish.index")
    date = f"{int(publication.made_at.timestamp())} +0000"
    who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in _identity(date)}
    env = {"GIT_INDEX_FILE": str(index), **who}
    base = publication.failure.repeated.commit_sha
    try:
        tree.git("read-tree", base, cwd=tree.path, env=env)
        tree.git("apply", "--cached", "--whitespace=nowarn", "--", str(patch), cwd=tree.path, env=env)
        made = _word(workspace, "write-tree", env=env)
        return _word(workspace, "commit-tree", "-p", base, "-F", str(message), made, env=env)
    finally:
        index.unlink(missing_ok=True)


def touched_by(workspace: Workspace, base: str, commit: str) -> list[str]:
    """The paths that differ between two commits.

    Raises:
        WorkspaceError: git refuses.
    """
    words = ["diff", "--name-only", "--no-renames", "-z", base, commit, "--"]
    return [os.fsdecode(each) for each in workspace.tree.git.listed(*words, cwd=workspace.path)]


def moved_on(workspace: Workspace, head: str, *, base: str, paths: Sequence[str]) -> list[str]:
    """Of a patch's files, those that the repository has changed since.

    Raises:
        WorkspaceError: git refuses.
    """
    words = ["diff", "--name-only", "--no-renames", "-z", base, head, "--", *paths]
    return [os.fsdecode(each) for each in workspace.tree.git.listed(*words, cwd=workspace.path)]


def policies_at(workspace: Workspace, commit: str) -> dict[str, str]:
    """The files in which a repository may say what it wants of machines, by path.

    Raises:
        WorkspaceError: git refuses.
    """
    git, path, found = workspace.tree.git, workspace.path, {}
    words = ["ls-tree", "-z", "--name-only", commit, "--", "./", ".github/", "docs/"]
    names = [os.fsdecode(each) for each in git.listed(*words, cwd=path)]
    for name in [each for each in names if POLICY_FILE.fullmatch(each)][:_MOST_NAMES]:
        with contextlib.suppress(WorkspaceError):  # a folder of that name, or too large to be read by anybody
            content = git.output("cat-file", "blob", f"{commit}:{name}", cwd=path, most_bytes=_LARGEST_POLICY)
            found[name] = content.decode(errors="replace")
    return found


def is_ours(workspace: Workspace, commit: str, *, signature: str) -> bool:
    """Whether a commit that was fetched is one of Janitor's for this cause, on a commit of the repository's own: nobody
    has worked on it.

    Raises:
        WorkspaceError: git refuses.
    """
    form = "%an%n%ae%n%cn%n%ce%n%P%n%(trailers:key=Janitor-Signature,valueonly)"
    words = ["log", "-1", "--no-show-signature", f"--format={form}", commit, "--"]
    lines = workspace.tree.git.output(*words, cwd=workspace.path, most_bytes=10_000).decode(errors="replace")
    name, email, committer, committer_email, parents, *trailers = [*lines.split("\n"), "", "", "", "", ""]
    who = (name, email, committer, committer_email)
    if who != (AUTHOR_NAME, AUTHOR_EMAIL) * 2 or len(parents.split()) != 1 or signature not in trailers:
        return False
    mirror = workspace.tree.mirror
    known = mirror.git.attempt("cat-file", "-e", parents, cwd=mirror.path, env={"GIT_DIR": str(mirror.path)})
    return known.exit_code == 0


def _identity(date: str) -> tuple[tuple[str, str], ...]:
    return ("NAME", AUTHOR_NAME), ("EMAIL", AUTHOR_EMAIL), ("DATE", date)


def _word(workspace: Workspace, *arguments: str, env: dict[str, str]) -> str:
    content = workspace.tree.git.output(*arguments, cwd=workspace.path, env=env, most_bytes=1_000)
    return content.decode("ascii", "replace").strip()
