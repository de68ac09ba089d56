"""Where each installation finds its files: in the image's folder, or in one of its own for what the image never has.

An installation sees what the instructions before it put there: a build fails for want of a file that is copied later.
A stage that the image copies from has its own files, and a RUN sees by a mount what no image keeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from janitor.inspection.dockerfile.image_files import StageFiles, mounted_files
from janitor.inspection.dockerfile.sources import BuildContext
from janitor.inspection.dockerfile.steps import Dockerfile, Mount
from janitor.inspection.install.install import Install
from janitor.validator.engines.venv.image_folder import ImageFolder
from janitor.validator.workspace import Workspace


class InstallFolders:
    """The folders of one validation's installations. They stay: packages can be installed as links to them.

    Args:
        workspace: Of the validation; they lie in it.
        image: The image's own folder.
        dockerfile: The Dockerfile.
        context: Its build context.
        stages: The files of its stages, by the stage's index.
        source_root: The repository.
    """

    def __init__(
        self,
        *,
        workspace: Workspace,
        image: ImageFolder,
        dockerfile: Dockerfile,
        context: BuildContext,
        stages: Mapping[int, StageFiles],
        source_root: Path,
    ) -> None:
        self._workspace = workspace
        self._dockerfile = dockerfile
        self._context = context
        self._source_root = source_root
        self._stages = stages
        final = dockerfile.final
        # By a stage's index and what is mounted; the image's own folder is that of the final stage without mounts.
        self._filled: dict[tuple[int, tuple[Mount, ...]], _Filling] = {
            (final.index, ()): _Filling(image, stages[final.index], {}, final.workdir)
        }

    def of(self, install: Install) -> ImageFolder:
        """The folder that stands for what this installation sees.

        Raises:
            OSError: Its files can't be laid out.
        """
        stage = self._dockerfile.final if install.stage is None else self._dockerfile.stages[install.stage]
        key = (stage.index, install.mounts)
        if key not in self._filled:
            folder = ImageFolder(self._workspace, self._workspace.root / f"build-{len(self._filled)}")
            mounted = mounted_files(install.mounts, self._context)
            self._filled[key] = _Filling(folder, self._stages[stage.index], mounted, install.workdir)
        filling = self._filled[key]
        # What no line asks for is installed once the image is whole.
        filling.fill(self._source_root, before=install.line or None)
        return filling.folder

    def complete(self) -> None:
        """Bring in what the instructions after the last installation do.

        Raises:
            OSError: Those files can't be laid out.
        """
        for filling in self._filled.values():
            filling.fill(self._source_root, before=None)


class _Filling:
    """A folder that gets its files as the build goes on."""

    def __init__(
        self, folder: ImageFolder, stage: StageFiles, mounted: Mapping[str, PurePosixPath], workdir: str
    ) -> None:
        self.folder = folder
        self._stage = stage
        self._mounted = mounted
        self._workdir = workdir
        self._there: dict[str, PurePosixPath] = {}

    def fill(self, source_root: Path, *, before: int | None) -> None:
        """Lay out what is there when the instruction of a line runs, or all of it."""
        files = {**(self._stage.files if before is None else self._stage.before(before)), **self._mounted}
        new = {path: source for path, source in files.items() if self._there.get(path) != source}
        self.folder.lay_out(new, source_root, self._workdir)
        self._there |= new
