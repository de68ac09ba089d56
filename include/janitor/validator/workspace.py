"""The folder in which one validation does everything, made for it and removed with it."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from janitor.guest.processes.confinement import hand_over

_PREFIX = "janitor-"
WORKSPACE_PATTERN = r"janitor-[a-z0-9_]{8}"
"""The name of one. Source: tempfile, which draws eight characters."""


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """Where things lie during one validation; everything below `root`."""

    root: Path

    @classmethod
    def make(cls, parent: Path) -> Workspace:
        """Make a private workspace in `parent`.

        Raises:
            OSError: It can't be made.
        """
        workspace = cls(root=Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent)).resolve())
        for folder in (workspace.theirs, workspace.home, workspace.temporary, workspace.neutral):
            folder.mkdir(mode=0o755)
        workspace.own.mkdir(mode=0o700)
        # The repository's processes, which may be another user's, reach what is theirs by its name.
        workspace.root.chmod(0o711)
        return workspace

    @property
    def checkout(self) -> Path:
        """The repository at the commit under validation."""
        return self.root / "repository"

    @property
    def image_root(self) -> Path:
        """What stands for the image's file system in the venv engine."""
        return self.root / "image"

    @property
    def pristine(self) -> Path:
        """The same as the build left it; what stands for a new container's file system."""
        return self.root / "pristine"

    @property
    def venv(self) -> Path:
        """The worker's Python environment in the venv engine."""
        return self.root / "venv"

    @property
    def theirs(self) -> Path:
        """Where the next two lie: a folder of the repository's processes, so that they can remove them, too."""
        return self.root / "theirs"

    @property
    def home(self) -> Path:
        """The home of the repository's processes."""
        return self.theirs / "home"

    @property
    def temporary(self) -> Path:
        """The temporary folder of the repository's processes."""
        return self.theirs / "tmp"

    @property
    def own(self) -> Path:
        """For the validator's files alone, such as those with a container's variables."""
        return self.root / "own"

    @property
    def neutral(self) -> Path:
        """An empty folder, for programs that would read settings from where they start."""
        return self.root / "neutral"

    def write_probe(self, text: str) -> Path:
        """A folder with a module that Python loads before any program, readable for the repository's processes."""
        folder = self.root / "probe"
        folder.mkdir(mode=0o755, exist_ok=True)
        module = folder / "sitecustomize.py"
        module.write_text(text)
        module.chmod(0o644)
        return folder

    def renew_for_processes(self) -> None:
        """Give the repository's processes an empty home and temporary folder, as a new container has them."""
        for folder in (self.home, self.temporary):
            remove_tree(folder)
            folder.mkdir(exist_ok=True)
            hand_over(folder)

    def remove(self) -> bool:
        """Remove the workspace; returns whether it is gone."""
        return remove_tree(self.root)


def remove_tree(folder: Path) -> bool:
    """Remove a folder that a worker may have closed to us; returns whether it is gone."""

    def open_up(function: object, path: str, _error: object) -> None:
        # A worker may have taken its own folders' write permission away.
        try:
            target = Path(path)
            if target != folder:  # what is above the folder is not the worker's
                target.parent.chmod(stat.S_IRWXU)
            if target.is_dir() and not target.is_symlink():
                target.chmod(stat.S_IRWXU)
                shutil.rmtree(target, ignore_errors=True)
            else:
                target.unlink(missing_ok=True)
        except OSError:
            pass

    if folder.is_symlink() or not folder.exists():
        folder.unlink(missing_ok=True)
        return True
    try:
        shutil.rmtree(folder, onerror=open_up)
        if folder.exists():
            shutil.rmtree(folder, ignore_errors=True)
    except RecursionError:
        _remove_deep(folder)
    return not folder.exists()


def _remove_deep(folder: Path) -> None:
    """Remove a tree of any depth: each folder in it is brought up first, so that no path becomes long."""
    pending, number = [folder], 0
    emptied: list[Path] = []
    with contextlib.suppress(OSError):
        while pending:
            current = pending.pop()
            current.chmod(stat.S_IRWXU)
            emptied.append(current)
            for entry in list(os.scandir(current)):
                if entry.is_dir(follow_symlinks=False):
                    number += 1
                    place = folder / f".removed-{number}-{os.urandom(4).hex()}"
                    os.rename(entry.path, place)
                    pending.append(place)
                else:
                    os.unlink(entry.path)
        for each in reversed(emptied):
            each.rmdir()
