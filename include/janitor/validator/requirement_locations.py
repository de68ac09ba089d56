"""The places that a failed installation speaks of: the requirement that asks for what can't be had."""

from __future__ import annotations

from pathlib import PurePosixPath

from janitor.diagnosis.requirement_place import requirements_at_fault
from janitor.inspection.install.worker_requirements import worker_requirements
from janitor.inspection.location import Location
from janitor.inspection.tree import RepositoryTree
from janitor.validator.facts import ImageFacts


def requirement_locations(
    text: str, message: str, *, image: ImageFacts, tree: RepositoryTree, line: int
) -> list[Location]:
    """The lines of requirements that the installer's words name, else the command's own.

    Args:
        text: The installer's words.
        message: What is said of the place.
        image: With the Dockerfile.
        tree: The checkout.
        line: Of the command that failed, in the Dockerfile; 0 if it stands in none.
    """
    dockerfile = str(image.path)
    files = {path: PurePosixPath(source) for path, source in image.files.items()}
    sets = worker_requirements(image.dockerfile, files, tree)
    places = [
        Location(path=each.path or dockerfile, line=each.line or None, message=message)
        for each in requirements_at_fault(text, sets, line=line)
    ]
    return places or [Location(path=dockerfile, line=line or None, message=message)]
