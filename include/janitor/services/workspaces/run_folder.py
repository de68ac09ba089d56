"""The folder of a run: its working trees, what is kept of them, and its artefacts. Nothing is written outside of it.

    <runs>/<run>/trees/<lease>.<fence>/              a working tree
    <runs>/<run>/objects/<lease>.<fence>/            git objects that were made in it
    <runs>/<run>/patches/<lease>.<fence>.patch       work that was in no commit when it was removed
    <runs>/<run>/artefacts/<shard>/<attempt>.<fence>/<name>

The fence is in each path: a holder that lost its lease writes where nobody looks any more. Names are encoded one to
one, and no link is followed below the run's folder.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from janitor.domain.errors import WorkspaceError
from janitor.domain.workspace.lease import Lease
from janitor.domain.workspace.names import file_name

_PRIVATE_FOLDER = 0o700
_PRIVATE_FILE = 0o600
_LARGEST_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True)
class RunFolder:
    """Where everything of one run is."""

    runs: Path
    """The root of all runs."""
    run_id: str

    @property
    def path(self) -> Path:
        """The run's own folder."""
        return self.runs.resolve() / file_name(self.run_id)

    @property
    def trees(self) -> Path:
        """Where its working trees are."""
        return self.path / "trees"

    def objects_of(self, lease: Lease) -> Path:
        """Where git puts what is made in a lease's tree."""
        return self.path / "objects" / lease.name

    def patch_of(self, lease: Lease) -> Path:
        """Where the work of a lease's tree is kept."""
        return self.path / "patches" / f"{lease.name}.patch"

    def artefacts_of(self, shard: str) -> Path:
        """Where the artefacts of a shard are, those of each attempt in a folder."""
        return self.path / "artefacts" / file_name(shard)

    def artefact(self, shard: str, attempt: int, lease: Lease, name: str) -> Path:
        """Where an artefact of a shard's attempt is, for example the checks before a change.

        Args:
            shard: Whatever it is called; it becomes one folder.
            attempt: From 1.
            lease: The one that it is made under.
            name: Whatever it is called; it becomes one file.
        """
        return self.artefacts_of(shard) / f"{attempt}.{lease.fence}" / file_name(name)

    def write(self, path: Path, content: bytes) -> None:
        """Write a file of this run, whole or not at all; one that is there is replaced.

        Raises:
            WorkspaceError: It isn't in the run's folder, a link is on the way, it is too large, or the disk refuses.
        """
        if len(content) > _LARGEST_BYTES:
            raise WorkspaceError(
                f"{path} would have {len(content)} bytes; a file of a run has {_LARGEST_BYTES} at most"
            )
        # The path is one holder's alone; what a killed one left of it is replaced with it.
        temporary = path.with_name(f".{path.name}.new")
        try:
            self.make(path.parent)
            temporary.unlink(missing_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(temporary, flags, _PRIVATE_FILE), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError as exc:
            raise WorkspaceError(f"{path} can't be written: {exc.strerror}; is the disk full?") from exc
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink()

    def make(self, folder: Path) -> None:
        """Make a folder of this run, its owner's alone.

        Raises:
            WorkspaceError: It isn't in the run's folder, or a link is on the way.
            OSError: The disk refuses.
        """
        runs = self.runs.resolve()
        if ".." in folder.parts or not folder.is_relative_to(self.path):
            raise WorkspaceError(f"{folder} is not in the folder of run {self.run_id}, {self.path}")
        runs.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
        current = runs
        for part in folder.relative_to(runs).parts:
            current /= part
            with contextlib.suppress(FileExistsError):
                current.mkdir(mode=_PRIVATE_FOLDER)
            if current.is_symlink() or not current.is_dir():
                raise WorkspaceError(
                    f"{current} is no folder of run {self.run_id}: something else lies there; remove it"
                )
