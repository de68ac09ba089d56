"""A folder that stands for the image's file system, where no image is built.

Every run of the worker starts from what the build left, as a new container does: what an earlier run made, changed or
removed must not fail a later one.
"""

from __future__ import annotations

import contextlib
import os
import posixpath
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from janitor.guest.processes.confinement import hand_over
from janitor.validator.engine import EngineError
from janitor.validator.workspace import Workspace, remove_tree

_LARGEST_COPY_BYTES = 4 * 1024**2


class ImageFolder:
    """The image's files of one validation.

    Args:
        workspace: Of the validation; the files lie in it.
        root: Where else they lie, for what is no worker's file system; it must be within the workspace.
    """

    def __init__(self, workspace: Workspace, root: Path | None = None) -> None:
        self._workspace = workspace
        self._root = workspace.image_root if root is None else root

    def real(self, image_path: str) -> Path:
        """Where a path of the image lies here."""
        return self._root / posixpath.normpath("/" + image_path).lstrip("/")

    def held(self, image_path: str) -> Path:
        """The same, for writing there: links that the repository's processes made lead nowhere else.

        Raises:
            OSError: A folder above it is a link out of the image.
        """
        path = self.real(image_path)
        root = os.path.realpath(self._root)
        if os.path.commonpath((root, os.path.realpath(path.parent))) != root and path != self._root:
            raise OSError(f"{image_path} leads out of the image by a link")
        return path

    def lay_out(self, files: Mapping[str, PurePosixPath], source_root: Path, workdir: str) -> None:
        """Put the repository's files where the image has them. Large ones are linked; the others are copies, so that a
        worker that writes into its own leaves the checkout as it is.

        Args:
            files: Path in the image → path in the repository.
            source_root: The repository.
            workdir: Where the image's command starts.

        Raises:
            OSError: They can't lie so, as where a file has the place of a folder.
        """
        for path, source in files.items():
            target = self.held(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            _copy_or_link(str(source_root / source), str(target), follow_symlinks=False)
        self.held(workdir).mkdir(parents=True, exist_ok=True)
        hand_over(self._root)

    def settle(self, copied: Mapping[str, PurePosixPath], held: Mapping[str, PurePosixPath], source_root: Path) -> None:
        """Leave of what was copied what the finished image holds, and put what its commands moved where they put it.

        Args:
            copied: What was laid out: path in the image → path in the repository.
            held: What is in the finished image.
            source_root: The repository.

        Raises:
            OSError: They can't lie so.
        """
        for path in copied:
            if path not in held:
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    self.held(path).unlink()
        for path, source in held.items():
            if path not in copied:
                target = self.held(path)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.unlink(missing_ok=True)
                _copy_or_link(str(source_root / source), str(target), follow_symlinks=False)
        hand_over(self._root)

    def make_folder(self, path: str) -> None:
        """Make a folder as a command of the build does; where a file stands in the way, there is none."""
        with contextlib.suppress(OSError):
            self.held(path).mkdir(parents=True, exist_ok=True)
            hand_over(self._root)

    def keep(self) -> None:
        """What lies here now is what every run starts from."""
        self._workspace.image_root.rename(self._workspace.pristine)
        # Closed to whom its files were handed over: they may change the copy that they run in.
        os.chown(self._workspace.pristine, os.geteuid(), os.getegid(), follow_symlinks=False)
        self._workspace.pristine.chmod(0o700)

    def start_afresh(self) -> None:
        """Bring the files back to what was kept, with an empty home and temporary folder.

        Raises:
            EngineError: They can't be brought back.
        """
        workspace = self._workspace
        try:
            workspace.renew_for_processes()
            remove_tree(workspace.image_root)
            shutil.copytree(
                workspace.pristine, workspace.image_root, symlinks=True, copy_function=_copy_or_link, dirs_exist_ok=True
            )
            workspace.image_root.chmod(0o755)
            hand_over(workspace.image_root)
        except (OSError, shutil.Error) as exc:
            raise EngineError(f"the worker's files can't be laid out: {exc}") from exc


def _copy_or_link(source: str, target: str, *, follow_symlinks: bool = True) -> str:
    """Copy a file; a large one is linked, as models are, which no worker writes into."""
    if os.stat(source, follow_symlinks=follow_symlinks).st_size > _LARGEST_COPY_BYTES:
        with contextlib.suppress(OSError):
            os.link(source, target, follow_symlinks=follow_symlinks)
            return target
    return str(shutil.copy2(source, target, follow_symlinks=follow_symlinks))
