"""Writes the patch by which a part of the old world is put back: into the Dockerfile, where every engine reads it.

Packages are installed over what the build has installed, by its own installer and from its own indexes, without what
they ask for: so that nothing else moves. Where the build's installation itself fails, each of its installers is told
what it may not go beyond. A base image is named by its digest, a Python by its tag.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from janitor.domain.culprit.difference import Way
from janitor.domain.repair.proposal import Abstained
from janitor.domain.repair.writing import Edit, diff_of
from janitor.domain.result.provenance_changes import Changed, PartChange
from janitor.inspection.dockerfile.lexer import DockerfileSyntaxError
from janitor.inspection.repository.layout import read_layout
from janitor.inspection.tree import RepositoryTree, UnreadableError
from janitor.protocol.order.patch import LONGEST_PATCH, Patch
from janitor.protocol.order.repository import RepositorySpec
from janitor.services.culprit.dockerfile_text import DockerfileText, TextEdit
from janitor.services.culprit.installers import Installer, NoInstallerError, installer_of, told_to_read

BOUNDS = ".janitor-constraints.txt"
"""The file that installers are told to read."""
_BOUNDS_PLACE = f"/tmp/{BOUNDS}"  # noqa: S108 - a place in the image that is built
_OFFICIAL_PYTHON = re.compile(r"((?:docker\.io/)?(?:library/)?python)(?::(?:3(?:\.\d+){0,2}|latest))?(-[\w.-]+)?")


def put_back(
    tree: RepositoryTree, repository: RepositorySpec, changes: Sequence[PartChange], way: Way
) -> Patch | Abstained:
    """The patch that puts changes back.

    Args:
        tree: The repository at the failure's commit.
        repository: How it is built.
        changes: What is put back; at least one.
        way: How packages are.
    """
    try:
        return _put_back(tree, repository, changes, way)
    except _CantError as exc:
        return Abstained(reason=str(exc))
    except NoInstallerError as exc:
        return Abstained(reason=f"packages can't be put back: {exc}")
    except (UnreadableError, DockerfileSyntaxError) as exc:
        return Abstained(reason=f"the Dockerfile can't be read: {exc}")


class _CantError(Exception):
    """It can't be put back; the message says which and why."""


def _put_back(
    tree: RepositoryTree, repository: RepositorySpec, changes: Sequence[PartChange], way: Way
) -> Patch | Abstained:
    if repository.bake_target is not None:
        raise _CantError(f"the image is built by the bake target {repository.bake_target}, whose file isn't changed")
    path = read_layout(tree, dockerfile=repository.dockerfile).dockerfile
    if path is None:
        raise _CantError("the repository has no Dockerfile of the usual name, and none is named for it")
    dockerfile = DockerfileText.read(tree, path, repository.build_args)
    edits: list[TextEdit] = []
    files: dict[str, Edit] = {}
    for change in changes:
        if change.part is Changed.BASE_IMAGE:
            edits += _image_edits(dockerfile, change)
        elif change.part is Changed.PYTHON:
            edits += _python_edits(dockerfile, change)
    packages = [each for each in changes if each.part is Changed.PACKAGE]
    if packages and way is Way.INSTALLED:
        edits += _installing(dockerfile, installer_of(dockerfile, tree), packages)
    elif packages:
        edits += told_to_read(dockerfile, copied=BOUNDS, to=_BOUNDS_PLACE)
        files |= _bounds(tree, path, packages)
    files[str(path)] = Edit(before=dockerfile.text, after=dockerfile.edited(edits))
    text = diff_of(files)
    if not text or len(text) > LONGEST_PATCH:
        raise _CantError("the patch would be empty" if not text else "the patch would be longer than one may be")
    return Patch.of(text)


def _installing(dockerfile: DockerfileText, installer: Installer, packages: Sequence[PartChange]) -> list[TextEdit]:
    """Lines after the last installation: old versions over new ones, and what wasn't there taken away."""
    pins = [f"{each.name}=={each.before}" for each in packages if each.before is not None]
    came = [each.name or "" for each in packages if each.before is None]
    lines = [installer.install(pins)] if pins else []
    lines += [installer.uninstall(came)] if came else []
    return [dockerfile.after_instruction(installer.line, lines)]


def _bounds(tree: RepositoryTree, dockerfile: PurePosixPath, packages: Sequence[PartChange]) -> dict[str, Edit]:
    """The file of versions, and the context that has it."""
    if tree.is_file(PurePosixPath(BOUNDS)):
        raise _CantError(f"the repository has a {BOUNDS} of its own")
    lines = [f"{each.name}=={each.before}\n" for each in packages if each.before is not None]
    files = {BOUNDS: Edit(before=None, after="".join(lines))}
    for ignore in (dockerfile.with_name(f"{dockerfile.name}.dockerignore"), PurePosixPath(".dockerignore")):
        if tree.is_file(ignore):
            before = tree.read_text(ignore)
            end = "" if before.endswith("\n") or not before else "\n"
            files[str(ignore)] = Edit(before=before, after=f"{before}{end}!{BOUNDS}\n")
            break
    return files


def _image_edits(dockerfile: DockerfileText, change: PartChange) -> list[TextEdit]:
    """`FROM reference@digest` wherever the reference stands."""
    edits = dockerfile.renamed_images({change.name or "": f"{(change.name or '').partition('@')[0]}@{change.before}"})
    if not edits:
        raise _CantError(f"the base image {change.name} can't be put back: no FROM or COPY --from names it plainly")
    return edits


def _python_edits(dockerfile: DockerfileText, change: PartChange) -> list[TextEdit]:
    """The official image of the minor version that it was."""
    base = dockerfile.parsed.final.base_image
    match = _OFFICIAL_PYTHON.fullmatch(base)
    if match is None:
        raise _CantError(f"Python {change.before} can't be put back: {base} isn't the official image of a Python")
    minor = ".".join((change.before or "").split(".")[:2])
    edits = dockerfile.renamed_images({base: f"{match[1]}:{minor}{match[2] or ''}"})
    if not edits:
        raise _CantError(f"Python {change.before} can't be put back: no FROM names {base} plainly")
    return edits
