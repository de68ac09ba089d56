"""One working tree: made of a mirror, detached and locked, and removed without a trace.

git is told where its folders are, so that a `.git` that somebody puts into the tree is never looked at; what is made in
the tree goes into an object folder of its own.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from janitor.domain.errors import WorkspaceError
from janitor.domain.workspace.lease import Lease
from janitor.services.workspaces.git import Git
from janitor.services.workspaces.machine import LEASE_MARK
from janitor.services.workspaces.mirror import Mirror
from janitor.services.workspaces.staging import LARGEST_PATCH_BYTES, stage_changes

MOST_FILES = 200_000
LARGEST_TREE_BYTES = 8 * 2**30
_ADD_LIMIT = timedelta(minutes=10)
_GITLINK = b"160000"
_ROOM = 2
"""How often a tree must fit on the disk: itself, and what is made of it."""


@dataclass(frozen=True, kw_only=True)
class Tree:
    """The working tree of a lease."""

    mirror: Mirror
    lease: Lease
    path: Path
    objects: Path

    @property
    def admin(self) -> Path:
        """What git keeps of the tree, beside the mirror: named like the tree, whose name is never used twice."""
        return self.mirror.hub / "worktrees" / self.path.name

    @property
    def base(self) -> Path:
        """Holds the commit that was checked out: the work of a tree is what differs from it."""
        return self.objects.with_name(f"{self.objects.name}.base")

    @property
    def git(self) -> Git:
        """git for this tree."""
        more = {
            LEASE_MARK: self.lease.name,
            "GIT_DIR": str(self.admin),
            "GIT_WORK_TREE": str(self.path),
            "GIT_OBJECT_DIRECTORY": str(self.objects),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(self.mirror.path / "objects"),
        }
        return replace(self.mirror.git, more={**self.mirror.git.more, **more})

    def add(self, commit: str) -> None:
        """Check a commit out; the path must not exist.

        Raises:
            WorkspaceError: The path exists, the commit is too large or the disk too full, or git refuses.
        """
        if os.path.lexists(self.path):
            raise WorkspaceError(f"{self.path} exists already, and no two leases have one path; it is left as it is")
        self.mirror.require_untouched()
        self._require_room(commit)
        try:
            self.base.write_text(f"{commit}\n", encoding="ascii")
        except OSError as exc:
            raise WorkspaceError(f"{self.base} can't be written: {exc.strerror}; is the disk full?") from exc
        env = {
            LEASE_MARK: self.lease.name,
            "GIT_DIR": str(self.mirror.hub),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(self.mirror.path / "objects"),
        }
        reason = f"lease {self.lease.lease_id} fence {self.lease.fence}"
        words = ["worktree", "add", "--quiet", "--detach", "--lock", "--reason", reason, "--", str(self.path), commit]
        self.mirror.git(*words, cwd=self.mirror.hub, limit=_ADD_LIMIT, env=env)

    def patch(self) -> bytes:
        """What differs from the commit that was checked out, as `git apply` takes it, commits made since included.

        Empty where nothing does, where no tree is, or where its checkout was never done. What git ignores is left out.

        Raises:
            WorkspaceError: git can't say, or it is too much to be kept.
        """
        # git puts the index there when everything is checked out.
        if not (self.admin / "index").is_file() or not self.path.is_dir() or not self.base.is_file():
            return b""
        index = self.objects.with_name(f"{self.objects.name}.index")
        try:
            shutil.copyfile(self.admin / "index", index)
            env = {"GIT_INDEX_FILE": str(index)}
            stage_changes(self.git, self.path, self.objects, env)
            words = ["diff", "--cached", "--binary", "--full-index", "--no-renames", "--no-ext-diff", "--no-textconv"]
            commit = self.base.read_text(encoding="ascii").strip()
            return self.git.output(*words, commit, "--", cwd=self.path, env=env, most_bytes=LARGEST_PATCH_BYTES)
        except OSError as exc:
            raise WorkspaceError(f"the work in {self.path} can't be read: {exc.strerror}; look at it by hand") from exc
        finally:
            index.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the tree, its objects, and what the mirror has of it; what is gone already is no error.

        Raises:
            WorkspaceError: Something can't be removed.
        """
        # First of all: what is half removed is no work that anybody made.
        self.base.unlink(missing_ok=True)
        for folder in (self.path, self.objects, self.admin):
            remove_folder(folder)
        with contextlib.suppress(OSError):  # others' trees are in it, or it is gone
            self.admin.parent.rmdir()

    def _require_room(self, commit: str) -> None:
        size = files = 0
        words = ["ls-tree", "-r", "-l", "-z", "--full-tree", commit]
        for entry in self.mirror.git.listed(*words, cwd=self.mirror.path, env={"GIT_DIR": str(self.mirror.path)}):
            meta = entry.partition(b"\t")[0].split()
            files += 1
            size += 0 if meta[0] == _GITLINK else int(meta[3])
        if files > MOST_FILES or size > LARGEST_TREE_BYTES:
            raise WorkspaceError(
                f"{self.mirror.url} has {files} files of {size} bytes at {commit[:12]}; a working tree has {MOST_FILES}"
                f" files and {LARGEST_TREE_BYTES} bytes at most"
            )
        free = shutil.disk_usage(self.path.parent).free
        if free < _ROOM * size:
            raise WorkspaceError(
                f"{free} bytes are free in {self.path.parent}; a tree of {self.mirror.url} needs {_ROOM * size}: remove"
                " what isn't used"
            )


def remove_folder(folder: Path) -> None:
    """Remove a folder with all that is in it, whatever its modes; no link is followed.

    Raises:
        WorkspaceError: Something can't be removed.
    """
    if folder.is_symlink():
        folder.unlink()
        return
    for attempt in range(2):
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            return
        except OSError as exc:
            if attempt:
                raise WorkspaceError(f"{exc.filename or folder} can't be removed: {exc.strerror}") from exc
            _open_up(folder)


def _open_up(folder: Path) -> None:
    """Give the owner back what a hostile mode took: a closed folder can't be emptied."""
    folder.chmod(stat.S_IRWXU)
    for at, folders, _ in os.walk(folder):
        for name in folders:
            path = Path(at) / name
            if not path.is_symlink():
                path.chmod(stat.S_IRWXU)
