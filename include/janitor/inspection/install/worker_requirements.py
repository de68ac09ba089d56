"""The Python packages that a worker asks for: in its Dockerfile, else in the files where workers keep them."""

from __future__ import annotations

import functools
import posixpath
from collections.abc import Mapping
from pathlib import PurePosixPath

from janitor.inspection.dockerfile.stages import Dockerfile, Run
from janitor.inspection.install.install import IMAGE_PATH, plan_installs
from janitor.inspection.install.requirements import RequirementSet, decoded_requirements, read_requirements
from janitor.inspection.tree import RepositoryTree, UnreadableError

USUAL_FILES = ("builder/requirements.txt", "requirements.txt")


def worker_requirements(
    dockerfile: Dockerfile | None, image_files: Mapping[str, PurePosixPath], tree: RepositoryTree
) -> list[RequirementSet]:
    """One set for each installation command, in order.

    Args:
        dockerfile: None if it could not be read.
        image_files: Absolute path in the image → path in the repository.
        tree: The checkout.
    """

    mounts = {
        step.line: step.mounts
        for stage in (dockerfile.stages if dockerfile is not None else ())
        for step in stage.steps
        if isinstance(step, Run)
    }

    def from_image(path: str, line: int) -> tuple[PurePosixPath, str] | None:
        full = path.removeprefix(IMAGE_PATH)
        for mount in mounts.get(line, ()):
            inner = posixpath.relpath(full, mount.target)
            if inner == "." or not inner.startswith(".."):
                mounted = posixpath.normpath(posixpath.join("/", mount.source, inner)).lstrip("/")
                return from_tree(mounted)
        source = image_files.get(full)
        return None if source is None else from_tree(str(source))

    def from_tree(path: str) -> tuple[PurePosixPath, str] | None:
        try:
            return PurePosixPath(path), decoded_requirements(tree.read(path))
        except (UnreadableError, UnicodeDecodeError):
            return None

    folders = {str(parent) for path in image_files for parent in PurePosixPath(path).parents} - {"/"}
    installs = (
        plan_installs(dockerfile, lambda path: path in image_files or path in folders).installs if dockerfile else ()
    )
    sets = []
    for install in installs:
        read = functools.partial(from_image, line=install.line)
        sets.append(read_requirements(install.arguments, read=read, line=install.line))
    if not sets:
        name = next((name for name in USUAL_FILES if tree.is_file(name)), None)
        sets = [read_requirements(["-r", name], read=from_tree, line=0)] if name is not None else []
    return [each for each in sets if each.requirements or each.unread]
