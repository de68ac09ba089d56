"""The mirror of a repository: what every working tree of it comes of, fetched once for all of them.

Invariant: one process at a time writes in a mirror, under a lock that ends with that process, and it writes by fetching
alone. Working trees belong to a second repository beside it, which has nothing of its own but them, and put their
objects elsewhere; nothing is collected as garbage. So whatever happens in a tree, the mirror stays as the last fetch
left it. Were they the mirror's own, a commit in one of them would make the next fetch fail: git looks at each tree's
HEAD, and finds an object that the mirror doesn't have.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from janitor.domain.errors import WorkspaceError
from janitor.guest.processes.marked import end_marked
from janitor.services.workspaces.git import FETCH_LIMIT, Git, transport_of
from janitor.services.workspaces.turns import turn

MIRROR_MARK = "JANITOR_MIRROR"
"""Variable of every git that writes in a mirror: the mirror's folder."""
_TURN_LIMIT = FETCH_LIMIT + timedelta(minutes=1)
_KILL_LIMIT = timedelta(seconds=10)
_CONFIG = """\
[core]
	repositoryformatversion = 0
	filemode = true
	bare = true
"""
_REFS = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
_FOREIGN = ("hooks", "info/attributes", "info/grafts", "info/sparse-checkout", "objects/info/alternates", "shallow")
"""What would act on what is made of a mirror, and what none of ours ever has."""


@dataclass(frozen=True, kw_only=True)
class Mirror:
    """One repository's mirror."""

    mirrors: Path
    """Where all of them are."""
    url: str
    git: Git

    @property
    def path(self) -> Path:
        """Its bare repository."""
        return self.mirrors / f"{hashlib.sha256(self.url.encode()).hexdigest()[:16]}.git"

    @property
    def hub(self) -> Path:
        """The repository that working trees belong to; it has no objects and no refs."""
        return self.path.with_suffix(".trees")

    def refresh(self, *, limit: timedelta = FETCH_LIMIT) -> None:
        """Fetch what the repository has now; whoever else wants to waits for its turn.

        Args:
            limit: For the fetch itself.

        Raises:
            WorkspaceError: The address isn't fetched from, the repository can't be had, or others kept the mirror.
        """
        transport = transport_of(self.url)
        with _writing(self.path, limit=_TURN_LIMIT):
            self.git.prepare()
            for folder in (self.path, self.hub):
                self._make(folder)
            self.require_untouched()
            env = {"GIT_ALLOW_PROTOCOL": transport, MIRROR_MARK: str(self.path), "GIT_DIR": str(self.path)}
            words = ["fetch", "--quiet", "--no-tags", "--prune", "--no-write-fetch-head", "--", self.url, *_REFS]
            self.git(*words, cwd=self.path, limit=limit, env=env)

    def commit_of(self, ref: str) -> str:
        """The commit that a branch, a tag or a SHA names in the mirror.

        Raises:
            WorkspaceError: There is none.
        """
        for name in (f"refs/heads/{ref}", f"refs/tags/{ref}", ref):
            with contextlib.suppress(WorkspaceError):
                words = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"]
                return self.git(*words, cwd=self.path, env={"GIT_DIR": str(self.path)}).output.text.strip()
        raise WorkspaceError(f"{self.url} has no branch, tag or commit {ref!a}; was it pushed, and then fetched?")

    def require_untouched(self) -> None:
        """Make sure that nobody put into the mirror what would act on its trees.

        Raises:
            WorkspaceError: Somebody did.
        """
        for folder in (self.path, self.hub):
            try:
                is_ours = (folder / "config").read_text(encoding="utf-8") == _CONFIG
            except (OSError, UnicodeDecodeError):
                is_ours = False
            foreign = [name for name in _FOREIGN if os.path.lexists(folder / name)]
            if not is_ours or foreign:
                what = ", ".join(foreign) or "its settings"
                raise WorkspaceError(
                    f"the mirror {folder} was changed by somebody else ({what}): it is used no more. Look at it, then"
                    " remove it when no lease is held; the next fetch makes it anew"
                )

    def _make(self, folder: Path) -> None:
        """Make a repository, whole or not at all; one that was killed on the way is begun anew."""
        if (folder / "HEAD").exists():
            return
        new = folder.with_name(f"{folder.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        self.git("init", "--quiet", "--bare", "--template=", str(new), cwd=self.mirrors)
        (new / "config").write_text(_CONFIG, encoding="utf-8")
        new.replace(folder)


@contextmanager
def _writing(mirror: Path, *, limit: timedelta) -> Iterator[None]:
    """Be the only one who writes in a mirror; what a dead one left at work is ended first."""
    with turn(mirror.with_suffix(".lock"), what=f"fetching into {mirror.name}", limit=limit):
        if left := end_marked(MIRROR_MARK, str(mirror), within=_KILL_LIMIT):
            raise WorkspaceError(f"processes {left} still write in the mirror {mirror}; end them, then try again")
        # git would wait for ever for locks that a killed fetch left; nobody else writes here.
        refs = [Path(at) / name for at, _, names in os.walk(mirror / "refs") for name in names]
        locks = [each for each in (*refs, *mirror.glob("*.lock")) if each.suffix == ".lock"]
        for each in (*locks, *(mirror / "objects" / "pack").glob("tmp_*")):
            each.unlink(missing_ok=True)
        yield


def tidy(mirror: Path) -> None:
    """Remove what a killed fetch left in a mirror; one that is being fetched is left alone.

    Raises:
        WorkspaceError: It is being fetched, or a process can't be ended.
    """
    with _writing(mirror, limit=timedelta()):
        pass
