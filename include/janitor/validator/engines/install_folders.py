"""Where each installation finds its files: in the image's folder, or in one of its own for what the image never has.

A stage that the image copies from has its own files, and a RUN sees by a mount what no image keeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from janitor.validator.dockerfile.image_files import mounted_files, stage_files
from janitor.validator.dockerfile.sources import BuildContext
from janitor.validator.dockerfile.steps import Dockerfile
from janitor.validator.engines.image_folder import ImageFolder
from janitor.validator.engines.install import Install
from janitor.validator.workspace import Workspace


class InstallFolders:
    """The folders of one validation's installations.

    Args:
        workspace: Of the validation; they lie in it.
        image: The image's own folder.
        dockerfile: The Dockerfile.
        context: Its build context.
        source_root: The repository.
    """

    def __init__(
        self, workspace: Workspace, image: ImageFolder, dockerfile: Dockerfile, context: BuildContext, source_root: Path
    ) -> None:
        self._workspace = workspace
        self._image = image
        self._dockerfile = dockerfile
        self._context = context
        self._source_root = source_root
        self._stages: Mapping[int, Mapping[str, PurePosixPath]] | None = None
        self._made: dict[tuple[object, ...], ImageFolder] = {}

    def of(self, install: Install) -> ImageFolder:
        """The folder that stands for what this installation sees. It stays: packages can be installed as links to it.

        Raises:
            OSError: Its files can't be laid out.
        """
        if install.stage is None and not install.mounts:
            return self._image
        stage = self._dockerfile.final if install.stage is None else self._dockerfile.stages[install.stage]
        key = (stage.index, install.mounts)
        if key not in self._made:
            if self._stages is None:
                self._stages = stage_files(self._dockerfile, self._context)
            folder = ImageFolder(self._workspace, self._workspace.root / f"build-{len(self._made)}")
            files = {**self._stages[stage.index], **mounted_files(install.mounts, self._context)}
            folder.lay_out(files, self._source_root, install.workdir)
            self._made[key] = folder
        return self._made[key]
